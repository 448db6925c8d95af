// SPDX-License-Identifier: MIT
/// \file
/// \brief What a pair of addresses is, said in PeerPath's words. Pure.
#pragma once

#include <optional>
#include <vector>

#include <natterjack/peer_info.hpp>

#include "wire/candidate.hpp"

namespace natterjack::peer {

/// By it a mapped candidate is known from one that STUN found: between host's 126 and
/// server-reflexive's 100 (RFC 8445 section 5.1.2.2), and the value that libnice uses, too.
inline constexpr unsigned kMappedPreference = 105;
inline constexpr unsigned kReflexivePreference = 100;

/// (2^24)*type + (2^8)*local + (256 - component 1) (RFC 8445 section 5.1.2.1).
[[nodiscard]] constexpr std::uint32_t priority_of(unsigned type_preference,
                                                  unsigned local_preference) noexcept {
    return type_preference << 24U | (local_preference & 0xffffU) << 8U | 255U;
}

/// What an address of one side is. \a signalled: that side's candidates; what they say of the
/// address counts for more than \a type, by which checks found it: a peer-reflexive candidate may
/// be one that was signalled a moment later, or behind a name, or a port that a gateway mapped.
[[nodiscard]] CandidateKind kind_of(sdp::CandidateType type, const Endpoint& address,
                                    const std::vector<sdp::Candidate>& signalled);

[[nodiscard]] PathKind path_kind(CandidateKind local, CandidateKind remote) noexcept;

} // namespace natterjack::peer
