// SPDX-License-Identifier: MIT
/// \file
/// \brief Numbers in text that comes from the network or from people.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

namespace natterjack {

/// All of \a text as a number, decimal unless \a base says otherwise: no space, no overflow, and no
/// sign but the minus of a signed one.
template<std::integral T>
[[nodiscard]] std::optional<T> parse_number(std::string_view text, int base = 10) noexcept {
    T value = 0;
    const auto* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value, base);
    if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
    return value;
}

/// All of \a text as a port that one can send to: 1 to 65535, decimal.
[[nodiscard]] inline std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
    const auto port = parse_number<std::uint16_t>(text);
    return port && *port != 0 ? port : std::nullopt;
}

} // namespace natterjack
