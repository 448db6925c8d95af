// SPDX-License-Identifier: MIT
/// \file
/// \brief A STUN server (RFC 8489, RFC 5780) that knocks and dials back, and cannot be abused.
/// Sans-IO.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "base/datagram.hpp"
#include "proto/rate_limit.hpp"
#include "wire/dial_back.hpp"
#include "wire/stun.hpp"

namespace natterjack {

/// Answers Binding requests at two ports of one address, or of two.
///
/// What goes to another port than the one that asked goes to the asking address only; after a round
/// trip that shows that this address asked (a nonce, RFC 8489 section 9.2, error 401 or 438); in
/// one datagram that is no longer than the request, or one connection; and within limits for each
/// address and for all. Plain answers are what every STUN server gives, with limits of their own.
/// What exceeds a limit is not answered at all.
class StunResponder {
public:
    /// A nonce is good for one to two of these.
    static constexpr Duration kNonceLife{60'000};
    /// A connection that is not made by then has failed; who asks may want to know sooner.
    static constexpr Duration kDialLimit{3000};
    static constexpr std::size_t kMaxDials = 64;

    struct Options {
        /// Primary; then the same address with the alternate port; then, where there is a second
        /// address, that with the primary and with the alternate port.
        std::vector<Endpoint> endpoints;
        std::array<std::uint8_t, stun::kSha1Size> secret{}; ///< Unpredictable.
        stun::HmacSha1 hmac = nullptr;
        TokenBucket::Rate answers_each{100, 50};
        TokenBucket::Rate answers_all{4000, 2000};
        TokenBucket::Rate knocks_each{20, 4}; ///< Knocks and connections.
        TokenBucket::Rate knocks_all{400, 200};
    };
    struct Answer {
        std::size_t from = 0; ///< Which of our endpoints.
        Datagram datagram;
    };
    /// One connection to make, from our second address if there is one. Tell by handle_dialled().
    struct Dial {
        std::uint64_t id = 0;
        std::size_t from =
            0; ///< Which of our endpoints' addresses; the port is the kernel's choice.
        Endpoint to;
        Duration limit{0};                 ///< How long to try.
        std::vector<std::uint8_t> payload; ///< To send when it stands; empty: nothing.
    };
    struct Dialled {
        /// Accepted: it stands. Unknown: we could not even try.
        UnsolicitedSyn answer = UnsolicitedSyn::Unknown;
        Endpoint local; ///< Accepted: where it came from.
    };

    /// \a options.endpoints: two or four.
    StunResponder(Options options, TimePoint now);

    /// A datagram that came to our endpoint number \a at.
    void handle_datagram(TimePoint now, std::size_t at, const Endpoint& from, ByteView payload);
    /// A request that came over a TCP connection to our endpoint number \a at, for the same
    /// connection; empty: no answer. Nothing goes elsewhere (RFC 5780 section 6.1).
    [[nodiscard]] std::optional<std::vector<std::uint8_t>>
    answer_in_stream(TimePoint now, std::size_t at, const Endpoint& from, ByteView payload);
    /// What became of a connection, once.
    void handle_dialled(std::uint64_t id, const Dialled& dialled);

    [[nodiscard]] std::optional<Answer> poll_transmit();
    [[nodiscard]] std::optional<Dial> poll_dial();

private:
    struct Pending { // a connection under way
        std::size_t at = 0;
        Endpoint asker;
        stun::TransactionId transaction{};
        std::size_t request_size = 0;
        DialBack dial;
    };
    struct Request {
        std::size_t at = 0;
        Endpoint from;
        stun::Message message;
        std::size_t size = 0;
    };

    [[nodiscard]] std::optional<Request> take(TimePoint now, std::size_t at, const Endpoint& from,
                                              ByteView payload);
    void answer(const Request& request, TimePoint now);
    void knock(const Request& request, std::size_t out, std::uint16_t port);
    void dial(const Request& request, const DialBack& wanted);
    [[nodiscard]] bool is_validated(const Request& request, TimePoint now);
    void refuse(const Request& request, stun::Message message);
    void send(std::size_t out, const Endpoint& to, const stun::Message& message);
    [[nodiscard]] stun::Message success(const Request& request, std::size_t out) const;
    [[nodiscard]] std::vector<std::uint8_t> nonce(const IpAddress& address,
                                                  std::int64_t slot) const;
    [[nodiscard]] bool has_second_address() const { return options_.endpoints.size() == 4; }

    Options options_;
    RateLimit answers_;
    RateLimit knocks_;
    std::uint64_t next_dial_ = 1;
    std::map<std::uint64_t, Pending> dials_;
    std::deque<Answer> outbox_;
    std::deque<Dial> to_dial_;
};

} // namespace natterjack
