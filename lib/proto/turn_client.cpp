// SPDX-License-Identifier: MIT
#include "proto/turn_client.hpp"

#include <algorithm>
#include <utility>

namespace natterjack {

TurnClient::TurnClient(Options options, TurnCrypto crypto)
    : options_(std::move(options)), login_(options_.user, options_.password, std::move(crypto)) {
}

void TurnClient::start(TimePoint now) {
    stun::Message allocate{.method = turn::kAllocate};
    allocate.add(stun::AttributeType::RequestedTransport,
                 turn::requested_transport_value(options_.relayed));
    if (options_.ipv6) {
        allocate.add(stun::AttributeType::RequestedAddressFamily,
                     turn::requested_family_value(false));
    }
    allocate.add(stun::AttributeType::Lifetime, turn::lifetime_value(options_.lifetime));
    ask(now, Kind::Allocate, std::move(allocate), std::nullopt, options_.request_limit);
}

void TurnClient::permit(TimePoint now, const IpAddress& peer) {
    // The port of the address is ignored (RFC 8656 section 9.1).
    ask(now, Kind::Permit, {.method = turn::kCreatePermission}, Endpoint{peer, 0},
        options_.request_limit);
}

void TurnClient::connect(TimePoint now, const Endpoint& peer) {
    ask(now, Kind::Connect, {.method = turn::kConnect}, peer, options_.connect_limit);
}

void TurnClient::send(const Endpoint& peer, ByteView payload) {
    if (!standing_) return;
    stun::Message message{.kind = stun::Class::Indication, // never signed (RFC 8656 section 11.1)
                          .method = turn::kSend,
                          .transaction = login_.new_transaction()};
    message.add(stun::AttributeType::XorPeerAddress, stun::xor_address(peer, message.transaction));
    message.add(stun::AttributeType::Data, {payload.begin(), payload.end()});
    outbox_.push_back(stun::encode(message));
}

void TurnClient::close() {
    pending_.clear();
    if (!std::exchange(standing_, false)) return;
    stun::Message refresh{.method = turn::kRefresh, .transaction = login_.new_transaction()};
    refresh.add(stun::AttributeType::Lifetime, turn::lifetime_value(Lifetime(0)));
    login_.sign(refresh);
    outbox_.push_back(stun::encode(refresh));
}

TurnRequest TurnClient::bind_request(turn::ConnectionId id, TimePoint give_up_at) {
    stun::Message bind{.method = turn::kConnectionBind};
    bind.add(stun::AttributeType::ConnectionId, turn::connection_id_value(id));
    return {login_, std::move(bind), std::nullopt, true, give_up_at};
}

void TurnClient::ask(TimePoint now, Kind kind, stun::Message message, std::optional<Endpoint> peer,
                     Duration limit) {
    auto& pending = pending_.emplace_back(
        Pending{kind, peer, {login_, std::move(message), peer, options_.reliable, now + limit}});
    pending.request.start(now);
    collect();
}

void TurnClient::handle_message(TimePoint now, ByteView raw) {
    const auto message = stun::decode(raw);
    if (!message) return;
    if (message->kind == stun::Class::Indication) {
        receive(*message);
        return;
    }
    for (auto& pending : pending_) pending.request.handle_message(now, *message, raw);
    collect();
}

void TurnClient::receive(const stun::Message& message) {
    if (!standing_ || message.method != turn::kData) return;
    const auto peer = turn::peer_address(message);
    const auto* data = message.find(stun::AttributeType::Data);
    if (peer && data != nullptr) events_.emplace_back(Received{*peer, data->value});
}

void TurnClient::handle_timeout(TimePoint now) {
    for (auto& pending : pending_) pending.request.handle_timeout(now);
    collect();
}

// Moves what the requests want to send and what came of them to where the caller looks.
void TurnClient::collect() {
    for (auto it = pending_.begin(); it != pending_.end();) {
        if (auto datagram = it->request.poll_transmit()) outbox_.push_back(*std::move(datagram));
        if (!it->request.result()) {
            ++it;
            continue;
        }
        conclude(*it);
        it = pending_.erase(it);
    }
}

void TurnClient::conclude(const Pending& pending) {
    const auto& result = *pending.request.result();
    if (pending.kind == Kind::Allocate) {
        if (result) {
            allocated(*result);
        } else {
            events_.emplace_back(Failed{result.error()});
        }
        return;
    }
    if (!result) {
        events_.emplace_back(Refused{*pending.peer, result.error()});
    } else if (pending.kind == Kind::Permit) {
        events_.emplace_back(Permitted{pending.peer->address});
    } else if (const auto id = turn::connection_id(*result)) {
        events_.emplace_back(Connected{*pending.peer, *id});
    } else {
        events_.emplace_back(Refused{*pending.peer, id.error()});
    }
}

void TurnClient::allocated(const stun::Message& answer) {
    const auto relayed = turn::relayed_address(answer);
    const auto mapped = stun::mapped_address(answer);
    standing_ = true; // even if its address cannot be read: close() then ends it
    if (relayed && mapped) {
        events_.emplace_back(Allocated{*relayed, *mapped});
    } else {
        events_.emplace_back(Failed{
            {Errc::Malformed, "the TURN server's allocation has no address that can be read"}});
    }
}

std::optional<std::vector<std::uint8_t>> TurnClient::poll_transmit() {
    if (outbox_.empty()) return std::nullopt;
    auto out = std::move(outbox_.front());
    outbox_.pop_front();
    return out;
}

std::optional<TurnClient::Event> TurnClient::poll_event() {
    if (events_.empty()) return std::nullopt;
    auto out = std::move(events_.front());
    events_.pop_front();
    return out;
}

std::optional<TimePoint> TurnClient::deadline() const {
    std::optional<TimePoint> out;
    for (const auto& pending : pending_) {
        if (const auto deadline = pending.request.deadline()) {
            out = std::min(out.value_or(*deadline), *deadline);
        }
    }
    return out;
}

} // namespace natterjack
