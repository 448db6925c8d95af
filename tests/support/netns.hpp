// SPDX-License-Identifier: MIT
/// \file
/// \brief A private network for a test program: a host, a gateway and a wire between them.
///
/// A test program that includes tests/support/netns_main.cpp runs in it from its first line on:
///
///     host 192.168.77.2/24 -- lan0 ~~~ gw0 -- 192.168.77.1/24 router
///          fd77::2/64                        fd77::1/64
///
/// The host's default route leads to the gateway (IPv4 only; add_route() makes others). The program
/// itself is the host. To play the gateway in the same program, on the same loop, make its sockets
/// while an InRouter lives: a socket stays in the network where it was made.
#pragma once

#include <string>
#include <utility>

#include <natterjack/endpoint.hpp>

#include "net/fd.hpp"

namespace natterjack::test {

inline constexpr IpAddress kHost = IpAddress::v4(0xC0A84D02);    ///< 192.168.77.2, on lan0.
inline constexpr IpAddress kGateway = IpAddress::v4(0xC0A84D01); ///< 192.168.77.1, on gw0.
inline constexpr const char* kHostLink = "lan0";
inline constexpr const char* kGatewayLink = "gw0";
/// fd77::2 and fd77::1, on the same links.
[[nodiscard]] IpAddress host_v6();
[[nodiscard]] IpAddress gateway_v6();

/// Moves the calling process into its private network. Call it first in main(): the process must
/// still have one thread. Works as root and as anybody who may make user namespaces; ends the
/// process with exit code 1 and the remedy on stderr when neither helps.
void enter_private_network();

/// While it lives the calling thread is in another network, and so is every socket that it makes.
/// Nests; nothing else of the process is moved.
class InNetwork {
public:
    explicit InNetwork(const net::Fd& network);
    ~InNetwork();
    InNetwork(const InNetwork&) = delete;
    InNetwork& operator=(const InNetwork&) = delete;

private:
    net::Fd before_;
};

/// In the router's network.
class InRouter : public InNetwork {
public:
    InRouter();
};

/// Where a gateway that a test plays has its sockets: the router unless said otherwise.
struct Place {
    Place(IpAddress at = kGateway); // NOLINT(*explicit*): an address of the router is a place
    Place(const net::Fd& in_network, IpAddress at, std::string on_link)
        : network(&in_network), address(at), link(std::move(on_link)) {}

    const net::Fd* network;
    IpAddress address;
    std::string link = kGatewayLink; ///< For multicast.
};

/// The router's fe80::1: as the host names it, and as a place to play a gateway.
[[nodiscard]] IpAddress gateway_link_local();
[[nodiscard]] Place gateway_link_local_place();

/// A second router, which the first one's traffic goes through, while this lives:
///
///     router W/24 -- wan0 ~~~ lan1 -- G/24 outer router, W's network is its LAN
///            fd78::2/64               fd78::1/64        and 25.0.113.1, 2a00:113::1 its own
///
/// Both forward; the first one's default routes (IPv4 and IPv6) lead to the second, and what it
/// sends there by IPv4 comes from W (NAT by nftables).
class OuterRouter {
public:
    static constexpr IpAddress kPublic = IpAddress::v4(0x19007101); ///< 25.0.113.1.

    /// \a wan: W; \a lan: G, in the same /24.
    explicit OuterRouter(IpAddress wan = IpAddress::v4(0x0A4E0002),
                         IpAddress lan = IpAddress::v4(0x0A4E0001));
    ~OuterRouter();
    OuterRouter(const OuterRouter&) = delete;
    OuterRouter& operator=(const OuterRouter&) = delete;

    [[nodiscard]] const IpAddress& wan() const { return wan_; } ///< The inner router's outside.
    [[nodiscard]] const IpAddress& lan() const { return lan_; } ///< The outer router's inside.
    /// For InNetwork.
    [[nodiscard]] const net::Fd& network() const { return network_; }
    [[nodiscard]] Place place() const { return {network_, lan_, "lan1"}; }

private:
    IpAddress wan_;
    IpAddress lan_;
    net::Fd network_;
};

/// Runs `ip ARGUMENTS` (words separated by single spaces) in the network where the calling thread
/// is: the host's, or the router's inside InRouter. A failure fails the test, with ip's words.
void ip(const std::string& arguments);
/// The same for many at once, one on each line.
void ip_batch(const std::string& commands);

/// Gives the host one more address on lan0 ("192.168.77.9/24", "2001:db8::9/64"), at once usable,
/// and takes it away again.
class HostAddress {
public:
    explicit HostAddress(std::string address);
    ~HostAddress();
    HostAddress(const HostAddress&) = delete;
    HostAddress& operator=(const HostAddress&) = delete;

private:
    std::string address_;
};

/// One more pair of links: \a name for the host, \a peer for the router, both up, without
/// addresses. Taken away when destroyed. A name that starts with "veth" is one that libnice
/// ignores.
class Link {
public:
    Link(std::string name, const std::string& peer);
    ~Link();
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

private:
    std::string name_;
};

} // namespace natterjack::test
