// SPDX-License-Identifier: MIT
/// \file
/// \brief What a mapping is worth: who can use it, and what a person should know about it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "strategies/mapper.hpp"

namespace natterjack {

/// What is known of the way out, besides what the gateway says itself.
struct Surroundings {
    /// Our address as servers outside see it; empty: nobody was asked, or nobody answered.
    std::optional<IpAddress> seen;
    /// What was found out about the gateway beyond ours, one English line each.
    std::vector<std::string> beyond;
};

/// Fills external endpoint, reach, lifetime, hops, evidence and note of \a info from \a mapping. A
/// mapping on an address that is not public, or is not the one seen, reaches nobody outside:
/// another NAT stands in front of the gateway.
void appraise(const Mapping& mapping, const Surroundings& around, OpeningInfo& info);

/// Where \a mapping leads: what the story says of whoever gave the opening.
void note_opened(const Mapping& mapping, StoryLine& line);

/// Anyone, or BehindAnotherNat, for a gateway that says its external address is \a external.
[[nodiscard]] Reach reach_of(const IpAddress& external, const std::optional<IpAddress>& seen);

} // namespace natterjack
