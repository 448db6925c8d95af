// SPDX-License-Identifier: MIT
/// \file
/// \brief How a NAT chooses ports, and how well the next one can be guessed. Pure.
#pragma once

#include <vector>

#include <natterjack/probe_report.hpp>

namespace natterjack {

/// One socket's port here and outside.
struct PortSample {
    std::uint16_t local = 0;
    std::uint16_t external = 0;
};

/// \a sockets: several sockets towards one destination, in the order of asking. \a destinations:
/// the external ports of one socket towards several destinations, in the order of asking, if they
/// differ: then the pattern is theirs, because they are what a peer would have to guess.
[[nodiscard]] PortAllocation judge_ports(const std::vector<PortSample>& sockets,
                                         const std::vector<std::uint16_t>& destinations);

} // namespace natterjack
