// SPDX-License-Identifier: MIT
/// \file
/// \brief One STUN Binding request, from first send to result. Sans-IO.
#pragma once

#include <optional>

#include <natterjack/result.hpp>

#include "base/datagram.hpp"
#include "base/time.hpp"
#include "proto/retransmit.hpp"
#include "wire/stun.hpp"

namespace natterjack {

/// Asks one server how it sees us (RFC 8489 section 6.2.1).
///
/// The caller owns the socket and the clock. After every call it drains poll_transmit(), then
/// sleeps until deadline() or until a datagram arrives. Not thread-safe; never calls back.
class StunBinding {
public:
    /// Asks \a server, and stops waiting at \a give_up_at. \a transaction must be unpredictable: it
    /// is all that tells the answer from a stranger's (RFC 8489 section 5).
    StunBinding(Endpoint server, stun::TransactionId transaction, TimePoint give_up_at,
                RetransmitTimer::Policy policy = {});

    void start(TimePoint now);
    /// Ignores what is not the answer: another source, another transaction, not STUN, no address.
    void handle_datagram(const Endpoint& from, ByteView payload);
    void handle_timeout(TimePoint now);

    [[nodiscard]] std::optional<Datagram> poll_transmit();
    /// When to call handle_timeout(); empty when done.
    [[nodiscard]] std::optional<TimePoint> deadline() const { return timer_.deadline(); }

    /// Our endpoint as the server saw it. Empty while in progress.
    /// \retval Errc::Timeout  nobody answered before give_up_at
    /// \retval Errc::Refused  the server answered with an error (detail: its code, 300 to 699)
    [[nodiscard]] const std::optional<Result<Endpoint>>& result() const { return result_; }

private:
    void finish(Result<Endpoint> result);

    Endpoint server_;
    stun::TransactionId transaction_;
    TimePoint give_up_at_;
    RetransmitTimer timer_;
    std::optional<Datagram> outbox_;
    std::optional<Result<Endpoint>> result_;
};

} // namespace natterjack
