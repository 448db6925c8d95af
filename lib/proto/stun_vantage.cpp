// SPDX-License-Identifier: MIT
#include "proto/stun_vantage.hpp"

#include <utility>

#include "wire/turn.hpp"

namespace natterjack {

namespace {

constexpr int kUnknownAttribute = 420; // RFC 8489 section 14.8

bool is_usable(const Endpoint& other, const Endpoint& server) {
    const auto& address = other.address;
    return address != server.address && other.port != server.port && other.port != 0 &&
           address.is_v4() == server.address.is_v4() && !address.is_unspecified() &&
           !address.is_loopback() && !address.is_multicast();
}

} // namespace

StunVantage::StunVantage(Endpoint server, std::function<stun::TransactionId()> new_transaction,
                         Duration ready_limit)
    : server_(server), new_transaction_(std::move(new_transaction)), ready_limit_(ready_limit) {
    contacted_.push_back(server);
}

void StunVantage::start(TimePoint now) {
    ask(now, ProofSocket::Asker);
}

void StunVantage::open_control(TimePoint now) {
    ask(now, ProofSocket::Control);
}

void StunVantage::ask(TimePoint now, ProofSocket socket) {
    binding_ = new_transaction_();
    binding_socket_ = socket;
    timer_ = RetransmitTimer();
    timer_.start(now, now + ready_limit_);
    outbox_.push_back({socket, {server_, stun::encode({.transaction = binding_})}});
}

void StunVantage::handle_timeout(TimePoint now) {
    switch (timer_.expire(now)) {
    case RetransmitTimer::Verdict::Wait: return;
    case RetransmitTimer::Verdict::Resend:
        outbox_.push_back({binding_socket_, {server_, stun::encode({.transaction = binding_})}});
        return;
    case RetransmitTimer::Verdict::GiveUp:
        if (ready_) {
            objection_ = name() + " does not answer any more";
        } else {
            ready_ = Error{Errc::Timeout, name() + " does not answer"};
        }
        return;
    }
}

void StunVantage::knock(TimePoint, const Endpoint& target, const KnockId& id, bool from_elsewhere) {
    auto& knock = knocks_[id];
    knock = {target.port, std::nullopt};
    if (from_elsewhere && !changes_nothing_) {
        knock.change = stun::ChangeRequest{other_.has_value(), true};
    }
    send_knock(id, knock);
}

void StunVantage::send_knock(const KnockId& id, const Knock& knock) {
    stun::Message request{.transaction = id};
    if (knock.change) {
        request.add(stun::AttributeType::ChangeRequest, stun::change_request_value(*knock.change));
    }
    request.add(stun::AttributeType::ResponsePort, stun::response_port_value(knock.port));
    request.add(stun::AttributeType::Software, stun::padding_software());
    if (!nonce_.empty()) request.add(stun::AttributeType::Nonce, nonce_);
    outbox_.push_back({ProofSocket::Asker, {server_, stun::encode(request)}});
}

void StunVantage::handle_datagram(TimePoint, ProofSocket socket, const Endpoint& from,
                                  ByteView payload) {
    const auto message = stun::decode(payload);
    if (!message || message->method != stun::kBinding) return;
    if (timer_.deadline() && message->transaction == binding_ && socket == binding_socket_ &&
        from == server_) {
        take_binding(socket, *message);
        return;
    }
    const auto found = knocks_.find(message->transaction);
    if (socket != ProofSocket::Asker || found == knocks_.end()) return;
    if (message->kind == stun::Class::Success) {
        objection_ = name() + " ignores RESPONSE-PORT: it answers the port that asked";
    } else if (message->kind == stun::Class::Error && from == server_) {
        take_refusal(found->first, found->second, *message);
    }
}

void StunVantage::take_binding(ProofSocket socket, const stun::Message& message) {
    if (message.kind == stun::Class::Success) {
        const auto mapped = stun::mapped_address(message);
        if (!mapped) return;
        timer_.stop();
        if (socket == ProofSocket::Control) {
            control_ = *mapped;
            return;
        }
        const auto other = stun::other_address(message);
        if (other && is_usable(*other, server_)) other_ = *other;
        ready_ = mapped->address;
    } else if (message.kind == stun::Class::Error) {
        const auto error = stun::error_code(message);
        if (!error) return;
        timer_.stop();
        auto text = name() + " refuses: " + std::to_string(error->code) + " " + error->reason;
        if (socket == ProofSocket::Control) {
            objection_ = std::move(text);
        } else {
            ready_ = Error{Errc::Refused, std::move(text), error->code};
        }
    }
}

void StunVantage::take_refusal(const KnockId& id, Knock& knock, const stun::Message& message) {
    const auto error = stun::error_code(message);
    if (!error) return;
    const auto nonce = stun::challenging_nonce(message);
    // Refused was what had gone out before we knew; with it, it has been sent again since.
    if (nonce && *nonce == nonce_) return;
    if (nonce && ++challenges_ <= kMaxChallenges) {
        nonce_ = *nonce; // it wants to see that we get what it sends to our address
        send_knock(id, knock);
        return;
    }
    const bool unknown = error->code == kUnknownAttribute || error->code == turn::kBadRequest;
    if (unknown && knock.change) { // RESPONSE-PORT alone may do
        changes_nothing_ = true;
        knock.change.reset();
        send_knock(id, knock);
        return;
    }
    objection_ = name() + " refuses to answer to another port: " + std::to_string(error->code) +
                 " " + error->reason;
}

bool StunVantage::knocks_from(const IpAddress& address) const {
    return address == server_.address || (other_ && address == other_->address);
}

} // namespace natterjack
