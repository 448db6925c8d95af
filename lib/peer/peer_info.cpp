// SPDX-License-Identifier: MIT
#include <natterjack/peer_info.hpp>

namespace natterjack {

std::string_view to_string(PeerState state) noexcept {
    switch (state) {
    case PeerState::Gathering: return "gathering";
    case PeerState::Checking: return "checking";
    case PeerState::Connected: return "connected";
    case PeerState::Failed: return "failed";
    case PeerState::Closed: return "closed";
    }
    return "unknown";
}

std::string_view to_string(CandidateKind kind) noexcept {
    switch (kind) {
    case CandidateKind::Host: return "host";
    case CandidateKind::Mapped: return "mapped";
    case CandidateKind::Reflexive: return "reflexive";
    case CandidateKind::Relayed: return "relayed";
    }
    return "unknown";
}

std::string_view to_string(PathKind kind) noexcept {
    switch (kind) {
    case PathKind::Direct: return "direct";
    case PathKind::Mapped: return "mapped";
    case PathKind::Punched: return "punched";
    case PathKind::Relayed: return "relayed";
    }
    return "unknown";
}

} // namespace natterjack
