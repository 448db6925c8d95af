// SPDX-License-Identifier: MIT
/// \file
/// \brief Which gateways to ask: from the kernel's view of the network and the caller's choice.
#pragma once

#include <vector>

#include <natterjack/traversal.hpp>

#include "net/network.hpp"
#include "strategies/mapper.hpp"

namespace natterjack {

/// Path::prefix_length where nobody but the gateway itself counts: it has no neighbours.
inline constexpr unsigned kWholeAddress = 32;

/// More ways out than this are not asked.
inline constexpr std::size_t kMaxPaths = 4;

/// For more IPv6 addresses than this nothing is opened: as many as Linux gives an interface by
/// itself (net.ipv6.conf.*.max_addresses).
inline constexpr std::size_t kMaxIpv6Sources = 16;

/// Whether this host has what was chosen.
/// \retval Errc::InvalidArgument  no such interface; the source is no address of this host; the
///                                gateway is no unicast address
[[nodiscard]] Result<void> check_choice(const net::Network& network, const NetworkChoice& choice);

/// The IPv4 ways out of this host, best first, at most kMaxPaths.
///
/// A whole default route comes before the halves (0.0.0.0/1) by which a VPN covers it: the router
/// at home is the one that maps ports, although the traffic goes to the VPN. Errors as
/// check_choice(), and
/// \retval Errc::NoNetwork        there is no way out that fits the choice
[[nodiscard]] Result<std::vector<Path>> choose_paths(const net::Network& network,
                                                     const NetworkChoice& choice);

/// The IPv6 ways: each global address of an interface with a default route, as the source of a path
/// of its own, at most kMaxIpv6Sources. Temporary addresses (RFC 8981) come last, deprecated and
/// tentative ones not at all. Errors as choose_paths().
[[nodiscard]] Result<std::vector<Path>> choose_ipv6_paths(const net::Network& network,
                                                          const NetworkChoice& choice);

/// The host's own public IPv4 addresses that fit the choice, each as a path without a gateway.
[[nodiscard]] std::vector<Path> public_addresses(const net::Network& network,
                                                 const NetworkChoice& choice);

} // namespace natterjack
