// SPDX-License-Identifier: MIT
/// \file
/// \brief What a Traversal gives: a way for others to reach a port of this host, and its owner.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <natterjack/endpoint.hpp>
#include <natterjack/export.hpp>
#include <natterjack/remote_peers.hpp>
#include <natterjack/result.hpp>

namespace natterjack {

/// One way of getting an opening, in the chain's order of preference.
enum class Strategy : std::uint8_t {
    Direct, ///< The host's own public address.
    Igd,    ///< UPnP Internet Gateway Device, versions 1 and 2.
    Pcp,    ///< Port Control Protocol (RFC 6887).
    NatPmp, ///< NAT Port Mapping Protocol (RFC 6886).
    Ice     ///< A session with an invited peer (RFC 8445): natterjack/peer_session.hpp.
};

/// Who can use an opening.
enum class Reach : std::uint8_t {
    Anyone,          ///< Whoever knows the external endpoint, and is of those it is open to.
    InvitedPeer,     ///< A peer with whom descriptions were exchanged.
    Relayed,         ///< Whoever the relay lets through.
    BehindAnotherNat ///< Nobody outside: the gateway itself stands behind a NAT.
};

/// How we know.
enum class Proof : std::uint8_t {
    Proved,  ///< Something outside got through it.
    Claimed, ///< The gateway said so, and its own list, where it has one, agrees.
    Refuted  ///< It was tried from outside and did not work.
};

/// From where an opening was reached: how much a proof says about strangers. A gateway may let in
/// whom this host has sent something to, and nobody else.
enum class ProofLevel : std::uint8_t {
    None,          ///< It was not.
    KnownEndpoint, ///< From an endpoint that another port of this host had sent to.
    NewPort,       ///< From a port that this host had never sent to, of an address that it had.
    NewAddress     ///< From an address that this host had never sent to.
};

/// "direct", "igd", "pcp", "nat-pmp", "ice".
[[nodiscard]] NATTERJACK_API std::string_view to_string(Strategy strategy) noexcept;
/// "anyone", "invited-peer", "relayed", "behind-another-nat".
[[nodiscard]] NATTERJACK_API std::string_view to_string(Reach reach) noexcept;
/// "proved", "claimed", "refuted".
[[nodiscard]] NATTERJACK_API std::string_view to_string(Proof proof) noexcept;
/// "none", "known-endpoint", "new-port", "new-address".
[[nodiscard]] NATTERJACK_API std::string_view to_string(ProofLevel level) noexcept;

/// What one strategy tried and how it ended.
struct StoryLine {
    enum class Outcome : std::uint8_t {
        Opened,  ///< This one gave the opening.
        Spare,   ///< It answered and would have served; another was preferred.
        Refused, ///< It answered and said no.
        Silent,  ///< Nobody answered.
        Failed   ///< An error on our side of the wire, or an answer that could not be believed.
    };
    Strategy strategy = Strategy::Direct;
    IpAddress gateway; ///< Who was asked; unspecified: nobody in particular.
    Outcome outcome = Outcome::Silent;
    std::string message;               ///< One English line: what it got, or why not.
    std::chrono::milliseconds took{0}; ///< From the start of the attempt.
};

/// "opened", "spare", "refused", "silent", "failed".
[[nodiscard]] NATTERJACK_API std::string_view to_string(StoryLine::Outcome outcome) noexcept;

/// In the chain's order.
using Story = std::vector<StoryLine>;

/// What one gateway on the way in granted.
struct OpeningHop {
    Strategy strategy = Strategy::Igd;
    IpAddress gateway;
    Endpoint internal; ///< Where it sends what arrives: our host, or the next gateway's outside.
    Endpoint external;
    std::chrono::seconds lifetime{0}; ///< As OpeningInfo::lifetime.

    friend bool operator==(const OpeningHop&, const OpeningHop&) = default;
};

/// What is known of an opening at one moment.
struct OpeningInfo {
    Transport transport = Transport::Udp;
    Endpoint internal; ///< Where the traffic arrives.
    Endpoint external; ///< Where the outside sends it.
    Strategy strategy = Strategy::Direct;
    Reach reach = Reach::Anyone;
    Proof proof = Proof::Claimed;
    ProofLevel proof_level = ProofLevel::None;
    /// Empty when nobody asked for a proof; else one English line: what was tried from where, and
    /// what came of it.
    std::string proof_evidence;
    /// Granted, in seconds; 0: the gateway keeps it until it is deleted (or, for `direct`, there is
    /// nothing to expire).
    std::chrono::seconds lifetime{0};
    IpAddress gateway; ///< Whose mapping it is; unspecified for `direct` and `ice`.
    std::vector<RemotePeers> only_from; ///< Whom the gateway lets in; empty: anyone.
    std::string description;
    /// Empty, or one English line that a user should see (behind another NAT, other port, ...).
    std::string note;
    /// The gateways that lead here, ours first: one, or two where a NAT stands behind another.
    /// Empty for `direct` and `ice`.
    std::vector<OpeningHop> hops;
    /// For an opening that is behind another NAT: what shows it, one English line each.
    std::vector<std::string> evidence;
    /// The other endpoints of the same request: IPv6 beside IPv4, or several IPv6 addresses.
    std::vector<OpeningInfo> also;
    Story story;
};

class OpeningState;
class PeerSession;

/// Owns a mapping: renewed while this lives, removed when it is closed or destroyed. Move-only: one
/// that was moved from may be destroyed or assigned to, and nothing else.
///
/// All calls may come from any thread. Handlers run on the loop and never after destruction.
class NATTERJACK_API Opening {
public:
    enum class Change : std::uint8_t {
        Moved, ///< An endpoint, the strategy, the reach or the proof differs.
        Lost   ///< The mapping is gone and could not be restored; the library goes on trying.
    };
    using ChangeHandler =
        std::function<void(Change change, const OpeningInfo& before, const OpeningInfo& after)>;

    Opening(Opening&&) noexcept;
    Opening& operator=(Opening&&) noexcept;
    ~Opening();

    /// A copy of what is known now.
    [[nodiscard]] OpeningInfo info() const;

    /// Replaces the handler. Called on the loop. Each event is about one endpoint: of what is in
    /// OpeningInfo::also, too, and without it.
    void on_changed(ChangeHandler handler);

    /// Removes the mapping and calls \a done, which may be empty, once, on the loop: within two
    /// seconds, or within eight where a router refuses to delete an IPv6 pinhole by PCP and has to
    /// be asked another way. Errors: what the gateway said. The opening is over in any case.
    void close(std::function<void(Result<void>)> done);
    /// The same, waiting for it. Not on the loop's own thread.
    /// \retval Errc::InvalidArgument  called on the loop's thread
    Result<void> close();
    /// Leaves the mapping to its lifetime: no renewal, no removal.
    void release();

    explicit Opening(std::shared_ptr<OpeningState> state);
    /// \a first with \a others as its further endpoints, closed and released with it; \a missed is
    /// what was tried for endpoints that could not be had.
    Opening(Opening first, std::vector<Opening> others, Story missed);

private:
    friend class PeerSession; // which is taken out of an `ice` opening
    std::shared_ptr<OpeningState> state_;
    std::vector<Opening> also_;
    Story missed_;
};

} // namespace natterjack
