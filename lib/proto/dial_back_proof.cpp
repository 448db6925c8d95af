// SPDX-License-Identifier: MIT
#include "proto/dial_back_proof.hpp"

#include <utility>

#include "wire/turn.hpp"

namespace natterjack {

DialBackProof::DialBackProof(Options options, std::function<stun::TransactionId()> new_transaction)
    : options_(std::move(options)), new_transaction_(std::move(new_transaction)) {
}

void DialBackProof::start(TimePoint now) {
    transaction_ = new_transaction_();
    asked_ = now;
    timer_ = RetransmitTimer();
    timer_.start(now, now + options_.ready_limit);
    send();
}

void DialBackProof::prove(TimePoint now, const Endpoint& external) {
    if (phase_ != Phase::Ready) return;
    external_ = external;
    if (external.address.is_unspecified()) external_.address = seen_;
    if (seen_ != external_.address) {
        inconclusive(name() + " sees us as " + seen_.to_string() + ", not as " +
                     external_.address.to_string() + ", and connects nowhere else");
        return;
    }
    phase_ = Phase::Dialling;
    asked_ = now;
    transaction_ = new_transaction_();
    timer_ = RetransmitTimer();
    // One round trip for the nonce, one for the answer.
    timer_.start(now, now + options_.dial_limit + 2 * round_trip_ + kSlack);
    send();
}

void DialBackProof::send() {
    stun::Message request{.transaction = transaction_};
    if (phase_ == Phase::Dialling) {
        request.add(static_cast<stun::AttributeType>(DialBack::kType),
                    dial_back_value({.port = external_.port,
                                     .silent = options_.application_listens,
                                     .limit = options_.dial_limit}));
        request.add(stun::AttributeType::Software, stun::padding_software());
        if (!nonce_.empty()) request.add(stun::AttributeType::Nonce, nonce_);
    }
    outbox_ = Datagram{options_.server, stun::encode(request)};
}

void DialBackProof::handle_datagram(TimePoint now, const Endpoint& from, ByteView payload) {
    if (result_ || from != options_.server || !timer_.deadline()) return;
    const auto message = stun::decode(payload);
    if (!message || message->method != stun::kBinding || message->transaction != transaction_) {
        return;
    }
    if (message->kind == stun::Class::Error) {
        take_refusal(*message);
        return;
    }
    if (message->kind != stun::Class::Success) return;
    if (phase_ == Phase::Preparing) {
        const auto mapped = stun::mapped_address(*message);
        if (!mapped) return;
        seen_ = mapped->address;
        round_trip_ = std::chrono::duration_cast<Duration>(now - asked_);
        phase_ = Phase::Ready;
        timer_.stop();
        return;
    }
    const auto origin = stun::response_origin(*message);
    if (!dial_back(*message) || !origin) {
        inconclusive(name() + " does not connect back",
                     {UnsolicitedSyn::Unknown, Confidence::UnsupportedByServer,
                      "no server here connects back"});
        return;
    }
    // Of our own listener's connection the listener tells, perhaps a little later.
    if (options_.application_listens) dialled_ = *origin;
}

void DialBackProof::take_refusal(const stun::Message& message) {
    const auto error = stun::error_code(message);
    if (!error) return;
    const auto nonce = stun::challenging_nonce(message);
    // Refused was what had gone out before we knew; with it, it has been sent again since.
    if (nonce && *nonce == nonce_) return;
    if (nonce && ++challenges_ <= kMaxChallenges) {
        nonce_ = *nonce;
        send();
        return;
    }
    if (error->code == turn::kConnectionTimeoutOrFailure) {
        const auto said = dial_back(message);
        inconclusive(name() + " cannot connect to " + external_.to_string() +
                         ": nothing gets in, or the server itself cannot get out",
                     syn_finding(said ? said->answer : UnsolicitedSyn::Unknown));
        return;
    }
    inconclusive(name() + " refuses: " + std::to_string(error->code) + " " + error->reason);
}

void DialBackProof::handle_accepted(TimePoint now, const Endpoint& from, ByteView bytes) {
    if (result_ || phase_ != Phase::Dialling) return;
    const auto message = stun::decode(bytes);
    if (message && message->kind == stun::Class::Indication &&
        message->transaction == transaction_) {
        proved(now, from);
    }
}

void DialBackProof::confirm(TimePoint now, bool has_connection) {
    if (result_ || !dialled_) return;
    const auto from = *std::exchange(dialled_, std::nullopt);
    if (has_connection) {
        proved(now, from);
    } else {
        inconclusive("somebody took the connection from " + from.to_string() +
                     ", but this host has no such connection");
    }
}

void DialBackProof::handle_timeout(TimePoint now) {
    switch (timer_.expire(now)) {
    case RetransmitTimer::Verdict::Wait: return;
    case RetransmitTimer::Verdict::Resend: send(); return;
    case RetransmitTimer::Verdict::GiveUp:
        inconclusive(name() + (phase_ == Phase::Preparing ? " does not answer"
                                                          : " answers nothing about its dialling"));
        return;
    }
}

void DialBackProof::proved(TimePoint now, const Endpoint& from) {
    std::vector<Endpoint> contacted{options_.server};
    if (options_.contacted) {
        contacted.insert(contacted.end(), options_.contacted->begin(), options_.contacted->end());
    }
    // Its second address may be any; one of the local network is the gateway's doing.
    const bool rewritten = !from.address.is_public() && options_.server.address.is_public();
    const auto level = rewritten ? ProofLevel::KnownEndpoint : level_of(from, contacted);
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(now - asked_);
    finish({Proof::Proved,
            level,
            "a connection that " + name() + " made arrived after " + std::to_string(took.count()) +
                " ms from " + from.to_string() + ", " +
                (rewritten ? "its source rewritten" : in_words(level)) +
                (options_.application_listens ? kTakenByApplication : ""),
            {},
            syn_finding(UnsolicitedSyn::Accepted)});
}

void DialBackProof::inconclusive(std::string why, Finding<UnsolicitedSyn> syn) {
    finish({Proof::Claimed, ProofLevel::None, std::move(why), {}, std::move(syn)});
}

void DialBackProof::finish(ProofVerdict verdict) {
    verdict.external = external_;
    phase_ = Phase::Done;
    timer_.stop();
    outbox_.reset();
    dialled_.reset();
    result_ = std::move(verdict);
}

std::optional<Datagram> DialBackProof::poll_transmit() {
    return std::exchange(outbox_, std::nullopt);
}

} // namespace natterjack
