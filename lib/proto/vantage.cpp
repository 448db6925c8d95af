// SPDX-License-Identifier: MIT
#include "proto/vantage.hpp"

namespace natterjack {

std::optional<KnockId> knock_id(ByteView payload) {
    const auto message = stun::decode(payload);
    if (!message || message->method != stun::kBinding) return std::nullopt;
    if (message->kind != stun::Class::Success && message->kind != stun::Class::Indication) {
        return std::nullopt;
    }
    return message->transaction;
}

std::optional<ProofDatagram> Vantage::poll_transmit() {
    if (outbox_.empty()) return std::nullopt;
    auto out = std::move(outbox_.front());
    outbox_.pop_front();
    return out;
}

} // namespace natterjack
