// SPDX-License-Identifier: MIT
/// \file
/// \brief How the lab's server programs are configured. Pure text; lab.cpp runs them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "topology.hpp"

namespace natterjack::lab {

inline constexpr std::uint16_t kStunPort = 3478;
/// Where the servers can be reached from networks that let only the web out. Without RFC 5780.
inline constexpr std::uint16_t kWebPort = 443;
inline constexpr std::string_view kTurnUser = "natlab";
inline constexpr std::string_view kTurnPassword = "natlab";

/// coturn on \a node with two addresses of each family: STUN, RFC 5780 and TURN over UDP and TCP
/// (RFC 6062 too). Clients are to contact the first of a family: coturn announces the other one
/// (RFC 5780 OTHER-ADDRESS) to everybody, whichever they contacted.
[[nodiscard]] Daemon coturn(const std::string& node, const std::vector<std::string>& addresses);

/// miniupnpd on router \a node, whose LAN address is \a gateway, with what \a offered says. NAT-PMP
/// and PCP are one switch to it; the version answerer stands before the one that is not offered.
/// \a ipv6: pinholes in the IPv6 firewall too.
[[nodiscard]] Daemon miniupnpd(const std::string& node, const PortMapping& offered,
                               std::string_view gateway, bool ipv6);

/// nat-lab-gateway, in miniupnpd's place.
[[nodiscard]] Daemon own_gateway(const std::string& node, const PortMapping& offered,
                                 std::string_view gateway);

} // namespace natterjack::lab
