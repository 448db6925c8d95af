// SPDX-License-Identifier: MIT
#include "net/tcp_table.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "base/text.hpp"

namespace natterjack::net {

namespace {

constexpr unsigned kSynSent = 2; // include/net/tcp_states.h
constexpr unsigned kListen = 10;

template<class T>
std::optional<T> parse_hex(std::string_view text) {
    T value = 0;
    const auto* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value, 16);
    if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
    return value;
}

/// "0100007F:1F90", or 32 digits before the colon.
std::optional<Endpoint> parse_endpoint(std::string_view text) {
    constexpr std::size_t kWord = 8; // digits
    const auto colon = text.find(':');
    if (colon != kWord && colon != 4 * kWord) return std::nullopt;
    IpAddress::Bytes bytes{};
    std::size_t at = colon == kWord ? 12 : 0;
    for (std::size_t i = 0; i < colon; i += kWord) {
        const auto word = parse_hex<std::uint32_t>(text.substr(i, kWord));
        if (!word) return std::nullopt;
        const auto raw = std::bit_cast<std::array<std::uint8_t, 4>>(*word); // as it is in memory
        for (const auto byte : raw) bytes.at(at++) = byte;
    }
    const auto port = parse_hex<std::uint16_t>(text.substr(colon + 1));
    if (!port) return std::nullopt;
    if (colon == kWord) bytes[10] = bytes[11] = 0xff; // IPv4-mapped
    return Endpoint{IpAddress::v6(bytes), *port};
}

std::string_view take_until(std::string_view& text, char separator) {
    const auto head = text.substr(0, text.find(separator));
    text.remove_prefix(std::min(head.size() + 1, text.size()));
    return head;
}

std::string_view next_word(std::string_view& line) {
    line = trim(line);
    return take_until(line, ' ');
}

} // namespace

bool table_has_connection(std::string_view table, std::uint16_t local_port,
                          const Endpoint& remote) {
    while (!table.empty()) {
        auto line = take_until(table, '\n');
        next_word(line); // the entry's number
        const auto ours = parse_endpoint(next_word(line));
        const auto theirs = parse_endpoint(next_word(line));
        const auto state = parse_hex<unsigned>(next_word(line));
        if (!ours || !theirs || !state || *state == kSynSent || *state == kListen) continue;
        if (ours->port == local_port && *theirs == remote) return true;
    }
    return false;
}

bool has_connection(std::uint16_t local_port, const Endpoint& remote) {
    for (const auto* path : {"/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"}) {
        std::ifstream file(path, std::ios::binary);
        const std::string table{std::istreambuf_iterator<char>(file), {}};
        if (table_has_connection(table, local_port, remote)) return true;
    }
    return false;
}

} // namespace natterjack::net
