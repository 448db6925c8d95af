// SPDX-License-Identifier: MIT
/// \file
/// \brief Bytes as lower-case hexadecimal text.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace natterjack {

[[nodiscard]] inline std::string to_hex(ByteView bytes) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string out;
    for (const std::uint8_t byte : bytes) {
        out += kDigits[byte >> 4U];
        out += kDigits[byte & 15U];
    }
    return out;
}

/// Exactly N bytes, or nothing.
template<std::size_t N>
[[nodiscard]] std::optional<std::array<std::uint8_t, N>> from_hex(std::string_view text) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    if (text.size() != 2 * N) return std::nullopt;
    std::array<std::uint8_t, N> out{};
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto digit = kDigits.find(text[i]);
        if (digit == std::string_view::npos) return std::nullopt;
        out[i / 2] =
            static_cast<std::uint8_t>((unsigned{out[i / 2]} << 4U) | static_cast<unsigned>(digit));
    }
    return out;
}

} // namespace natterjack
