// SPDX-License-Identifier: MIT
#include "socket_table.hpp"

#include <charconv>
#include <optional>

#include <arpa/inet.h>

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
    std::uint32_t value = 0;
    const auto* end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, value, 16);
    if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
    return value;
}

/// "  12: 0101A8C0:14E7 00000000:0000 07 ...": slot, local and remote endpoint, state. Addresses
/// are shown as the machine's own reading of the four bytes.
bool matches(std::string_view line, const AwaitedSocket& wanted, in_addr_t address) {
    next_field(line);
    const auto local = next_field(line);
    next_field(line);
    const auto state = parse_hex(next_field(line));
    const auto colon = local.find(':');
    if (colon == std::string_view::npos) return false;
    const auto bound = parse_hex(local.substr(0, colon));
    const auto port = parse_hex(local.substr(colon + 1));
    if (!bound || !port || *port != wanted.port) return false;
    if (wanted.tcp && state != kListen) return false;
    return address == INADDR_ANY || *bound == INADDR_ANY || *bound == address;
}

} // namespace

bool is_open(std::string_view table, const AwaitedSocket& wanted) {
    in_addr address{INADDR_ANY};
    if (!wanted.address.empty() && ::inet_pton(AF_INET, wanted.address.c_str(), &address) != 1) {
        return false;
    }
    while (!table.empty()) {
        const auto end = table.find('\n');
        if (matches(table.substr(0, end), wanted, address.s_addr)) return true;
        if (end == std::string_view::npos) break;
        table.remove_prefix(end + 1);
    }
    return false;
}

} // namespace natterjack::lab
