// SPDX-License-Identifier: MIT
/// \file
/// \brief The machines that prove a port, each on its own sockets.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <natterjack/loop.hpp>

#include "base/server_url.hpp"
#include "net/loop.hpp"
#include "net/tcp_stream.hpp"
#include "net/udp_socket.hpp"
#include "proto/tcp_proof.hpp"
#include "proto/udp_proof.hpp"

namespace natterjack {

/// Where a run's sockets are made, and whom to tell that something has changed.
struct ProofRunParts {
    Loop loop;
    IpAddress source;                ///< Ours: what all sockets are bound to.
    std::uint16_t internal_port = 0; ///< That is to be proved.
    unsigned interface = 0;
    std::uint16_t early_port = 0;     ///< UDP: as UdpProof::Options.
    bool application_listens = false; ///< TCP.
    Duration ready_limit{1000};       ///< For a server's first answer.
    Duration connect_limit{0};        ///< TCP: how long a server tries; 0: as long as proofs need.
    std::shared_ptr<const std::vector<Endpoint>> contacted;
    std::function<void()> on_change;
};

/// One server's attempt at a proof. Belongs to the loop's thread; destroying it ends it, and gives
/// back what a server holds for it.
class ProofRun {
public:
    ProofRun() = default;
    ProofRun(const ProofRun&) = delete;
    ProofRun& operator=(const ProofRun&) = delete;
    virtual ~ProofRun() = default;

    [[nodiscard]] virtual bool is_ready() const = 0;
    virtual void prove(const Endpoint& external) = 0;
    [[nodiscard]] virtual const std::optional<ProofVerdict>& result() const = 0;
    /// A datagram that came to the port that is to be proved.
    virtual void handle_datagram(const Endpoint& /*from*/, ByteView /*payload*/) {}
    /// The first bytes of a connection that came to it.
    virtual void handle_accepted(const Endpoint& /*from*/, ByteView /*bytes*/) {}
    /// Taken only when the better ones have found out nothing.
    [[nodiscard]] virtual bool is_second_choice() const = 0;
};

/// They start at once. A socket that cannot be made is a result, and on_change is called on the
/// loop's next turn at the earliest.
[[nodiscard]] std::unique_ptr<ProofRun> make_stun_run(ProofRunParts parts, const Endpoint& server);
[[nodiscard]] std::unique_ptr<ProofRun> make_turn_run(ProofRunParts parts, const Endpoint& server,
                                                      const TurnServer& login);
[[nodiscard]] std::unique_ptr<ProofRun>
make_turn_tcp_run(ProofRunParts parts, const Endpoint& server, const TurnServer& login);
/// A server of ours, which connects back.
[[nodiscard]] std::unique_ptr<ProofRun> make_dial_back_run(ProofRunParts parts,
                                                           const Endpoint& server);

} // namespace natterjack
