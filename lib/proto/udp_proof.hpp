// SPDX-License-Identifier: MIT
/// \file
/// \brief Tries from one vantage point whether a UDP port is reached from outside. Sans-IO.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proto/proof.hpp"
#include "proto/retransmit.hpp"
#include "proto/vantage.hpp"

namespace natterjack {

/// The proof of one external endpoint.
///
///     start(now) -> [ before the mapping: a first knock that must NOT arrive ] -> is_ready()
///     prove(now, external) -> knocks -> result()
///
/// Proved: a knock arrived at the listener. Refuted: none did, twice, while the same server was
/// seen to reach the control socket. Everything else is Claimed, and says why.
///
/// The knock before the mapping: what gets in then was let in by something else, a hole that
/// earlier traffic of the port has left or an older mapping, and its getting in later would prove
/// nothing about the new one.
///
/// A slow link is given its time: every limit grows with how long the server's first answer took.
class UdpProof {
public:
    /// At least. Knocks at 0, 100, 300 and 700 ms; then the last one has its time to arrive.
    static constexpr Duration kKnockLimit{1500};
    /// Before the mapping, when nothing is expected: 0, 100 and 300 ms.
    static constexpr Duration kEarlyLimit{500};
    static constexpr Duration kControlLimit{1000};

    struct Options {
        /// Where the mapping is expected to be outside; 0: do not knock before it.
        std::uint16_t early_port = 0;
        /// What other sockets of this host have sent to; it may grow. Null: nothing.
        std::shared_ptr<const std::vector<Endpoint>> contacted;
    };

    UdpProof(std::unique_ptr<Vantage> vantage, std::function<stun::TransactionId()> new_transaction,
             Options options);

    void start(TimePoint now);
    /// True once prove() may be called; until then it makes the early knock futile.
    [[nodiscard]] bool is_ready() const {
        return phase_ != Phase::Preparing && phase_ != Phase::Early;
    }
    /// Once, when is_ready(). Does nothing when there is a result already. An unspecified address
    /// means that at which the server sees us.
    void prove(TimePoint now, const Endpoint& external);

    void handle_datagram(TimePoint now, ProofSocket socket, const Endpoint& from, ByteView payload);
    void handle_timeout(TimePoint now);
    /// Drain it after the result too: the server is told that it is over.
    [[nodiscard]] std::optional<ProofDatagram> poll_transmit();
    [[nodiscard]] std::optional<TimePoint> deadline() const;
    [[nodiscard]] const std::optional<ProofVerdict>& result() const { return result_; }
    /// Ends it without a result.
    void close();

private:
    enum class Phase { Preparing, Early, Ready, First, OpeningControl, Control, Second, Done };

    void advance(TimePoint now);
    void enter_knocks(TimePoint now, Phase phase, const Endpoint& target, Duration limit);
    void knock(TimePoint now);
    [[nodiscard]] Duration patience(Duration least) const;
    void time_is_up(TimePoint now);
    void take_knock(TimePoint now, ProofSocket socket, const Endpoint& from, const KnockId& id);
    void proved(TimePoint now, const Endpoint& from);
    void finish(ProofVerdict verdict);
    void inconclusive(std::string why);

    std::unique_ptr<Vantage> vantage_;
    std::function<stun::TransactionId()> new_transaction_;
    Options options_;
    Phase phase_ = Phase::Preparing;
    Endpoint external_;
    Endpoint target_; // of the knocks under way
    KnockId from_elsewhere_{};
    KnockId plain_{};
    TimePoint asked_;
    Duration pace_{0}; // from the first question until the server could be asked to knock
    RetransmitTimer timer_;
    std::optional<Endpoint> early_from_; // what came before the mapping, and from where
    std::optional<ProofVerdict> result_;
};

} // namespace natterjack
