// SPDX-License-Identifier: MIT
#include "proto/mapping_age.hpp"

#include <algorithm>
#include <utility>

namespace natterjack {

namespace {

constexpr RetransmitTimer::Policy kRepeat{.first_wait = Duration(50), .max_sends = 5};
constexpr Duration kPatience{1250};
constexpr Duration kBetweenExchanges{1000};

} // namespace

MappingAge::MappingAge(const Setup& setup, const StunConversation::MakeId& make_id)
    : setup_(setup), subject_(make_id), asker_(make_id) {
}

void MappingAge::start(TimePoint now) {
    subject_.ask({.to = setup_.server}, now, kPatience, kRepeat);
}

void MappingAge::handle_datagram(int lane, const Endpoint& from, ByteView payload, TimePoint now) {
    if (result_) return;
    if (lane == kSubject) subject_.handle_datagram(from, payload, now);
    const bool open = asker_.size() > 0 && asker_.answers(0).empty();
    asker_.handle_datagram(from, payload, now);
    if (open && lane == kAsker && !asker_.answers(0).empty()) answered_to_asker_ = true;
    advance(now);
}

void MappingAge::handle_timeout(TimePoint now) {
    if (result_) return;
    subject_.handle_timeout(now);
    asker_.handle_timeout(now);
    advance(now);
}

std::optional<LaneDatagram> MappingAge::poll_transmit() {
    if (auto sent = subject_.poll_transmit()) return LaneDatagram{kSubject, *std::move(sent)};
    if (auto sent = asker_.poll_transmit()) return LaneDatagram{kAsker, *std::move(sent)};
    return std::nullopt;
}

std::optional<TimePoint> MappingAge::deadline() const {
    if (result_) return std::nullopt;
    std::optional<TimePoint> first = next_;
    for (const auto& each : {subject_.deadline(), asker_.deadline()}) {
        if (each) first = std::min(first.value_or(*each), *each);
    }
    return first;
}

void MappingAge::advance(TimePoint now) {
    if (asker_.size() > 0) {
        if (!asker_.is_settled(0)) return;
        const auto& answers = asker_.answers(0);
        if (answers.empty()) {
            result_ = Outcome::Gone;
        } else if (answers.front().message.kind == stun::Class::Error) {
            result_ = Outcome::Refused;
        } else {
            result_ = answered_to_asker_ ? Outcome::Ignored : Outcome::Alive;
        }
        return;
    }
    const auto last = subject_.size() - 1;
    if (!subject_.is_settled(last)) return;
    if (!next_) {
        const auto& answers = subject_.answers(last);
        const auto mapped = answers.empty() ? Result<Endpoint>(Error{})
                                            : stun::mapped_address(answers.front().message);
        if (!mapped) {
            result_ = Outcome::NoContact;
            return;
        }
        mapped_port_ = mapped->port;
        const bool more = static_cast<int>(subject_.size()) < setup_.exchanges;
        next_ = now + (more ? kBetweenExchanges : setup_.silence);
    }
    if (now < *next_) return;
    next_.reset();
    if (static_cast<int>(subject_.size()) < setup_.exchanges) {
        subject_.ask({.to = setup_.server}, now, kPatience, kRepeat);
    } else {
        asker_.ask({.to = setup_.server, .response_port = mapped_port_}, now, kPatience, kRepeat);
    }
}

} // namespace natterjack
