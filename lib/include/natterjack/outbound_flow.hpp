// SPDX-License-Identifier: MIT
/// \file
/// \brief The mapping of a flow that goes out: how it looks from outside, and how long it lasts.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include <natterjack/endpoint.hpp>
#include <natterjack/export.hpp>
#include <natterjack/loop.hpp>
#include <natterjack/opening.hpp>
#include <natterjack/result.hpp>
#include <natterjack/traversal.hpp>

namespace natterjack {

/// Which flow. Ports are in host byte order.
struct FlowRequest {
    Transport transport = Transport::Udp;
    std::uint16_t port = 0;              ///< Ours, by which it goes out: 1 to 65535.
    Endpoint remote{};                   ///< Where it goes: a unicast address and a port.
    std::chrono::seconds lifetime{7200}; ///< To ask for, 1 to 2^32-1. The gateway may grant less.
    std::chrono::seconds check_interval{60};  ///< As OpenRequest's.
    std::chrono::milliseconds deadline{5000}; ///< For the answer, 1 ms to 10 minutes.
    NetworkChoice network{};                  ///< Default-made: as the kernel routes to \a remote.
};

/// What is known of a flow's mapping at one moment.
struct FlowInfo {
    Transport transport = Transport::Udp;
    Endpoint internal; ///< Ours.
    Endpoint external; ///< As which the gateway sends it on.
    Endpoint remote;
    /// Granted: for so long it lasts without a packet, in seconds, and it is renewed before.
    std::chrono::seconds lifetime{0};
    IpAddress gateway;
    /// False: the gateway itself stands behind another NAT. Then the remote peer sees another
    /// endpoint than \a external, and the other NAT still wants its keepalives.
    bool is_whole_way = true;
    Story story;
};

/// Keeps the mapping of a flow that goes out to one remote peer (PCP PEER, RFC 6887 section 12)
/// while it lives: no keepalives are needed for this gateway's sake. It opens nothing to anybody
/// else. Move-only.
///
/// All calls may come from any thread. Handlers run on the loop and never after destruction.
class NATTERJACK_API OutboundFlow {
public:
    using ChangeHandler =
        std::function<void(Opening::Change change, const FlowInfo& before, const FlowInfo& after)>;

    /// A copy of what is known now.
    [[nodiscard]] FlowInfo info() const;
    /// Replaces the handler. Called on the loop. Moved: the remote peer sees another endpoint, or
    /// soon will. Lost: send keepalives again; where this host's own address is another now, it is
    /// another flow, too.
    void on_changed(ChangeHandler handler);
    /// Gives the mapping back and calls \a done once, within two seconds, on the loop. A gateway
    /// that cannot end it before its time leaves it to its lifetime, which is no error.
    void close(std::function<void(Result<void>)> done) { opening_.close(std::move(done)); }
    /// Leaves the mapping to its lifetime: no renewal.
    void release() { opening_.release(); }

    OutboundFlow(Opening opening, const Endpoint& remote)
        : opening_(std::move(opening)), remote_(remote) {}

private:
    Opening opening_;
    Endpoint remote_;
};

/// Asks the gateway on the way to the remote peer how the flow looks from outside, and to keep it
/// so. The flow may exist already, or be about to begin: the gateway then knows its mapping. Calls
/// \a handler once, on the loop, before the deadline, unless the attempt is cancelled. Any thread.
///
/// \retval Errc::InvalidArgument  the request names no port or no remote peer, ...
/// \retval Errc::NoNetwork        there is no way to the remote peer
/// \retval Errc::NotFound         no gateway is on it, or it speaks no PCP
/// \retval Errc::Unsupported      it speaks PCP, and not PEER
/// \retval Errc::Refused          it said no
/// \retval Errc::Timeout          request.deadline passed
[[nodiscard]] NATTERJACK_API Attempt
keep_flow(const Loop& loop, FlowRequest request,
          std::function<void(Result<OutboundFlow, OpenFailure>)> handler);

} // namespace natterjack
