// SPDX-License-Identifier: MIT
/// \file
/// \brief What is known of a PeerSession: its state, its path, how it came to it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <natterjack/endpoint.hpp>
#include <natterjack/export.hpp>
#include <natterjack/result.hpp>

namespace natterjack {

/// Where a session is.
enum class PeerState : std::uint8_t {
    Gathering, ///< Looks for its own addresses; the peer has not spoken yet.
    Checking,  ///< Both sides' descriptions are there; looks for the way, and secures it.
    Connected, ///< Data flows.
    Failed,    ///< Over, with an error.
    Closed     ///< Over: either side closed it.
};

/// Where an address comes from.
enum class CandidateKind : std::uint8_t {
    Host,      ///< The host's own.
    Mapped,    ///< A gateway's, by IGD, PCP or NAT-PMP; a peer's is known by its priority.
    Reflexive, ///< A NAT's, as a STUN server or the peer saw it.
    Relayed    ///< A TURN server's.
};

/// How a path goes.
enum class PathKind : std::uint8_t {
    Direct,  ///< From host to host; no NAT on the way.
    Mapped,  ///< Through a port that a gateway mapped, ours or the peer's.
    Punched, ///< Through NATs which both sides opened by sending.
    Relayed  ///< By a TURN server.
};

/// "gathering", "checking", "connected", "failed", "closed".
[[nodiscard]] NATTERJACK_API std::string_view to_string(PeerState state) noexcept;
/// "host", "mapped", "reflexive", "relayed".
[[nodiscard]] NATTERJACK_API std::string_view to_string(CandidateKind kind) noexcept;
/// "direct", "mapped", "punched", "relayed".
[[nodiscard]] NATTERJACK_API std::string_view to_string(PathKind kind) noexcept;

/// The pair of addresses in use.
struct PeerPath {
    PathKind kind = PathKind::Direct;
    CandidateKind local_kind = CandidateKind::Host;
    CandidateKind remote_kind = CandidateKind::Host;
    Endpoint local;  ///< As the peer sees us.
    Endpoint remote; ///< As we see the peer.
    /// Why a relay is used, or which strategy mapped the port; for the others empty. One line.
    std::string note;

    friend bool operator==(const PeerPath&, const PeerPath&) = default;
};

/// When each step was done for the first time, from the start of the session; empty: not yet.
struct PeerTimings {
    using Moment = std::optional<std::chrono::microseconds>;
    Moment described; ///< Our description went out.
    Moment gathered;  ///< All of our candidates are known, or are waited for no more.
    Moment mapped;    ///< A gateway mapped our port.
    Moment answered;  ///< The peer's description came.
    Moment path;      ///< The first path stood.
    Moment secured;   ///< DTLS was through.
    Moment connected; ///< Data may flow.
};

/// What is known of a session at one moment.
struct PeerInfo {
    PeerState state = PeerState::Gathering;
    std::optional<Error> error;      ///< Why, when Failed; who, when Closed.
    std::optional<PeerPath> path;    ///< The one in use.
    std::vector<Endpoint> reflexive; ///< Our own addresses as STUN servers saw them.
    std::optional<Endpoint> mapped;  ///< Our own, as a gateway mapped it.
    std::vector<Endpoint> relayed;   ///< Our own at TURN servers.
    /// Of the path: measured with each check, smoothed; empty until then.
    std::optional<std::chrono::microseconds> round_trip;
    std::uint64_t bytes_sent = 0;     ///< Of UDP payload, our headers included, checks excluded.
    std::uint64_t bytes_received = 0; ///< Likewise.
    PeerTimings timings;
    unsigned restarts = 0; ///< How often the way was looked for anew, by either side's wish.
    std::vector<std::string> notes; ///< What did not work and did not matter: one line each.
};

} // namespace natterjack
