// SPDX-License-Identifier: MIT
/// \file
/// \brief The nftables ruleset that makes a Linux router behave as a RouterSpec says. Pure text.
#pragma once

#include <string>
#include <string_view>

#include "spec.hpp"

namespace natterjack::lab {

/// The names that a host's interface and a router's two always have.
inline constexpr std::string_view kHostInterface = "eth0";
inline constexpr std::string_view kTunnelInterface = "tun0"; ///< A VPN's, on the host.
inline constexpr std::string_view kLanInterface = "lan0";
inline constexpr std::string_view kWanInterface = "wan0";

/// The table, and the chains in it that miniupnpd fills; ours jump to them.
inline constexpr std::string_view kTable = "natlab";
inline constexpr std::string_view kUpnpForward = "upnp_forward";
inline constexpr std::string_view kUpnpPrerouting = "upnp_prerouting";
inline constexpr std::string_view kUpnpPostrouting = "upnp_postrouting";

/// What nat-lab-gateway fills, in the same table.
inline constexpr std::string_view kMappedIn = "mapped_in";
inline constexpr std::string_view kMappedOut = "mapped_out";
inline constexpr std::string_view kMappedHosts = "mapped_hosts"; // who may be reached by anybody
inline constexpr std::string_view kMappedFrom = "mapped_from";   // and by whom, who not

/// A complete ruleset for `nft -f`, indented and commented for people.
[[nodiscard]] std::string nft_rules(const RouterSpec& router);

/// The same for a host whose own firewall drops what it has not asked for.
[[nodiscard]] std::string nft_host_firewall();

} // namespace natterjack::lab
