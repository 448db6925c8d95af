// SPDX-License-Identifier: MIT
#include "proto/hairpin_test.hpp"

#include <algorithm>
#include <utility>

namespace natterjack {

namespace {

constexpr RetransmitTimer::Policy kRepeat{.first_wait = Duration(50), .max_sends = 5};
constexpr Duration kPatience{1250};
constexpr int kFirst = 0;
constexpr int kSecond = 1;
constexpr std::size_t kAcross = 1; // the question to the other's external endpoint

} // namespace

HairpinTest::HairpinTest(const Endpoint& server, const StunConversation::MakeId& make_id)
    : server_(server), first_(make_id), second_(make_id) {
}

void HairpinTest::start(TimePoint now) {
    first_.ask({.to = server_}, now, kPatience, kRepeat);
    second_.ask({.to = server_}, now, kPatience, kRepeat);
}

std::optional<Endpoint> HairpinTest::mapped(const StunConversation& side) const {
    for (const auto& answer : side.answers(0)) {
        const auto endpoint = stun::mapped_address(answer.message);
        if (answer.from == server_ && endpoint) return *endpoint;
    }
    return std::nullopt;
}

void HairpinTest::handle_datagram(int lane, const Endpoint& from, ByteView payload, TimePoint now) {
    if (result_) return;
    if (lane == kFirst) first_.handle_datagram(from, payload, now);
    if (lane == kSecond) second_.handle_datagram(from, payload, now);
    if (lane == kSecond && first_.size() > kAcross) {
        const auto message = stun::decode(payload);
        if (message && message->kind == stun::Class::Request &&
            first_.id(kAcross) == message->transaction) {
            const auto external = mapped(first_);
            result_ = external && from.address == external->address ? Hairpin::ExternalSource
                                                                    : Hairpin::InternalSource;
            return;
        }
    }
    advance(now);
}

void HairpinTest::handle_timeout(TimePoint now) {
    if (result_) return;
    first_.handle_timeout(now);
    second_.handle_timeout(now);
    advance(now);
}

std::optional<LaneDatagram> HairpinTest::poll_transmit() {
    if (auto sent = second_.poll_transmit()) return LaneDatagram{kSecond, *std::move(sent)};
    if (auto sent = first_.poll_transmit()) return LaneDatagram{kFirst, *std::move(sent)};
    return std::nullopt;
}

std::optional<TimePoint> HairpinTest::deadline() const {
    if (result_) return std::nullopt;
    const auto a = first_.deadline();
    const auto b = second_.deadline();
    return a && b ? std::min(*a, *b) : (a ? a : b);
}

void HairpinTest::advance(TimePoint now) {
    if (!first_.all_settled() || !second_.all_settled()) return;
    if (first_.size() > kAcross) {
        result_ = Hairpin::No;
        return;
    }
    const auto a = mapped(first_);
    const auto b = mapped(second_);
    if (!a || !b) {
        result_ = Hairpin::Unknown;
        return;
    }
    second_.ask({.to = *a}, now, kPatience, kRepeat);
    first_.ask({.to = *b}, now, kPatience, kRepeat);
}

} // namespace natterjack
