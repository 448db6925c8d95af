// SPDX-License-Identifier: MIT
/// \file
/// \brief One PCP request, from first send to result. Sans-IO.
#pragma once

#include <optional>

#include <natterjack/endpoint.hpp>
#include <natterjack/result.hpp>

#include "base/bytes.hpp"
#include "base/datagram.hpp"
#include "proto/retransmit.hpp"
#include "wire/pcp.hpp"

namespace natterjack {

/// Drives one PCP request of any opcode (RFC 6887 section 8).
///
/// The caller owns the socket and the clock. After every call it drains poll_transmit(), then
/// sleeps until deadline() or until a datagram arrives:
///
///     start(now) -> { handle_datagram(...) | handle_timeout(now) | handle_unreachable(...) }*
///                -> result()
///
/// Not thread-safe; bound to one thread. Never calls back into the caller.
class PcpExchange {
public:
    /// Asks \a server, and stops waiting at \a give_up_at.
    PcpExchange(Endpoint server, pcp::Request request, TimePoint give_up_at,
                RetransmitTimer::Policy policy = {});

    void start(TimePoint now);

    /// Ignores what is not the answer: wrong source, not PCP, another opcode, another nonce,
    /// protocol, internal port or remote peer (RFC 6887 section 8.3), and a grant that comes late
    /// to a request for deletion.
    void handle_datagram(const Endpoint& from, ByteView payload);
    void handle_timeout(TimePoint now);
    /// The network says that \a to does not take our datagrams.
    void handle_unreachable(const Endpoint& to);

    /// The next datagram to send, or empty when there is none.
    [[nodiscard]] std::optional<Datagram> poll_transmit();
    /// When to call handle_timeout(); empty when done.
    [[nodiscard]] std::optional<TimePoint> deadline() const;

    /// Empty while in progress. A value is a success: lifetime and external port are not 0 where
    /// something was asked for.
    /// \retval Errc::Timeout      nobody answered before give_up_at
    /// \retval Errc::NotFound     nothing listens there, or it speaks another version
    /// \retval Errc::Refused      and what pcp::to_error() says, with the result code as detail; 0
    ///                            when the server said "success" and granted nothing
    [[nodiscard]] const std::optional<Result<pcp::Response>>& result() const { return result_; }

private:
    [[nodiscard]] bool answers(const pcp::Response& response) const;
    void finish(Result<pcp::Response> result);

    Endpoint server_;
    pcp::Request request_;
    TimePoint give_up_at_;
    RetransmitTimer timer_;
    std::optional<Datagram> outbox_;
    std::optional<Result<pcp::Response>> result_;
};

} // namespace natterjack
