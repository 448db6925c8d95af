// SPDX-License-Identifier: MIT
/// \file
/// \brief Reading ASCII protocols token by token. Independent of the locale.
#pragma once

#include <algorithm>
#include <string_view>

namespace natterjack {

[[nodiscard]] constexpr bool is_letter(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
[[nodiscard]] constexpr bool is_alphanumeric(char c) noexcept {
    return is_letter(c) || (c >= '0' && c <= '9');
}

/// True when all is printable ASCII without space.
[[nodiscard]] inline bool is_visible(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

/// Takes what stands before the first \a separator off the front of \a text, and the separator with
/// it; all of \a text when there is none.
[[nodiscard]] inline std::string_view take_until(std::string_view& text, char separator) noexcept {
    const auto position = text.find(separator);
    const auto head = text.substr(0, position);
    text.remove_prefix(position == std::string_view::npos ? text.size() : position + 1);
    return head;
}

/// Splits at single spaces. The text must outlive the reader.
class TokenReader {
public:
    explicit TokenReader(std::string_view text) noexcept : rest_(text) {}

    /// Empty at the end, and between two spaces in a row.
    [[nodiscard]] std::string_view next() noexcept { return take_until(rest_, ' '); }
    [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }

private:
    std::string_view rest_;
};

} // namespace natterjack
