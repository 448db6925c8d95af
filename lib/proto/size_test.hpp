// SPDX-License-Identifier: MIT
/// \file
/// \brief Which sizes get through? Sans-IO.
#pragma once

#include <optional>
#include <vector>

#include "proto/stun_conversation.hpp"

namespace natterjack {

/// Asks all questions at once, each until it is answered or five times.
class SizeTest {
public:
    SizeTest(std::vector<StunConversation::Question> questions, StunConversation::MakeId make_id);

    void start(TimePoint now);
    void handle_datagram(const Endpoint& from, ByteView payload, TimePoint now);
    void handle_timeout(TimePoint now);
    [[nodiscard]] std::optional<Datagram> poll_transmit() { return stun_.poll_transmit(); }
    [[nodiscard]] std::optional<TimePoint> deadline() const { return stun_.deadline(); }

    /// For each question the length of its answer, 0: none came. Empty while in progress.
    [[nodiscard]] const std::optional<std::vector<std::size_t>>& result() const { return result_; }

private:
    void advance();

    std::vector<StunConversation::Question> questions_;
    StunConversation stun_;
    std::optional<std::vector<std::size_t>> result_;
};

} // namespace natterjack
