// SPDX-License-Identifier: MIT
/// \file
/// \brief Unpredictable bytes (GnuTLS). The only source of randomness of the library.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace natterjack::net {

/// Fills \a out. Aborts the process when the system has no randomness to give: nothing here is safe
/// without.
void fill_random(std::span<std::uint8_t> out);

template<std::size_t N>
[[nodiscard]] std::array<std::uint8_t, N> random_bytes() {
    std::array<std::uint8_t, N> out{};
    fill_random(out);
    return out;
}

/// Uniform in [low, high].
[[nodiscard]] std::uint32_t random_between(std::uint32_t low, std::uint32_t high);

/// So many of A-Z a-z 0-9 + /, six bits of randomness each.
[[nodiscard]] std::string random_text(std::size_t length);

} // namespace natterjack::net
