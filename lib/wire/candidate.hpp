// SPDX-License-Identifier: MIT
/// \file
/// \brief ICE candidate lines (RFC 8839 section 5.1, RFC 6544 section 4.5): text to struct and
/// back. No sockets, no resolver.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <natterjack/endpoint.hpp>
#include <natterjack/result.hpp>

namespace natterjack::sdp {

/// Longest candidate line that is read, in bytes.
inline constexpr std::size_t kMaxCandidateLine = 1024;

/// Where a candidate's address comes from (RFC 8445 section 4).
enum class CandidateType : std::uint8_t { Host, ServerReflexive, PeerReflexive, Relayed };

/// Which side opens a TCP connection (RFC 6544 section 4.5).
enum class TcpType : std::uint8_t { Active, Passive, SimultaneousOpen };

/// One address at which a peer may be reached.
struct Candidate {
    std::string foundation;      ///< 1 to 32 of A-Z a-z 0-9 + /.
    std::uint16_t component = 1; ///< Always 1: data channels have no second one.
    Transport transport = Transport::Udp;
    std::uint32_t priority = 0; ///< 1 to 2^31-1, higher is better (RFC 8445 section 5.1.2).
    IpAddress address;          ///< Unspecified when \a name is set.
    /// A host name instead of an address, e.g. "<uuid>.local" (multicast DNS, which browsers put in
    /// place of private addresses); empty: \a address counts.
    std::string name;
    std::uint16_t port = 0; ///< 1 to 65535; 9 for an active TCP candidate.
    CandidateType type = CandidateType::Host;
    /// Base or mapped address that this one was derived from; for diagnosis only.
    std::optional<Endpoint> related;
    std::optional<TcpType> tcp_type; ///< Set if and only if \a transport is TCP.
    /// Further name-value pairs in their order ("generation", "ufrag", "network-cost", ...).
    std::vector<std::pair<std::string, std::string>> extensions;

    [[nodiscard]] bool is_name() const noexcept { return !name.empty(); }
    /// True for a name that only multicast DNS can resolve (RFC 6762 section 3).
    [[nodiscard]] bool is_mdns() const noexcept;

    friend bool operator==(const Candidate&, const Candidate&) = default;
};

/// "host", "srflx", "prflx", "relay".
[[nodiscard]] std::string_view to_string(CandidateType type) noexcept;

/// True for 1 to \a max of the characters that ICE allows in foundations, ufrags and passwords
/// (RFC 8839 section 5.1: ALPHA / DIGIT / "+" / "/").
[[nodiscard]] bool is_ice_text(std::string_view text, std::size_t min, std::size_t max) noexcept;

/// "candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host", as in RTCIceCandidate.candidate.
[[nodiscard]] std::string encode(const Candidate& candidate);

/// Reads "candidate:..." or "a=candidate:...".
/// \retval Errc::TooLarge     longer than kMaxCandidateLine
/// \retval Errc::Malformed    breaks the grammar; a TCP candidate without tcptype
/// \retval Errc::Unsupported  well formed, but of a component, transport or type that we do not
///                            know, or an address with a zone (RFC 4007 section 11)
[[nodiscard]] Result<Candidate> decode_candidate(std::string_view line);

/// Which addresses a peer may name.
struct CandidatePolicy {
    bool allow_loopback = false;
};

/// Says whether we may send to where \a candidate points. Names pass: what they resolve to must be
/// checked again.
/// \retval Errc::Unsafe  loopback, multicast, broadcast or unspecified
[[nodiscard]] Result<void> check_candidate(const Candidate& candidate,
                                           const CandidatePolicy& policy = {});

} // namespace natterjack::sdp
