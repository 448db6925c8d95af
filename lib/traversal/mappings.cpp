// SPDX-License-Identifier: MIT
#include <algorithm>
#include <list>
#include <utility>

#include <natterjack/mappings.hpp>

#include "traversal/question.hpp"

namespace natterjack {

class Mappings::State {
public:
    explicit State(QuestionContext parts) : context(std::move(parts)) {}

    /// On the loop's turn after the last question's answer, or later: what is over goes.
    void add(std::unique_ptr<PendingQuestion> question) {
        std::erase_if(questions, [](const auto& each) { return each->is_over(); });
        questions.push_back(std::move(question));
    }

    QuestionContext context;
    std::list<std::unique_ptr<PendingQuestion>> questions;
};

Mappings::Mappings(const Loop& loop, NetworkChoice network, std::vector<Strategy> only,
                   Families families) {
    auto strategies = available_strategies();
    std::erase_if(strategies, [&](Strategy strategy) {
        return strategy == Strategy::Direct ||
               (!only.empty() && std::find(only.begin(), only.end(), strategy) == only.end());
    });
    state_ = std::make_shared<State>(QuestionContext{
        loop, std::move(network), std::move(strategies), ChainParts::real(), families});
}

Mappings::~Mappings() {
    const Loop loop = state_->context.loop;
    if (loop.is_current()) state_->questions.clear();
    loop.post([state = std::move(state_)] { state->questions.clear(); });
}

void Mappings::list(std::chrono::milliseconds deadline, ListHandler handler) {
    state_->context.loop.post(
        [state = std::weak_ptr(state_), deadline, handler = std::move(handler)] {
            if (const auto self = state.lock()) {
                self->add(list_mappings(self->context, deadline, handler));
            }
        });
}

void Mappings::remove(std::uint16_t port, Transport transport, std::chrono::milliseconds deadline,
                      ListHandler handler) {
    state_->context.loop.post(
        [state = std::weak_ptr(state_), port, transport, deadline, handler = std::move(handler)] {
            if (const auto self = state.lock()) {
                self->add(remove_mapping(self->context, port, transport, deadline, handler));
            }
        });
}

void Mappings::external(std::chrono::milliseconds deadline, AddressHandler handler) {
    state_->context.loop.post(
        [state = std::weak_ptr(state_), deadline, handler = std::move(handler)] {
            if (const auto self = state.lock()) {
                self->add(ask_for_addresses(self->context, deadline, handler));
            }
        });
}

} // namespace natterjack
