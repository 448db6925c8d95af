// SPDX-License-Identifier: MIT
/// \file
/// \brief Small helpers for text that comes from the network.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace natterjack {

/// ASCII only: bytes above 127 are never letters here.
[[nodiscard]] constexpr char ascii_lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

[[nodiscard]] constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return ascii_lower(x) == ascii_lower(y); });
}

/// Without the spaces, tabs and line ends at both ends.
[[nodiscard]] constexpr std::string_view trim(std::string_view text) noexcept {
    constexpr std::string_view kBlank = " \t\r\n";
    const auto first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

/// A copy that is safe to print and to put into JSON or XML: valid UTF-8 (what is not becomes
/// U+FFFD), without control characters (C0, DEL, C1) and noncharacters, cut to at most \a max_bytes
/// between characters.
[[nodiscard]] std::string printable(std::string_view text,
                                    std::size_t max_bytes = std::string_view::npos);

} // namespace natterjack
