// SPDX-License-Identifier: MIT
/// \file
/// \brief Has a server of ours connect back, to see whether a TCP port is reached from outside.
/// Sans-IO.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/datagram.hpp"
#include "proto/proof.hpp"
#include "proto/retransmit.hpp"
#include "wire/dial_back.hpp"

namespace natterjack {

/// Proves, and never refutes: a server that cannot connect may be at fault itself, and there is
/// nothing else of ours behind the NAT that it could show its health with.
///
///     start(now) -> is_ready() -> prove(now, external) -> result()
class DialBackProof {
public:
    static constexpr Duration kReadyLimit{1000};
    /// How long the server tries when nothing else is said.
    static constexpr Duration kDialLimit{3000};
    /// For what our question and its answer take besides the round trips that were measured.
    static constexpr Duration kSlack{600};
    static constexpr int kMaxChallenges = 3;

    struct Options {
        Endpoint server;
        bool application_listens = false;
        Duration ready_limit = kReadyLimit; ///< For the first answer.
        /// How long the server is to try, at most kDialLimit.
        Duration dial_limit = kDialLimit;
        /// What other sockets of this host have sent to; it may grow. Null: nothing.
        std::shared_ptr<const std::vector<Endpoint>> contacted;
    };

    DialBackProof(Options options, std::function<stun::TransactionId()> new_transaction);

    void start(TimePoint now);
    [[nodiscard]] bool is_ready() const { return phase_ == Phase::Ready; }
    /// Once, when is_ready(). An unspecified address means that at which the server sees us.
    void prove(TimePoint now, const Endpoint& external);

    void handle_datagram(TimePoint now, const Endpoint& from, ByteView payload);
    /// What has come so far into a connection that our listener took.
    void handle_accepted(TimePoint now, const Endpoint& from, ByteView bytes);
    /// The application listens and the server says that it has connected: the remote end for which
    /// the kernel must have a connection. Answer by confirm().
    [[nodiscard]] const std::optional<Endpoint>& wants_confirmation() const { return dialled_; }
    void confirm(TimePoint now, bool has_connection);
    void handle_timeout(TimePoint now);

    [[nodiscard]] std::optional<Datagram> poll_transmit();
    [[nodiscard]] std::optional<TimePoint> deadline() const { return timer_.deadline(); }
    [[nodiscard]] const std::optional<ProofVerdict>& result() const { return result_; }

private:
    enum class Phase { Preparing, Ready, Dialling, Done };

    void send();
    void take_refusal(const stun::Message& message);
    void proved(TimePoint now, const Endpoint& from);
    void finish(ProofVerdict verdict);
    void inconclusive(std::string why,
                      Finding<UnsolicitedSyn> syn = syn_finding(UnsolicitedSyn::Unknown));
    [[nodiscard]] std::string name() const {
        return "the STUN server " + options_.server.to_string();
    }

    Options options_;
    std::function<stun::TransactionId()> new_transaction_;
    Phase phase_ = Phase::Preparing;
    stun::TransactionId transaction_{};
    RetransmitTimer timer_;
    IpAddress seen_;
    Endpoint external_;
    TimePoint asked_;
    Duration round_trip_{0}; // at most, and the server's time to answer
    std::vector<std::uint8_t> nonce_;
    int challenges_ = 0;
    std::optional<Endpoint> dialled_;
    std::optional<Datagram> outbox_;
    std::optional<ProofVerdict> result_;
};

} // namespace natterjack
