// SPDX-License-Identifier: MIT
/// \file
/// \brief What the findings mean: verdict, advice, and which peers will work. Pure.
#pragma once

#include <natterjack/probe_report.hpp>

namespace natterjack {

/// How one side of a connection treats packets.
struct Side {
    MappingBehaviour mapping = MappingBehaviour::EndpointIndependent;
    FilteringBehaviour filtering = FilteringBehaviour::AddressAndPortDependent;
};

/// Whether both get through to each other when each sends to the endpoint that a STUN server saw
/// of the other, and answers whom it hears (as ICE does, RFC 8445). Nothing may be Unknown.
[[nodiscard]] bool can_connect(const Side& a, const Side& b);

/// Fills predictions and verdict from everything else.
void judge(ProbeReport& report);

} // namespace natterjack
