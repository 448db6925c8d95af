// SPDX-License-Identifier: MIT
#include "traversal/paths.hpp"

#include <algorithm>

namespace natterjack {

Result<void> check_choice(const net::Network& network, const NetworkChoice& choice) {
    if (!choice.interface.empty() && network.find(choice.interface) == nullptr) {
        return Error{Errc::InvalidArgument,
                     "this host has no interface \"" + choice.interface + "\""};
    }
    if (choice.source && network.owner_of(*choice.source) == nullptr) {
        return Error{Errc::InvalidArgument,
                     choice.source->to_string() + " is not an address of this host"};
    }
    if (choice.gateway && (choice.gateway->is_unspecified() || choice.gateway->is_multicast())) {
        return Error{Errc::InvalidArgument,
                     choice.gateway->to_string() + " cannot be a gateway: a unicast address can"};
    }
    return {};
}

namespace {

bool fits(const net::Network& network, const NetworkChoice& choice, const Path& path) {
    const auto* interface = network.find(path.interface);
    if (interface == nullptr) return false;
    if (!choice.interface.empty() && interface->name != choice.interface) return false;
    return !choice.source || *choice.source == path.source;
}

void complete(const net::Network& network, Path& path) {
    const auto* interface = network.find(path.interface);
    if (interface == nullptr) return;
    path.interface_name = interface->name;
    path.multicast = interface->multicast;
    for (const auto& own : interface->addresses) {
        if (own.address == path.source) path.prefix_length = own.prefix_length;
    }
}

// The first IPv4 address of an interface whose route named none.
IpAddress first_address(const net::Network& network, unsigned index) {
    const auto* interface = network.find(index);
    if (interface == nullptr) return {};
    for (const auto& own : interface->addresses) {
        if (own.address.is_v4() && !own.tentative) return own.address;
    }
    return {};
}

// A gateway that the caller named need not be a default route: take the link it is on, else the way
// the kernel would go (ProtonVPN's 10.2.0.1 is such a one).
Result<Path> path_to(const net::Network& network, const IpAddress& gateway) {
    Path path;
    path.gateway = gateway;
    if (const auto on_link = network.on_link(gateway); on_link.interface != nullptr) {
        path.interface = on_link.interface->index;
        path.source = on_link.source;
        return path;
    }
    const auto route = net::route_to(gateway);
    if (!route) return route.error();
    path.interface = route->interface;
    path.source = route->source;
    return path;
}

Error no_way_out(const NetworkChoice& choice, const char* family) {
    std::string what = std::string("this host has no ") + family + " default route";
    if (!choice.interface.empty()) what += " on interface " + choice.interface;
    if (choice.source) what += " from " + choice.source->to_string();
    return Error{Errc::NoNetwork, what + ": connect to a network, or name the gateway"};
}

} // namespace

Result<std::vector<Path>> choose_paths(const net::Network& network, const NetworkChoice& choice) {
    if (auto checked = check_choice(network, choice); !checked) return checked.error();
    std::vector<Path> paths;
    const auto add = [&](Path path) {
        if (path.source.is_unspecified()) path.source = first_address(network, path.interface);
        if (choice.source && network.owner_of(*choice.source) == network.find(path.interface)) {
            path.source = *choice.source;
        }
        complete(network, path);
        const bool known = std::any_of(paths.begin(), paths.end(), [&](const Path& other) {
            return other.gateway == path.gateway && other.interface == path.interface;
        });
        if (known || !fits(network, choice, path) || paths.size() >= kMaxPaths) return;
        paths.push_back(std::move(path));
    };
    if (choice.gateway) {
        if (!choice.gateway->is_v4()) {
            return Error{Errc::InvalidArgument,
                         choice.gateway->to_string() + " is no IPv4 gateway"};
        }
        auto path = path_to(network, *choice.gateway);
        if (!path) return path.error();
        add(*std::move(path));
        // Who was named is asked, and nobody of the same network in its place.
        for (Path& named : paths) named.prefix_length = kWholeAddress;
    } else {
        for (const auto& route : network.default_routes) {
            if (!route.gateway.is_v4() || route.gateway.is_unspecified()) continue;
            add({.gateway = route.gateway, .source = route.source, .interface = route.interface});
        }
    }
    if (paths.empty()) return no_way_out(choice, "IPv4");
    return paths;
}

Result<std::vector<Path>> choose_ipv6_paths(const net::Network& network,
                                            const NetworkChoice& choice) {
    if (auto checked = check_choice(network, choice); !checked) return checked.error();
    std::vector<Path> paths;
    for (const bool temporary : {false, true}) {
        for (const auto& route : network.default_routes) {
            const auto* interface = network.find(route.interface);
            if (route.gateway.is_v4() || route.gateway.is_unspecified() || !interface) continue;
            if (choice.gateway && *choice.gateway != route.gateway) continue;
            for (const auto& own : interface->addresses) {
                const bool global = !own.address.is_v4() && own.address.is_public();
                const bool known = std::any_of(paths.begin(), paths.end(), [&](const Path& other) {
                    return other.source == own.address; // each needs one pinhole
                });
                if (!global || own.tentative || own.deprecated || own.temporary != temporary ||
                    known) {
                    continue;
                }
                Path path{
                    .gateway = route.gateway, .source = own.address, .interface = route.interface};
                complete(network, path);
                if (fits(network, choice, path) && paths.size() < kMaxIpv6Sources) {
                    paths.push_back(std::move(path));
                }
            }
        }
    }
    if (paths.empty()) return no_way_out(choice, "global IPv6 address with an IPv6");
    return paths;
}

std::vector<Path> public_addresses(const net::Network& network, const NetworkChoice& choice) {
    std::vector<Path> paths;
    for (const auto& interface : network.interfaces) {
        if (!interface.up || interface.loopback) continue;
        for (const auto& own : interface.addresses) {
            if (!own.address.is_v4() || !own.address.is_public() || own.tentative) continue;
            Path path{.source = own.address, .interface = interface.index};
            complete(network, path);
            if (fits(network, choice, path)) paths.push_back(std::move(path));
        }
    }
    return paths;
}

} // namespace natterjack
