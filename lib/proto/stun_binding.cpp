// SPDX-License-Identifier: MIT
#include "proto/stun_binding.hpp"

#include <utility>

namespace natterjack {

StunBinding::StunBinding(Endpoint server, stun::TransactionId transaction, TimePoint give_up_at,
                         RetransmitTimer::Policy policy)
    : server_(server), transaction_(transaction), give_up_at_(give_up_at), timer_(policy) {
}

void StunBinding::start(TimePoint now) {
    timer_.start(now, give_up_at_);
    outbox_ = Datagram{server_, stun::encode({.transaction = transaction_})};
}

void StunBinding::handle_datagram(const Endpoint& from, ByteView payload) {
    if (result_ || from != server_) return;
    const auto message = stun::decode(payload);
    if (!message || message->transaction != transaction_ || message->method != stun::kBinding)
        return;
    if (message->kind == stun::Class::Success) {
        const auto mapped = stun::mapped_address(*message);
        if (mapped) finish(*mapped);
    } else if (message->kind == stun::Class::Error) {
        const auto error = stun::error_code(*message);
        if (!error) return;
        finish(Error{Errc::Refused,
                     "the STUN server " + server_.to_string() +
                         " refused: " + std::to_string(error->code) + " " + error->reason,
                     error->code});
    }
}

void StunBinding::handle_timeout(TimePoint now) {
    if (result_) return;
    switch (timer_.expire(now)) {
    case RetransmitTimer::Verdict::Wait: return;
    case RetransmitTimer::Verdict::Resend:
        outbox_ = Datagram{server_, stun::encode({.transaction = transaction_})};
        return;
    case RetransmitTimer::Verdict::GiveUp:
        finish(Error{Errc::Timeout, "no answer from the STUN server " + server_.to_string()});
        return;
    }
}

std::optional<Datagram> StunBinding::poll_transmit() {
    return std::exchange(outbox_, std::nullopt);
}

void StunBinding::finish(Result<Endpoint> result) {
    timer_.stop();
    outbox_.reset();
    result_.emplace(std::move(result));
}

} // namespace natterjack
