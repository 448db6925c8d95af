// SPDX-License-Identifier: MIT
/// \file
/// \brief How many NATs there are, and whether the provider runs one. Pure.
#pragma once

#include <optional>
#include <string_view>

#include <natterjack/probe_report.hpp>

#include "proto/hop_search.hpp"

namespace natterjack {

struct LayerEvidence {
    IpAddress local;                    ///< The host's own address.
    std::optional<IpAddress> external;  ///< As servers see it.
    std::optional<HopList> to_external; ///< The way to our own external address.
    std::optional<HopList> to_server;
    std::vector<IpAddress> gateway_says; ///< External addresses by the port mapping protocols.
};

/// Whether \a address is of this host or of a network behind a NAT: private, shared, link-local or
/// loopback. Addresses for documentation are not: labs have them outside.
[[nodiscard]] bool is_inside(const IpAddress& address) noexcept;

/// Whether the way out through \a interface is a VPN's tunnel, by its name and kind.
[[nodiscard]] Finding<Truth> judge_tunnel(std::string_view interface, bool point_to_point);

/// The farther end of the way to our own external address is the NAT that owns it: routers before
/// it that let probes die stand between, and one of them at least is a NAT of its own when the
/// gateway's external address is another.
[[nodiscard]] LayersReport judge_layers(const LayerEvidence& evidence);

} // namespace natterjack
