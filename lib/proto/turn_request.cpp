// SPDX-License-Identifier: MIT
#include "proto/turn_request.hpp"

#include <utility>

namespace natterjack {

namespace {

std::vector<std::uint8_t> bytes_of(const std::string& text) {
    return {text.begin(), text.end()};
}

// RFC 8489 section 9.2.5: these alone may come unsigned, for the server may lack what it would sign
// with.
bool may_be_unsigned(int code) {
    return code == turn::kBadRequest || code == turn::kUnauthenticated || code == turn::kStaleNonce;
}

} // namespace

void TurnLogin::sign(stun::Message& request) const {
    if (!challenge_) return;
    request.add(stun::AttributeType::Username, bytes_of(user_));
    request.add(stun::AttributeType::Realm, bytes_of(challenge_->realm));
    request.add(stun::AttributeType::Nonce, bytes_of(challenge_->nonce));
    stun::add_integrity(request, key_, crypto_.hmac);
}

bool TurnLogin::take_challenge(const stun::Message& error, int code) {
    auto asked = turn::challenge(error);
    if (!asked) return false;
    // A second 401 in the same realm means that the password is wrong; asking on would only help
    // somebody who counts our tries (RFC 8489 section 9.2.5).
    if (code == turn::kUnauthenticated && challenge_ && challenge_->realm == asked->realm) {
        return false;
    }
    challenge_ = *std::move(asked);
    key_ = turn::long_term_key(user_, challenge_->realm, password_, crypto_.md5);
    return true;
}

bool TurnLogin::is_signed(ByteView datagram) const {
    return stun::has_integrity(datagram, key_, crypto_.hmac);
}

TurnRequest::TurnRequest(TurnLogin& login, stun::Message request, std::optional<Endpoint> peer,
                         bool reliable, TimePoint give_up_at)
    : login_(login),
      request_(std::move(request)),
      peer_(peer),
      reliable_(reliable),
      give_up_at_(give_up_at) {
}

void TurnRequest::start(TimePoint now) {
    send(now);
}

// Anew, with what is known of the login by now.
void TurnRequest::send(TimePoint now) {
    request_.transaction = login_.new_transaction();
    auto message = request_;
    if (peer_) {
        message.add(stun::AttributeType::XorPeerAddress,
                    stun::xor_address(*peer_, message.transaction));
    }
    login_.sign(message);
    encoded_ = stun::encode(message);
    timer_ = RetransmitTimer({.max_sends = reliable_ ? 1 : 0});
    timer_.start(now, give_up_at_);
    outbox_ = encoded_;
}

void TurnRequest::handle_message(TimePoint now, const stun::Message& message, ByteView raw) {
    if (result_ || message.transaction != request_.transaction ||
        message.method != request_.method) {
        return;
    }
    if (message.kind == stun::Class::Success) {
        if (login_.is_challenged() && !login_.is_signed(raw)) return;
        finish(message);
        return;
    }
    if (message.kind != stun::Class::Error) return;
    const auto error = stun::error_code(message);
    if (!error) return;
    if (login_.is_challenged() && !may_be_unsigned(error->code) && !login_.is_signed(raw)) return;
    const bool challenged =
        error->code == turn::kUnauthenticated || error->code == turn::kStaleNonce;
    if (challenged && ++challenges_ <= kMaxChallenges &&
        login_.take_challenge(message, error->code)) {
        send(now);
        return;
    }
    const bool wrong_login = error->code == turn::kUnauthenticated;
    finish(Error{Errc::Refused,
                 wrong_login ? "the TURN server does not take this user and password"
                             : "the TURN server refused: " + std::to_string(error->code) + " " +
                                   error->reason,
                 error->code});
}

void TurnRequest::handle_timeout(TimePoint now) {
    if (result_) return;
    switch (timer_.expire(now)) {
    case RetransmitTimer::Verdict::Wait: return;
    case RetransmitTimer::Verdict::Resend: outbox_ = encoded_; return;
    case RetransmitTimer::Verdict::GiveUp:
        finish(Error{Errc::Timeout, "the TURN server does not answer"});
        return;
    }
}

std::optional<std::vector<std::uint8_t>> TurnRequest::poll_transmit() {
    return std::exchange(outbox_, std::nullopt);
}

void TurnRequest::finish(Result<stun::Message> result) {
    timer_.stop();
    outbox_.reset();
    result_.emplace(std::move(result));
}

} // namespace natterjack
