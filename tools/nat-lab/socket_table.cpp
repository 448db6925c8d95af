// SPDX-License-Identifier: MIT
#include "socket_table.hpp"

#include <array>
#include <cstdio>
#include <optional>
#include <string>

#include <arpa/inet.h>

#include "base/number.hpp"

namespace natterjack::lab {

namespace {

constexpr unsigned kListen = 0x0A; // TCP_LISTEN of the kernel's tcp_states.h

std::string_view next_field(std::string_view& line) {
    const auto start = line.find_first_not_of(' ');
    if (start == std::string_view::npos) return {};
    const auto end = line.find(' ', start);
    const auto field = line.substr(start, end == std::string_view::npos ? end : end - start);
    line.remove_prefix(end == std::string_view::npos ? line.size() : end);
    return field;
}

std::optional<std::uint32_t> parse_hex(std::string_view text) {
    return parse_number<std::uint32_t>(text, 16);
}

/// "0101A8C0", and four of them for IPv6: the machine's own reading of each four bytes.
std::string shown(int family, const std::array<std::uint32_t, 4>& address) {
    std::string out;
    for (std::size_t i = 0; i < (family == AF_INET ? 1U : 4U); ++i) {
        std::array<char, 9> word{};
        std::snprintf(word.data(), word.size(), "%08X", address.at(i));
        out += word.data();
    }
    return out;
}

/// "  12: 0101A8C0:14E7 00000000:0000 07 ...": slot, local and remote endpoint, state.
/// \a address: as shown(); empty: any.
bool matches(std::string_view line, const AwaitedSocket& wanted, const std::string& address) {
    next_field(line);
    const auto local = next_field(line);
    next_field(line);
    const auto state = parse_hex(next_field(line));
    const auto colon = local.find(':');
    if (colon == std::string_view::npos) return false;
    const auto bound = local.substr(0, colon);
    const auto port = parse_hex(local.substr(colon + 1));
    if (!port || *port != wanted.port) return false;
    if (wanted.tcp && state != kListen) return false;
    const bool all = bound.find_first_not_of('0') == std::string_view::npos;
    return parse_hex(bound.substr(0, 8)) && (address.empty() || all || bound == address);
}

} // namespace

bool is_open(std::string_view table, const AwaitedSocket& wanted) {
    std::string address;
    if (!wanted.address.empty()) {
        const int family = is_ipv6(wanted) ? AF_INET6 : AF_INET;
        std::array<std::uint32_t, 4> words{};
        if (::inet_pton(family, wanted.address.c_str(), words.data()) != 1) return false;
        address = shown(family, words);
    }
    while (!table.empty()) {
        const auto end = table.find('\n');
        if (matches(table.substr(0, end), wanted, address)) return true;
        if (end == std::string_view::npos) break;
        table.remove_prefix(end + 1);
    }
    return false;
}

} // namespace natterjack::lab
