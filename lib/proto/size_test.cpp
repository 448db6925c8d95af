// SPDX-License-Identifier: MIT
#include "proto/size_test.hpp"

#include <utility>

namespace natterjack {

namespace {

constexpr RetransmitTimer::Policy kRepeat{.first_wait = Duration(50), .max_sends = 5};
constexpr Duration kPatience{1250};

} // namespace

SizeTest::SizeTest(std::vector<StunConversation::Question> questions,
                   StunConversation::MakeId make_id)
    : questions_(std::move(questions)), stun_(std::move(make_id)) {
}

void SizeTest::start(TimePoint now) {
    for (const auto& question : questions_) stun_.ask(question, now, kPatience, kRepeat);
    advance();
}

void SizeTest::handle_datagram(const Endpoint& from, ByteView payload, TimePoint now) {
    if (result_) return;
    stun_.handle_datagram(from, payload, now);
    advance();
}

void SizeTest::handle_timeout(TimePoint now) {
    if (result_) return;
    stun_.handle_timeout(now);
    advance();
}

void SizeTest::advance() {
    if (!stun_.all_settled()) return;
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < stun_.size(); ++i) {
        const auto& answers = stun_.answers(i);
        out.push_back(answers.empty() ? 0 : stun::encode(answers.front().message).size());
    }
    result_ = std::move(out);
}

} // namespace natterjack
