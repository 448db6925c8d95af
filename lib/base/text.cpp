// SPDX-License-Identifier: MIT
#include "base/text.hpp"

#include <array>
#include <cstdint>

namespace natterjack {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD"; // U+FFFD

struct Decoded {
    std::uint32_t code_point = 0;
    std::size_t length = 0; // 0: not UTF-8
};

bool is_continuation(char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) == 0x80;
}

// One character of UTF-8 (RFC 3629 section 4): no overlong forms, no surrogates, at most U+10FFFF.
Decoded decode_utf8(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text[0]);
    if (lead < 0x80) return {lead, 1};
    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 0;
    if (length == 0 || lead > 0xF4 || text.size() < length) return {};
    std::uint32_t code_point = lead & (0x7FU >> length);
    for (std::size_t i = 1; i < length; ++i) {
        if (!is_continuation(text[i])) return {};
        code_point = (code_point << 6U) | (static_cast<unsigned char>(text[i]) & 0x3FU);
    }
    constexpr std::array<std::uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
    if (code_point < kSmallest.at(length) || code_point > 0x10FFFF || surrogate) return {};
    return {code_point, length};
}

bool is_dropped(std::uint32_t code_point) {
    return code_point < 0x20 || (code_point >= 0x7F && code_point <= 0x9F) ||
           (code_point & 0xFFFEU) == 0xFFFE;
}

} // namespace

std::string printable(std::string_view text, std::size_t max_bytes) {
    std::string out;
    while (!text.empty()) {
        const auto decoded = decode_utf8(text);
        auto piece = decoded.length == 0 ? kReplacement : text.substr(0, decoded.length);
        if (decoded.length != 0 && is_dropped(decoded.code_point)) piece = {};
        if (piece.size() > max_bytes - out.size()) break;
        out += piece;
        text.remove_prefix(std::max<std::size_t>(decoded.length, 1));
    }
    return out;
}

} // namespace natterjack
