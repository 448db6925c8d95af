// SPDX-License-Identifier: MIT
/// \file
/// \brief Does what a host sends to its own external endpoint come back, and as whose? Sans-IO.
#pragma once

#include <optional>

#include <natterjack/probe_report.hpp>

#include "proto/mapping_age.hpp"
#include "proto/stun_conversation.hpp"

namespace natterjack {

/// Two fresh sockets learn their external endpoints; then each sends to the other's, which opens
/// filters on both sides, and the first one's datagrams are looked for at the second (RFC 5780
/// section 4.5, RFC 4787 section 6).
class HairpinTest {
public:
    HairpinTest(const Endpoint& server, const StunConversation::MakeId& make_id);

    void start(TimePoint now);
    void handle_datagram(int lane, const Endpoint& from, ByteView payload, TimePoint now);
    void handle_timeout(TimePoint now);
    [[nodiscard]] std::optional<LaneDatagram> poll_transmit();
    [[nodiscard]] std::optional<TimePoint> deadline() const;

    /// Empty while in progress. Unknown: the server did not answer.
    [[nodiscard]] const std::optional<Hairpin>& result() const { return result_; }

private:
    void advance(TimePoint now);
    [[nodiscard]] std::optional<Endpoint> mapped(const StunConversation& side) const;

    Endpoint server_;
    StunConversation first_;
    StunConversation second_;
    std::optional<Hairpin> result_;
};

} // namespace natterjack
