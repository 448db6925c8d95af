// SPDX-License-Identifier: MIT
#include "proto/stun_conversation.hpp"

#include <algorithm>
#include <utility>

namespace natterjack {

namespace {

constexpr std::uint16_t kIgnored = 0xfffe; // RFC 8489 section 18.3: optional, and not assigned

std::vector<std::uint8_t> encode_question(const StunConversation::Question& question,
                                          const stun::TransactionId& id,
                                          const std::vector<std::uint8_t>& nonce) {
    stun::Message message{.transaction = id};
    if (question.change) {
        message.add(stun::AttributeType::ChangeRequest,
                    stun::change_request_value(*question.change));
    }
    if (question.response_port) {
        message.add(stun::AttributeType::ResponsePort,
                    stun::response_port_value(*question.response_port));
        message.add(stun::AttributeType::Software, stun::padding_software());
        if (!nonce.empty()) message.add(stun::AttributeType::Nonce, nonce);
    }
    if (question.padding > 0) {
        message.add(stun::AttributeType::Padding, std::vector<std::uint8_t>(question.padding));
    }
    auto bytes = stun::encode(message);
    constexpr std::size_t kAttributeHeader = 4;
    if (question.size < bytes.size() + kAttributeHeader) return bytes;
    message.attributes.push_back(
        {kIgnored, std::vector<std::uint8_t>(question.size - bytes.size() - kAttributeHeader)});
    return stun::encode(message);
}

} // namespace

StunConversation::StunConversation(MakeId make_id) : make_id_(std::move(make_id)) {
}

std::size_t StunConversation::ask(const Question& question, TimePoint now, Duration patience,
                                  RetransmitTimer::Policy policy) {
    Entry& entry = entries_.emplace_back();
    entry.question = question;
    entry.id = make_id_();
    entry.bytes = encode_question(question, entry.id, {});
    entry.asked = now;
    entry.timer = RetransmitTimer(policy);
    entry.timer.start(now, now + patience);
    outbox_.push_back({question.to, entry.bytes});
    return entries_.size() - 1;
}

void StunConversation::handle_datagram(const Endpoint& from, ByteView payload, TimePoint now) {
    auto message = stun::decode(payload);
    if (!message || message->method != stun::kBinding) return;
    if (message->kind != stun::Class::Success && message->kind != stun::Class::Error) return;
    const auto entry = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& each) {
        return each.id == message->transaction;
    });
    if (entry == entries_.end() || entry->answers.size() == kMaxAnswers) return;
    if (std::any_of(entry->answers.begin(), entry->answers.end(),
                    [&](const Answer& each) { return each.from == from; })) {
        return;
    }
    if (take_challenge(*entry, from, *message)) return;
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(now - entry->asked);
    entry->answers.push_back({from, *std::move(message), now, took});
    entry->timer.stop();
}

// True: that is all that it says. What was on its way without the nonce is refused likewise.
bool StunConversation::take_challenge(Entry& entry, const Endpoint& from,
                                      const stun::Message& message) {
    if (!entry.question.response_port || from != entry.question.to) return false;
    const auto nonce = stun::challenging_nonce(message);
    if (!nonce || !entry.timer.deadline()) return false;
    if (*nonce == entry.nonce) return true;
    if (++entry.challenges > kMaxChallenges) return false;
    entry.nonce = *nonce;
    entry.bytes = encode_question(entry.question, entry.id, entry.nonce);
    outbox_.push_back({entry.question.to, entry.bytes});
    return true;
}

void StunConversation::handle_timeout(TimePoint now) {
    for (Entry& entry : entries_) {
        if (entry.timer.expire(now) == RetransmitTimer::Verdict::Resend) {
            outbox_.push_back({entry.question.to, entry.bytes});
        }
    }
}

std::optional<Datagram> StunConversation::poll_transmit() {
    if (outbox_.empty()) return std::nullopt;
    Datagram next = std::move(outbox_.front());
    outbox_.pop_front();
    return next;
}

std::optional<TimePoint> StunConversation::deadline() const {
    std::optional<TimePoint> next;
    for (const Entry& entry : entries_) {
        if (const auto deadline = entry.timer.deadline())
            next = std::min(next.value_or(*deadline), *deadline);
    }
    return next;
}

const std::vector<StunConversation::Answer>& StunConversation::answers(std::size_t number) const {
    return entries_.at(number).answers;
}

bool StunConversation::is_settled(std::size_t number) const {
    return !entries_.at(number).timer.deadline();
}

bool StunConversation::all_settled() const {
    return !deadline();
}

const StunConversation::Question& StunConversation::question(std::size_t number) const {
    return entries_.at(number).question;
}

const stun::TransactionId& StunConversation::id(std::size_t number) const {
    return entries_.at(number).id;
}

} // namespace natterjack
