// SPDX-License-Identifier: MIT
/// \file
/// \brief Several STUN questions from one socket, and whoever answers them. Sans-IO.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "base/datagram.hpp"
#include "base/time.hpp"
#include "proto/retransmit.hpp"
#include "wire/stun.hpp"

namespace natterjack {

/// Asks Binding questions and keeps every answer with the address that it came from.
///
/// A diagnosis wants to know who answered, so the source of an answer is a finding here and not a
/// condition: an unpredictable transaction id is what tells an answer from a stranger's datagram.
///
/// The caller owns the socket and the clock. After every call it drains poll_transmit(), then
/// sleeps until deadline() or until a datagram arrives. Not thread-safe; never calls back.
class StunConversation {
public:
    /// Gives unpredictable transaction ids, each another.
    using MakeId = std::function<stun::TransactionId()>;

    /// One more answer to a question than this is not kept.
    static constexpr std::size_t kMaxAnswers = 4;

    struct Question {
        Endpoint to;
        std::optional<stun::ChangeRequest> change; ///< RFC 5780 section 7.2.
        /// RFC 5780 section 7.5. A server that first wants to see that the asking address asks is
        /// shown it: its nonce is sent back.
        std::optional<std::uint16_t> response_port;
        /// Make the message that long, by an attribute that nobody knows and everybody ignores: a
        /// multiple of 4, 24 or more; 0: as long as it is.
        std::size_t size = 0;
        std::size_t padding = 0; ///< Bytes of PADDING (RFC 5780 section 7.6); 0: none.
    };
    struct Answer {
        Endpoint from;
        stun::Message message;
        TimePoint at;
        /// From the first transmission: too long when that one was lost.
        std::chrono::microseconds round_trip{0};
    };

    explicit StunConversation(MakeId make_id);

    /// Asks, and repeats by \a policy until somebody answers or \a patience is over. Returns the
    /// question's number, from 0.
    std::size_t ask(const Question& question, TimePoint now, Duration patience,
                    RetransmitTimer::Policy policy = {});

    void handle_datagram(const Endpoint& from, ByteView payload, TimePoint now);
    void handle_timeout(TimePoint now);
    [[nodiscard]] std::optional<Datagram> poll_transmit();
    /// When to call handle_timeout(); empty when no question is open.
    [[nodiscard]] std::optional<TimePoint> deadline() const;

    /// Whoever answered, each source once, first first.
    [[nodiscard]] const std::vector<Answer>& answers(std::size_t number) const;
    /// True once somebody has answered or nobody is waited for.
    [[nodiscard]] bool is_settled(std::size_t number) const;
    [[nodiscard]] bool all_settled() const;
    [[nodiscard]] std::size_t size() const { return entries_.size(); }
    [[nodiscard]] const Question& question(std::size_t number) const;
    [[nodiscard]] const stun::TransactionId& id(std::size_t number) const;

private:
    /// How often a server may ask for another nonce.
    static constexpr int kMaxChallenges = 3;

    struct Entry {
        Question question;
        stun::TransactionId id{};
        std::vector<std::uint8_t> bytes;
        TimePoint asked;
        RetransmitTimer timer;
        std::vector<Answer> answers;
        std::vector<std::uint8_t> nonce;
        int challenges = 0;
    };

    bool take_challenge(Entry& entry, const Endpoint& from, const stun::Message& message);

    MakeId make_id_;
    std::vector<Entry> entries_;
    std::deque<Datagram> outbox_;
};

} // namespace natterjack
