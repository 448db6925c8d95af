// SPDX-License-Identifier: MIT
#include "proto/turn_vantage.hpp"

#include <algorithm>
#include <utility>

namespace natterjack {

namespace {

std::vector<std::uint8_t> indication(const stun::TransactionId& id) {
    return stun::encode({.kind = stun::Class::Indication, .transaction = id});
}

} // namespace

TurnVantage::TurnVantage(Endpoint server, TurnClient::Options options, TurnCrypto crypto)
    : server_(server), crypto_(crypto), client_(std::move(options), std::move(crypto)) {
}

void TurnVantage::start(TimePoint now) {
    contacted_.push_back(server_);
    client_.start(now);
    drain(now);
}

void TurnVantage::knock(TimePoint now, const Endpoint& target, const KnockId& id, bool) {
    client_.send(target, indication(id));
    drain(now);
}

// A datagram to the relayed address opens our port for it, and comes back to us with the address
// that the relay saw it come from.
void TurnVantage::open_control(TimePoint now) {
    opener_ = crypto_.new_transaction();
    timer_ = RetransmitTimer();
    timer_.start(now, now + kControlLimit);
    contacted_.push_back(relayed_);
    send_opener();
}

void TurnVantage::send_opener() {
    outbox_.push_back({ProofSocket::Control, {relayed_, indication(*opener_)}});
}

void TurnVantage::handle_datagram(TimePoint now, ProofSocket socket, const Endpoint& from,
                                  ByteView payload) {
    if (socket != ProofSocket::Asker || from != server_) return;
    client_.handle_message(now, payload);
    drain(now);
}

void TurnVantage::handle_timeout(TimePoint now) {
    switch (timer_.expire(now)) {
    case RetransmitTimer::Verdict::Wait: break;
    case RetransmitTimer::Verdict::Resend: send_opener(); break;
    case RetransmitTimer::Verdict::GiveUp:
        objection_ = name() + " lets nothing through its relay";
        break;
    }
    client_.handle_timeout(now);
    drain(now);
}

void TurnVantage::drain(TimePoint now) {
    while (const auto event = client_.poll_event()) take(now, *event);
    while (auto message = client_.poll_transmit()) {
        outbox_.push_back({ProofSocket::Asker, {server_, *std::move(message)}});
    }
}

void TurnVantage::take(TimePoint now, const TurnClient::Event& event) {
    if (const auto* allocated = std::get_if<TurnClient::Allocated>(&event)) {
        relayed_ = allocated->relayed;
        seen_ = allocated->mapped.address;
        client_.permit(now, seen_); // knocks go to our own address and nowhere else
    } else if (std::holds_alternative<TurnClient::Permitted>(event)) {
        ready_ = seen_;
    } else if (const auto* refused = std::get_if<TurnClient::Refused>(&event)) {
        ready_ = refused->error;
    } else if (const auto* failed = std::get_if<TurnClient::Failed>(&event)) {
        ready_ = failed->error;
    } else if (const auto* received = std::get_if<TurnClient::Received>(&event)) {
        if (!opener_ || knock_id(received->payload) != opener_) return;
        timer_.stop();
        control_ = received->peer;
    }
}

std::optional<TimePoint> TurnVantage::deadline() const {
    const auto own = timer_.deadline();
    const auto client = client_.deadline();
    if (!own || !client) return own ? own : client;
    return std::min(*own, *client);
}

void TurnVantage::close() {
    timer_.stop();
    client_.close();
    while (auto message = client_.poll_transmit()) {
        outbox_.push_back({ProofSocket::Asker, {server_, *std::move(message)}});
    }
}

} // namespace natterjack
