// SPDX-License-Identifier: MIT
#include "net/tcp_table.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "base/number.hpp"
#include "base/text.hpp"

namespace natterjack::net {

namespace {

constexpr unsigned kSynSent = 2; // include/net/tcp_states.h
constexpr unsigned kListen = 10;

/// "0100007F:1F90", or 32 digits before the colon.
std::optional<Endpoint> parse_endpoint(std::string_view text) {
    constexpr std::size_t kWord = 8; // digits
    const auto colon = text.find(':');
    if (colon != kWord && colon != 4 * kWord) return std::nullopt;
    IpAddress::Bytes bytes{};
    std::size_t at = colon == kWord ? 12 : 0;
    for (std::size_t i = 0; i < colon; i += kWord) {
        const auto word = parse_number<std::uint32_t>(text.substr(i, kWord), 16);
        if (!word) return std::nullopt;
        const auto raw = std::bit_cast<std::array<std::uint8_t, 4>>(*word); // as it is in memory
        for (const auto byte : raw) bytes.at(at++) = byte;
    }
    const auto port = parse_number<std::uint16_t>(text.substr(colon + 1), 16);
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
        const auto state = parse_number<unsigned>(next_word(line), 16);
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
