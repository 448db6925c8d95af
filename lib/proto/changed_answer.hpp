// SPDX-License-Identifier: MIT
/// \file
/// \brief Does an answer get in that comes from elsewhere? RFC 5780's filtering tests. Sans-IO.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include <natterjack/probe_report.hpp>

#include "proto/stun_conversation.hpp"

namespace natterjack {

/// Asks a server to answer from another of its endpoints, and looks at who answers.
///
/// One instance needs a socket that has sent nothing before: whatever the socket has sent opens
/// filters (RFC 5780 section 4.4), and so would a second instance on it. First a plain question to
/// \a contact makes the mapping; only then is the changed answer asked for.
///
/// With the server itself as contact this is a test of the NAT. With \a expected as contact the
/// filter is open to the answer, so that this is a test of the server: whether it does send from
/// there. Then the answer is asked for at the port of the mapping towards \a expected
/// (RESPONSE-PORT), because an address-dependent mapping has another one towards the server.
class ChangedAnswer {
public:
    struct Setup {
        Endpoint server;
        Endpoint expected; ///< From where the answer shall come.
        stun::ChangeRequest change;
        bool control = false;    ///< Contact \a expected first, and ask for the answer there.
        Duration patience{1250}; ///< For each of the two questions.
    };
    enum class Outcome : std::uint8_t {
        Arrived,    ///< The answer came, from where it was asked to.
        Silent,     ///< None came.
        NotChanged, ///< The server answered from where it was asked.
        Twice,      ///< It answered from both.
        Elsewhere,  ///< It answered from an endpoint of which nobody spoke.
        Refused,    ///< It answered with an error.
        NoContact   ///< The plain question got no answer.
    };

    ChangedAnswer(const Setup& setup, StunConversation::MakeId make_id);

    void start(TimePoint now);
    void handle_datagram(const Endpoint& from, ByteView payload, TimePoint now);
    void handle_timeout(TimePoint now);
    [[nodiscard]] std::optional<Datagram> poll_transmit() { return stun_.poll_transmit(); }
    [[nodiscard]] std::optional<TimePoint> deadline() const;

    /// Empty while in progress.
    [[nodiscard]] const std::optional<Outcome>& result() const { return result_; }

private:
    void advance(TimePoint now);
    [[nodiscard]] Outcome judge() const;

    Setup setup_;
    StunConversation stun_;
    std::optional<TimePoint> grace_; // after the first answer, for a second one
    std::optional<Outcome> result_;
};

/// What the tests of one server say about the filter, and about the server.
struct FilteringJudgement {
    Finding<FilteringBehaviour> filtering;
    ServerReport::Rfc5780 server = ServerReport::Rfc5780::NotTested;
    /// A silence is left that only a control can explain: the NAT's, or the server's.
    bool wants_control = false;
};

/// Each outcome is of a ChangedAnswer on a socket of its own; empty: not done. \a address: address
/// and port changed, \a port: the port alone.
struct FilteringOutcomes {
    std::optional<ChangedAnswer::Outcome> address;
    std::optional<ChangedAnswer::Outcome> port;
    std::optional<ChangedAnswer::Outcome> address_control;
    std::optional<ChangedAnswer::Outcome> port_control;
};

/// The same question, asked on one fresh socket after another.
using AskedAgain = std::array<FilteringOutcomes, 3>;

/// Whether two sockets were told otherwise, so that a third must be asked. An answer that came to
/// one of them only: its port may be one that another program had a moment ago, with that one's
/// filter still open, or all answers to the other socket were lost.
[[nodiscard]] bool are_divided(const std::optional<ChangedAnswer::Outcome>& first,
                               const std::optional<ChangedAnswer::Outcome>& second);

/// What all sockets say together. A question is settled by two that agree. A control is by one
/// that hears: that the server sends from there is then seen, and the other socket may have got a
/// port which the NAT cannot keep towards the server.
[[nodiscard]] FilteringOutcomes settle(const AskedAgain& asked);

[[nodiscard]] FilteringJudgement judge_filtering(const FilteringOutcomes& outcomes);

/// Whether a server's OTHER-ADDRESS can be what it claims, seen from where it was asked: another
/// address and another port, and one of those that the internet can have if the server's own is.
[[nodiscard]] bool is_credible_other(const Endpoint& server, const Endpoint& other);

} // namespace natterjack
