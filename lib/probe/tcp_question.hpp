// SPDX-License-Identifier: MIT
/// \file
/// \brief One STUN question over TCP.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "net/loop.hpp"
#include "net/tcp_stream.hpp"
#include "wire/stun.hpp"

namespace natterjack {

/// A port for connections whose mapping is looked at, to be shared by them: the kernel would not
/// give the same one twice (RFC 6335 section 6: one that is for nobody in particular).
[[nodiscard]] std::uint16_t random_tcp_port();

/// Connects, asks, and reads the answer (RFC 8489 section 6.2.2). Belongs to the loop's thread;
/// destroying it ends it without a word, and the connection, which stays until then. Must not be
/// destroyed in its own handler.
class TcpQuestion {
public:
    struct Answer {
        bool connected = false; ///< Somebody took the connection. That need not be the server.
        std::optional<Endpoint> mapped; ///< The server answered, and saw us there.
    };
    using Handler = std::function<void(const Answer& answer)>;

    /// Calls \a handler once, at \a give_up_at at the latest, never before returning.
    TcpQuestion(const Loop& loop, const Endpoint& server, const net::TcpStream::Options& options,
                TimePoint give_up_at, Handler handler);
    TcpQuestion(const TcpQuestion&) = delete;
    TcpQuestion& operator=(const TcpQuestion&) = delete;

private:
    void ask();
    void take(ByteView bytes);
    void finish_soon();

    stun::TransactionId transaction_;
    Answer answer_;
    Handler handler_;
    std::vector<std::uint8_t> received_;
    std::unique_ptr<net::TcpStream> stream_;
    net::Timer timer_;
};

} // namespace natterjack
