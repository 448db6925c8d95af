// SPDX-License-Identifier: MIT
/// \file
/// \brief What a mapping is worth: who can use it, and what a person should know about it.
#pragma once

#include <optional>

#include "strategies/mapper.hpp"

namespace natterjack {

/// Fills external endpoint, reach, lifetime and note of \a info from \a mapping.
///
/// \a seen: our address as servers outside see it; empty: nobody was asked, or nobody answered. A
/// mapping on an address that is not public, or is not the one seen, reaches nobody outside:
/// another NAT stands in front of the gateway.
void appraise(const Mapping& mapping, const std::optional<IpAddress>& seen, OpeningInfo& info);

/// Anyone, or BehindAnotherNat, for a gateway that says its external address is \a external.
[[nodiscard]] Reach reach_of(const IpAddress& external, const std::optional<IpAddress>& seen);

} // namespace natterjack
