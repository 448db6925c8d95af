// SPDX-License-Identifier: MIT
/// \file
/// \brief One request to a TURN server, login included, from first send to result. Sans-IO.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <natterjack/result.hpp>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "proto/retransmit.hpp"
#include "wire/turn.hpp"

namespace natterjack {

/// What signing and asking take from outside: proto has neither cryptography nor randomness.
struct TurnCrypto {
    stun::HmacSha1 hmac = nullptr;
    turn::Md5 md5 = nullptr;
    /// Unpredictable, another each time.
    std::function<stun::TransactionId()> new_transaction;
};

/// Long-term credentials and what the server made of them so far (RFC 8489 section 9.2). Shared by
/// all requests of one allocation, and outlives them.
class TurnLogin {
public:
    TurnLogin(std::string user, std::string password, TurnCrypto crypto)
        : user_(std::move(user)), password_(std::move(password)), crypto_(std::move(crypto)) {}

    /// Adds USERNAME, REALM, NONCE and MESSAGE-INTEGRITY, once the server has named a realm.
    void sign(stun::Message& request) const;
    /// Takes what an error 401 or 438 demands. False when it names nothing, or nothing new: then
    /// the credentials are wrong.
    bool take_challenge(const stun::Message& error, int code);
    /// True when \a datagram is signed by whoever knows the password.
    [[nodiscard]] bool is_signed(ByteView datagram) const;
    /// True once a realm is known: from then on answers must be signed.
    [[nodiscard]] bool is_challenged() const { return challenge_.has_value(); }
    [[nodiscard]] stun::TransactionId new_transaction() const { return crypto_.new_transaction(); }

private:
    std::string user_;
    std::string password_;
    TurnCrypto crypto_;
    std::optional<turn::Challenge> challenge_;
    std::vector<std::uint8_t> key_;
};

/// Asks, answers the server's challenge by asking again signed, follows a changed nonce, repeats
/// over UDP. Not thread-safe; never calls back.
class TurnRequest {
public:
    /// How often a server may say that the nonce is stale before that is its answer.
    static constexpr int kMaxChallenges = 3;

    /// \a request: method and attributes. The transaction is chosen here, and \a peer, which it
    /// masks, added as XOR-PEER-ADDRESS. \a reliable: over TCP nothing is repeated (RFC 8489
    /// section 6.2.2). \a login must outlive this.
    TurnRequest(TurnLogin& login, stun::Message request, std::optional<Endpoint> peer,
                bool reliable, TimePoint give_up_at);

    void start(TimePoint now);
    /// Ignores what is not the answer: another transaction or method, a success that is not signed.
    /// \a raw is \a message as it came.
    void handle_message(TimePoint now, const stun::Message& message, ByteView raw);
    void handle_timeout(TimePoint now);

    [[nodiscard]] std::optional<std::vector<std::uint8_t>> poll_transmit();
    /// When to call handle_timeout(); empty when done.
    [[nodiscard]] std::optional<TimePoint> deadline() const { return timer_.deadline(); }

    /// The success response. Empty while in progress.
    /// \retval Errc::Timeout  nobody answered before give_up_at
    /// \retval Errc::Refused  the server answered with an error (detail: its code, 300 to 699)
    [[nodiscard]] const std::optional<Result<stun::Message>>& result() const { return result_; }

private:
    void send(TimePoint now);
    void finish(Result<stun::Message> result);

    TurnLogin& login_;
    stun::Message request_;
    std::optional<Endpoint> peer_;
    std::vector<std::uint8_t> encoded_;
    bool reliable_;
    TimePoint give_up_at_;
    int challenges_ = 0;
    RetransmitTimer timer_;
    std::optional<std::vector<std::uint8_t>> outbox_;
    std::optional<Result<stun::Message>> result_;
};

} // namespace natterjack
