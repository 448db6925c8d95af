// SPDX-License-Identifier: MIT
/// \file
/// \brief The input of `ip -batch` that lays a Plan's links and addresses. Pure text.
#pragma once

#include <string>

#include "topology.hpp"

namespace natterjack::lab {

/// Where an impaired link passes through the relay: the names of its two ends there.
struct RelayPorts {
    std::string near;
    std::string far;
};

/// The relay's ends of the link number \a index.
[[nodiscard]] RelayPorts relay_ports(std::size_t index);

/// Makes all links, each end in its own node.
[[nodiscard]] std::string link_script(const Plan& plan);

/// To be run in \a node: gives addresses, brings everything up, sets routes.
[[nodiscard]] std::string node_script(const Plan& plan, const Node& node);

/// To be run in the node of \a end: gives it its addresses, whether it has them or not.
[[nodiscard]] std::string addresses_script(const Interface& end);

/// To be run in \a node: sets its routes, whether they are there or not.
[[nodiscard]] std::string routes_script(const Node& node);

/// To be run in the relay's namespace: brings its ends up.
[[nodiscard]] std::string relay_script(const Plan& plan);

} // namespace natterjack::lab
