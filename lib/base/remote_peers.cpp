// SPDX-License-Identifier: MIT
#include <optional>

#include <natterjack/remote_peers.hpp>

#include "base/number.hpp"

namespace natterjack {

namespace {

constexpr unsigned kAddressBits = 128; // of the mapped form

Error no_peers(std::string_view text) {
    return {Errc::InvalidArgument,
            "\"" + std::string(text) +
                "\" names no hosts: write an address, a network such as 192.0.2.0/24 (with no bit "
                "set beyond its prefix, which is 1 bit at least), or either with a port behind a "
                "colon"};
}

// "192.0.2.0/24" and what may come behind it.
std::optional<RemotePeers> parse_network(std::string_view text, std::size_t slash) {
    auto address = text.substr(0, slash);
    if (address.starts_with('[') && address.ends_with(']')) {
        address = address.substr(1, address.size() - 2);
    }
    auto length = text.substr(slash + 1);
    RemotePeers out;
    if (const auto colon = length.find(':'); colon != std::string_view::npos) {
        const auto port = parse_number<std::uint16_t>(length.substr(colon + 1));
        if (!port || *port == 0) return std::nullopt;
        out.port = *port;
        length = length.substr(0, colon);
    }
    const auto prefix = IpAddress::parse(address);
    const auto prefix_length = parse_number<unsigned>(length);
    if (!prefix || !prefix_length) return std::nullopt;
    out.prefix = *prefix;
    out.prefix_length = *prefix_length;
    return out;
}

std::optional<RemotePeers> parse_host(std::string_view text) {
    RemotePeers out;
    if (const auto endpoint = Endpoint::parse(text)) {
        if (endpoint->port == 0) return std::nullopt;
        out.prefix = endpoint->address;
        out.port = endpoint->port;
    } else if (const auto address = IpAddress::parse(text)) {
        out.prefix = *address;
    } else {
        return std::nullopt;
    }
    out.prefix_length = out.prefix.is_v4() ? 32 : 128;
    return out;
}

} // namespace

Result<RemotePeers> RemotePeers::parse(std::string_view text) {
    const auto slash = text.find('/');
    const auto out =
        slash == std::string_view::npos ? parse_host(text) : parse_network(text, slash);
    if (!out || !out->is_valid()) return no_peers(text);
    return *out;
}

std::string RemotePeers::to_string() const {
    if (is_one_host()) return port == 0 ? prefix.to_string() : Endpoint{prefix, port}.to_string();
    const auto length = "/" + std::to_string(prefix_length);
    if (port == 0) return prefix.to_string() + length;
    const auto address = prefix.is_v4() ? prefix.to_string() : "[" + prefix.to_string() + "]";
    return address + length + ":" + std::to_string(port);
}

bool RemotePeers::is_valid() const noexcept {
    const unsigned bits = prefix.is_v4() ? 32 : 128;
    if (prefix_length == 0 || prefix_length > bits || prefix.scope_id() != 0) return false;
    const auto bytes = prefix.mapped_bytes();
    for (auto bit = kAddressBits - bits + prefix_length; bit < kAddressBits; ++bit) {
        if ((bytes.at(bit / 8) & (0x80U >> (bit % 8))) != 0) return false;
    }
    return true;
}

} // namespace natterjack
