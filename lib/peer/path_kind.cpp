// SPDX-License-Identifier: MIT
#include "peer/path_kind.hpp"

#include <algorithm>

namespace natterjack::peer {

CandidateKind kind_of(sdp::CandidateType type, const Endpoint& address,
                      const std::vector<sdp::Candidate>& signalled) {
    using Type = sdp::CandidateType;
    if (type == Type::Relayed) return CandidateKind::Relayed;
    // An address may have been signalled twice, as what a server saw and as what a gateway gave.
    const auto stands_as = [&](auto&& is) {
        return std::any_of(signalled.begin(), signalled.end(), [&](const sdp::Candidate& each) {
            return each.address == address.address && each.port == address.port && is(each);
        });
    };
    if (stands_as([](const auto& each) { return each.type == Type::Relayed; })) {
        return CandidateKind::Relayed;
    }
    if (type == Type::Host || stands_as([](const auto& each) { return each.type == Type::Host; })) {
        return CandidateKind::Host;
    }
    // Behind a name that meant nothing here (multicast DNS): the address is the host's own when the
    // port is, but for a public one of IPv4, whose NAT may have kept the port.
    const bool hidden =
        type == Type::PeerReflexive && !(address.address.is_v4() && address.address.is_public()) &&
        !stands_as([](const auto&) { return true; }) &&
        std::any_of(signalled.begin(), signalled.end(), [&](const sdp::Candidate& each) {
            return each.is_name() && each.type == Type::Host && each.port == address.port;
        });
    if (hidden) return CandidateKind::Host;
    // The relay's with another port: a router that has a flow between the same two already, of our
    // own making, gives the one that comes in by the mapped port another source (Linux does).
    const auto at_address = [&](bool relayed) {
        return std::any_of(signalled.begin(), signalled.end(), [&](const sdp::Candidate& each) {
            return each.address == address.address && (each.type == Type::Relayed) == relayed;
        });
    };
    if (type == Type::PeerReflexive && at_address(true) && !at_address(false)) {
        return CandidateKind::Relayed;
    }
    const bool mapped = stands_as([](const auto& each) {
        return each.type == Type::ServerReflexive && each.priority >> 24U == kMappedPreference;
    });
    return mapped ? CandidateKind::Mapped : CandidateKind::Reflexive;
}

PathKind path_kind(CandidateKind local, CandidateKind remote) noexcept {
    const auto either = [&](CandidateKind kind) { return local == kind || remote == kind; };
    if (either(CandidateKind::Relayed)) return PathKind::Relayed;
    if (either(CandidateKind::Mapped)) return PathKind::Mapped;
    if (either(CandidateKind::Reflexive)) return PathKind::Punched;
    return PathKind::Direct;
}

} // namespace natterjack::peer
