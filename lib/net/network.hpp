// SPDX-License-Identifier: MIT
/// \file
/// \brief Interfaces, addresses and default routes, by rtnetlink.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <natterjack/endpoint.hpp>

namespace natterjack::net {

struct InterfaceAddress {
    IpAddress address;
    unsigned prefix_length = 0;
    bool temporary = false;  ///< RFC 8981.
    bool deprecated = false; ///< RFC 4862 section 5.5.4.
    bool tentative = false;  ///< Duplicate detection still runs, or failed.
};

struct Interface {
    unsigned index = 0;
    std::string name;
    bool up = false; ///< Administratively up and with carrier.
    bool loopback = false;
    bool point_to_point = false;
    bool multicast = false;
    std::vector<InterfaceAddress> addresses;
};

/// A next hop towards the internet.
struct DefaultRoute {
    /// Unspecified, of the route's family, for a device-only route (PPP, WireGuard). An IPv6 one
    /// may also serve IPv4 (RFC 5549).
    IpAddress gateway;
    unsigned interface = 0; ///< Index.
    /// The address we have towards it, of its family: the route's own, else one in the gateway's
    /// network; for a link-local gateway a global, stable one. Unspecified: none known.
    IpAddress source;
    unsigned prefix_length = 0; ///< 0, or 1 for the halves by which VPNs cover the default route.
    std::uint32_t metric = 0;
    std::uint32_t table = 0; ///< RT_TABLE_MAIN is 254.
};

/// What the kernel says about this host's network at one moment.
struct Network {
    std::vector<Interface> interfaces;
    /// Best first: whole default routes (prefix 0) by metric, then the halves. Both families, all
    /// tables, each next hop once. Routes that lead nowhere (blackhole, no carrier) are left out.
    std::vector<DefaultRoute> default_routes;

    [[nodiscard]] const Interface* find(unsigned index) const;
    [[nodiscard]] const Interface* find(const std::string& name) const;
    /// The interface that has \a address, or nullptr.
    [[nodiscard]] const Interface* owner_of(const IpAddress& address) const;
    /// The interface whose network holds \a address, and our address on it; nullptr: none is
    /// on-link.
    struct OnLink {
        const Interface* interface = nullptr;
        IpAddress source;
    };
    [[nodiscard]] OnLink on_link(const IpAddress& address) const;
};

/// Asks the kernel (RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE dumps of whatever size). Returns at
/// once: the kernel answers without waiting for anybody. \retval Errc::Network  the kernel refused
/// (detail: errno)
[[nodiscard]] Result<Network> read_network();

/// The hardware address of a neighbour, as hexadecimal digits; empty when the kernel does not know
/// it (yet). \a interface: index.
[[nodiscard]] std::string hardware_address_of(const IpAddress& neighbour, unsigned interface);

/// The source address and the interface that the kernel would use towards \a destination.
/// \retval Errc::NoNetwork  there is no route
struct Route {
    IpAddress source;
    IpAddress gateway; ///< Unspecified: on-link.
    unsigned interface = 0;
};
[[nodiscard]] Result<Route> route_to(const IpAddress& destination);

} // namespace natterjack::net
