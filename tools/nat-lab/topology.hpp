// SPDX-License-Identifier: MIT
/// \file
/// \brief What a lab consists of: nodes, links, routes, servers, and the environment of each node.
///
///     a --lan-- router-a --wan--+
///                               internet (STUN, TURN) -- outside
///     b --lan-- router-b --wan--+
///
/// Where routers stand behind each other, the host's own is router-a and the next router-a-2.
///
/// A Plan is plain data made from the SPECs without touching the system; lab.cpp builds it. A new
/// kind of site changes this file and nothing that builds.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "spec.hpp"
#include "version_answerer.hpp"

namespace natterjack::lab {

/// Lab-wide names.
inline constexpr std::string_view kInternetNode = "internet";
inline constexpr std::string_view kOutsideNode = "outside";
inline constexpr std::string_view kRelayNode = "relay";

/// One end of a link.
struct Interface {
    std::string node;
    std::string name;
    std::string address;  ///< With its prefix length: "192.168.1.1/24"; empty: none.
    std::string address6; ///< The same of IPv6; empty: none.
    bool gateway = false; ///< Has the link-local address fe80::1, too, for its hosts to route by.
};

/// Two interfaces joined. Impaired ones run through the relay.
struct Link {
    Interface near; ///< The end that is closer to the host.
    Interface far;
    Impairment impairment;
};

/// A network namespace.
struct Node {
    std::string name;
    bool ipv6 = false;                 ///< Has IPv6 at all.
    bool forwards = false;             ///< Routes packets between its interfaces.
    std::vector<std::string> loopback; ///< Further addresses of its own, "25.0.1.1/32".
    std::vector<std::string> routes;   ///< Arguments of `ip route add`.
    std::string rules;                 ///< nftables ruleset; empty: none.
    /// Settings below /proc/sys/net that the rules bring with them, and their values.
    std::vector<std::pair<std::string, std::string>> switches;
    std::map<std::string, std::string> environment; ///< For commands that run here.
};

/// A socket that shows that a server is ready.
struct AwaitedSocket {
    bool tcp = false;
    std::string address; ///< Bound to this address or to all; empty: to any.
    std::uint16_t port = 0;
};

[[nodiscard]] inline bool is_ipv6(const AwaitedSocket& socket) {
    return socket.address.find(':') != std::string::npos;
}

/// A server program.
struct Daemon {
    std::string name; ///< Unique in the lab; also names its log and its configuration file.
    std::string node;
    std::vector<std::string> command;
    std::string config; ///< Written to config_path(name); empty: none.
    std::vector<AwaitedSocket> sockets;
};

/// A version answerer on a router.
struct VersionPoint {
    std::string node;
    std::string address;
    Speaks speaks = Speaks::NatPmp;
};

/// Everything that has to be built.
struct Plan {
    std::vector<Node> nodes;
    std::vector<Link> links;
    std::vector<Daemon> daemons;
    std::vector<VersionPoint> version_points;

    /// The node that \a name means ("host" is another name for "a"); null when there is none.
    [[nodiscard]] const Node* find(std::string_view name) const;
};

/// A site and its letter, "a" or "b".
struct Site {
    std::string letter;
    SiteSpec spec;
};

/// Lays a lab out. \a servers: with the STUN and TURN server.
[[nodiscard]] Plan plan_lab(const std::vector<Site>& sites, bool servers);

/// Writes \a now for \a old wherever a node, a link or an environment has it.
void rename_address(Plan& plan, const std::string& old, const std::string& now);

/// Where the lab keeps its files, in a tmpfs that only the lab sees.
inline constexpr std::string_view kStateDirectory = "/run/nat-lab";
[[nodiscard]] std::string config_path(std::string_view daemon);

/// Where the daemon called \a daemon remembers its mappings.
[[nodiscard]] std::string lease_path(std::string_view daemon);

} // namespace natterjack::lab
