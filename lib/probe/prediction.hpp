// SPDX-License-Identifier: MIT
/// \file
/// \brief Which peers a direct connection will work with. Pure.
#pragma once

#include <vector>

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

/// Whether the external port depends on the destination, in whichever way.
[[nodiscard]] bool depends_on_destination(const FamilyReport& family);

/// Whether a peer can guess the next external port within a few tries.
[[nodiscard]] bool is_guessable(const PortAllocation& ports);

/// One for each kind of peer, by \a family. \a reachable: a UDP port was proved to let all in.
[[nodiscard]] std::vector<PeerPrediction> predict_peers(const FamilyReport& family, bool reachable);

} // namespace natterjack
