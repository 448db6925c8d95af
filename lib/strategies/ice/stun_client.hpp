// SPDX-License-Identifier: MIT
/// \file
/// \brief STUN requests from a socket that somebody else reads.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include <natterjack/loop.hpp>

#include "net/loop.hpp"
#include "strategies/ice/ice_check.hpp"

namespace natterjack::ice {

/// Asks from a UDP socket of libnice's where we are seen, and whether a peer is still there.
///
/// libnice knows one STUN server, in the manner of RFC 3489, and swallows answers to requests that
/// are not its own. So while something is asked this looks at what is first in the socket's queue
/// (MSG_PEEK), before libnice reads it, and takes the datagrams that answer us; all others are left
/// where they are. An answer that stands behind others may go to libnice: then the repetition is
/// answered. While nothing is asked it costs nothing.
///
/// Belongs to the loop's thread. Destroying it ends it without a word.
class StunClient {
public:
    struct Answer {
        Endpoint mapped;                         ///< Where the server saw the request come from.
        std::chrono::microseconds round_trip{0}; ///< From the transmission that was answered last.
        bool repeated = false;                   ///< Then \a round_trip may be too short.
    };
    using Handler = std::function<void(Result<Answer>)>;

    /// \a fd stays the caller's and must outlive this.
    StunClient(Loop loop, int fd);
    ~StunClient();
    StunClient(const StunClient&) = delete;
    StunClient& operator=(const StunClient&) = delete;

    struct Request {
        Endpoint to;
        std::optional<IceCheck> check; ///< Empty: a plain request, as servers take it.
        /// Transmissions after the first, from the first, ascending.
        std::vector<Duration> repeat;
        Duration deadline{0}; ///< From the first transmission.
        /// How to send; empty: from the socket. For paths through a relay, whose answers come
        /// wrapped: they are found by their id and left to libnice, and \a mapped is unspecified.
        std::function<void(ByteView)> send;
    };
    /// Calls \a handler once, never before returning.
    /// Errors: Timeout; Refused (an error response); Network (the kernel refused every time).
    void ask(Request request, Handler handler);
    void cancel_all();
    /// An answer that came another way than by the socket; of a Request with \a send only. One that
    /// nobody awaits any more is passed over.
    void take_answer(const stun::TransactionId& id);
    /// Between two datagrams that libnice reads: takes an answer from the head of the queue, which
    /// would be libnice's else. Under load there is always something before it.
    void look() {
        if (!pending_.empty()) take_answer();
    }

private:
    struct Pending;
    struct Tap;

    void transmit(Pending& pending);
    void schedule(Pending& pending);
    [[nodiscard]] std::list<Pending>::iterator find_answered();
    [[nodiscard]] bool has_answer();
    void take_answer();
    void finish(std::list<Pending>::iterator found, Result<Endpoint> mapped);
    void update_tap();

    Loop loop_;
    int fd_;
    std::list<Pending> pending_;
    std::unique_ptr<Tap> tap_;
};

} // namespace natterjack::ice
