// SPDX-License-Identifier: MIT
#include "peer/local_addresses.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace natterjack::peer {

namespace {

// Nobody outside this host is behind these; each would only cost checks.
constexpr std::array<std::string_view, 4> kHostOnly = {"docker", "br-", "virbr", "vnet"};

bool is_host_only(std::string_view name) {
    return std::any_of(kHostOnly.begin(), kHostOnly.end(), [&](std::string_view prefix) {
        return name.substr(0, prefix.size()) == prefix;
    });
}

bool is_usable(const net::InterfaceAddress& entry, const AddressChoice& choice) {
    if (entry.tentative || entry.deprecated || entry.address.is_link_local()) return false;
    if (!entry.address.is_v4() && !choice.ipv6) return false;
    return choice.loopback || !entry.address.is_loopback();
}

void add_once(std::vector<IpAddress>& out, const IpAddress& address) {
    if (std::find(out.begin(), out.end(), address) == out.end()) out.push_back(address);
}

std::vector<IpAddress> collect(const net::Network& network, const AddressChoice& choice,
                               bool host_only_too) {
    std::vector<IpAddress> usable;
    for (const auto& interface : network.interfaces) {
        const bool named = interface.name == choice.network.interface;
        if (!interface.up || (!choice.network.interface.empty() && !named)) continue;
        if (!named && !host_only_too && is_host_only(interface.name)) continue;
        for (const auto& entry : interface.addresses) {
            if (choice.network.source && entry.address != *choice.network.source) continue;
            if (is_usable(entry, choice)) usable.push_back(entry.address);
        }
    }
    std::vector<IpAddress> out;
    for (const auto& route : network.default_routes) {
        if (std::find(usable.begin(), usable.end(), route.source) != usable.end()) {
            add_once(out, route.source);
        }
    }
    for (const auto& address : usable) add_once(out, address);
    return out;
}

} // namespace

Result<std::vector<IpAddress>> choose_addresses(const net::Network& network,
                                                const AddressChoice& choice) {
    const auto& wanted = choice.network;
    if (!wanted.interface.empty() && network.find(wanted.interface) == nullptr) {
        return Error{Errc::InvalidArgument,
                     "there is no interface \"" + wanted.interface + "\" on this host"};
    }
    if (wanted.source && network.owner_of(*wanted.source) == nullptr) {
        return Error{Errc::InvalidArgument,
                     wanted.source->to_string() + " is no address of this host"};
    }
    auto out = collect(network, choice, false);
    if (out.empty()) out = collect(network, choice, true);
    if (out.empty()) {
        return Error{Errc::NoNetwork, "this host has no address from which to reach a peer"};
    }
    if (out.size() > kMaxAddresses) out.resize(kMaxAddresses);
    return out;
}

} // namespace natterjack::peer
