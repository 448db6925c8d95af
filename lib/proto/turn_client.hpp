// SPDX-License-Identifier: MIT
/// \file
/// \brief A TURN allocation (RFC 8656; RFC 6062 for TCP), from Allocate to its end. Sans-IO.
#pragma once

#include <chrono>
#include <deque>
#include <list>
#include <optional>
#include <variant>
#include <vector>

#include "proto/turn_request.hpp"

namespace natterjack {

/// A public address of somebody else's to send from, for seconds: nothing is refreshed, so the
/// allocation ends with its lifetime if its end gets lost.
///
///     start(now) -> { handle_datagram | handle_timeout | permit | connect | send }* -> close(now)
///
/// After every call the caller drains poll_transmit() and poll_event(), then sleeps until
/// deadline() or until something arrives. What arrives, over UDP or cut out of a TCP stream by
/// StreamSplitter, must come from the server: the caller checks that. Not thread-safe.
class TurnClient {
public:
    struct Options {
        /// Between the server and the peers. TCP needs TCP to the server too (RFC 6062
        /// section 4.1).
        Transport relayed = Transport::Udp;
        bool ipv6 = false;     ///< Of that family the relayed address is to be, as are the peers.
        bool reliable = false; ///< Between us and the server: TCP.
        std::string user;
        std::string password;
        /// Asked for; servers give at least ten minutes (RFC 8656 section 7.2).
        Lifetime lifetime{600};
        Duration request_limit{1500}; ///< For each answer but Connect's.
        /// For Connect's: the server itself waits for the peer, up to 30 s (RFC 6062 section 5.2).
        Duration connect_limit{8000};
    };

    struct Allocated {
        Endpoint relayed; ///< What peers see.
        Endpoint mapped;  ///< How the server sees us.
    };
    struct Permitted {
        IpAddress peer;
    };
    struct Connected {
        Endpoint peer;
        turn::ConnectionId id = 0; ///< For bind_request().
    };
    /// permit() or connect() failed; the allocation stands.
    struct Refused {
        Endpoint peer; ///< Port 0: permit().
        Error error;
    };
    /// A peer's datagram, through the relay. \a peer is the server's word.
    struct Received {
        Endpoint peer;
        std::vector<std::uint8_t> payload;
    };
    /// There is no allocation, and nothing more will come.
    struct Failed {
        Error error;
    };
    using Event = std::variant<Allocated, Permitted, Connected, Refused, Received, Failed>;

    TurnClient(Options options, TurnCrypto crypto);
    TurnClient(const TurnClient&) = delete;
    TurnClient& operator=(const TurnClient&) = delete;

    void start(TimePoint now);
    /// Lets \a peer's datagrams and connections in, and ours out (RFC 8656 section 9). After
    /// Allocated.
    void permit(TimePoint now, const IpAddress& peer);
    /// Has the server connect to \a peer (RFC 6062 section 4.3). After Permitted, one at a time for
    /// each peer.
    void connect(TimePoint now, const Endpoint& peer);
    /// Has the server send a datagram, if \a peer's address was permitted (RFC 8656 section 11.1).
    /// At most 1200 bytes, so that the message fits one packet.
    void send(const Endpoint& peer, ByteView payload);
    /// Ends the allocation: a Refresh with lifetime 0, sent once and not waited for, for the server
    /// ends it by itself anyhow (RFC 8656 section 8).
    void close();

    void handle_message(TimePoint now, ByteView raw);
    void handle_timeout(TimePoint now);

    [[nodiscard]] std::optional<std::vector<std::uint8_t>> poll_transmit();
    [[nodiscard]] std::optional<Event> poll_event();
    [[nodiscard]] std::optional<TimePoint> deadline() const;

    /// For a second TCP connection to the server, which then carries the peer's bytes (RFC 6062
    /// section 4.3). This must outlive it.
    [[nodiscard]] TurnRequest bind_request(turn::ConnectionId id, TimePoint give_up_at);

private:
    enum class Kind { Allocate, Permit, Connect };
    struct Pending {
        Kind kind = Kind::Allocate;
        std::optional<Endpoint> peer;
        TurnRequest request;
    };

    void ask(TimePoint now, Kind kind, stun::Message message, std::optional<Endpoint> peer,
             Duration limit);
    void collect();
    void conclude(const Pending& pending);
    void allocated(const stun::Message& answer);
    void receive(const stun::Message& message);

    Options options_;
    TurnLogin login_;
    std::list<Pending> pending_;
    std::deque<std::vector<std::uint8_t>> outbox_;
    std::deque<Event> events_;
    bool standing_ = false; // the allocation
};

} // namespace natterjack
