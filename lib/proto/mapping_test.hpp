// SPDX-License-Identifier: MIT
/// \file
/// \brief One socket, many destinations: does the outside see one port? Sans-IO.
#pragma once

#include <optional>
#include <vector>

#include <natterjack/probe_report.hpp>

#include "proto/stun_conversation.hpp"

namespace natterjack {

/// Asks every destination from one socket, the first once more at the end (RFC 5780 section 4.3,
/// and the method for servers that have one address).
class MappingTest {
public:
    /// \a destinations: distinct, in the order of asking. With the endpoints of a server of RFC
    /// 5780 among them, address and port dependence can be told apart.
    MappingTest(std::vector<Endpoint> destinations, StunConversation::MakeId make_id,
                Duration patience = Duration(800));

    void start(TimePoint now);
    void handle_datagram(const Endpoint& from, ByteView payload, TimePoint now);
    void handle_timeout(TimePoint now);
    [[nodiscard]] std::optional<Datagram> poll_transmit() { return stun_.poll_transmit(); }
    [[nodiscard]] std::optional<TimePoint> deadline() const { return stun_.deadline(); }

    struct Row {
        Endpoint server;
        Endpoint mapped;
        std::chrono::microseconds round_trip{0};
        bool again = false; ///< The first destination's second answer.
    };
    struct Rows {
        std::vector<Row> rows; ///< Of those who answered, in the order of asking.
        std::vector<StunConversation::Answer> answers; ///< The same in full, without the last.
    };
    /// Empty while in progress.
    [[nodiscard]] const std::optional<Rows>& result() const { return result_; }

private:
    void advance(TimePoint now);

    std::vector<Endpoint> destinations_;
    StunConversation stun_;
    Duration patience_;
    std::optional<Rows> result_;
};

/// What one MappingTest says.
struct MappingJudgement {
    Finding<MappingBehaviour> mapping;
    bool depends = false; ///< As FamilyReport::mapping_depends.
    Finding<Pooling> pooling;
    /// Who contradicts all others, alone: a server that lies, or a port that was taken towards it.
    std::optional<Endpoint> outlier;
};

/// \a local: the socket's own endpoint, with its address.
[[nodiscard]] MappingJudgement judge_mapping(const std::vector<MappingTest::Row>& rows,
                                             const Endpoint& local);

/// What two tests on two fresh sockets say together. A port that another host has taken towards
/// one server looks like dependence on one socket, hardly on both.
[[nodiscard]] MappingJudgement combine(const MappingJudgement& first,
                                       const MappingJudgement& second);

} // namespace natterjack
