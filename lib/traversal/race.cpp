// SPDX-License-Identifier: MIT
#include "traversal/race.hpp"

#include <algorithm>

namespace natterjack {

Race::Race(const std::vector<StageRules>& stages) {
    stages_.reserve(stages.size());
    for (const StageRules& rules : stages) stages_.push_back({rules, State::Asking});
}

void Race::start(TimePoint now) {
    started_ = now;
    decide(now);
}

void Race::answered(std::size_t stage, TimePoint now) {
    Stage& it = stages_.at(stage);
    if (it.state != State::Asking) return;
    it.state = State::Answered;
    if (reported_ && !moved_ && stage < *reported_ && !it.rules.last_resort) {
        moved_ = true; // at most one move: an opening that wanders is worse than a second choice
        push(Action::Kind::Move, stage);
        return;
    }
    decide(now);
}

void Race::failed(std::size_t stage, TimePoint now) {
    stages_.at(stage).state = State::Failed;
    decide(now);
}

void Race::mapped(std::size_t stage, TimePoint now, bool reaches_anyone) {
    stages_.at(stage).state = reaches_anyone ? State::Mapped : State::MappedBehind;
    decide(now);
}

void Race::expire() {
    if (over_) return;
    if (const auto behind = first_in(State::MappedBehind)) {
        report(*behind);
        return;
    }
    over_ = true;
    deadline_.reset();
    push(Action::Kind::GiveUp, 0);
}

std::optional<Race::Action> Race::poll_action() {
    if (actions_.empty()) return std::nullopt;
    const Action action = actions_.front();
    actions_.erase(actions_.begin());
    return action;
}

bool Race::is_asking(std::size_t stage) const {
    return stages_.at(stage).state == State::Asking;
}

void Race::decide(TimePoint now) {
    deadline_.reset();
    if (over_ || first_in(State::Mapping)) return;
    if (const auto done = first_in(State::Mapped)) {
        report(*done);
        return;
    }
    for (std::size_t i = 0; i < stages_.size(); ++i) {
        if (stages_[i].state != State::Answered || is_pointless(i)) continue;
        if (waits_for_better(i, now)) continue;
        stages_[i].state = State::Mapping;
        push(Action::Kind::Map, i);
        return;
    }
    if (!is_undecided()) expire();
}

void Race::report(std::size_t stage) {
    over_ = true;
    deadline_.reset();
    reported_ = stage;
    for (std::size_t i = 0; i < stages_.size(); ++i) {
        if (i != stage && stages_[i].state == State::MappedBehind) push(Action::Kind::Unmap, i);
    }
    push(Action::Kind::Report, stage);
}

// True when a better stage may still answer in time; notes when that time ends.
bool Race::waits_for_better(std::size_t stage, TimePoint now) {
    const bool last_resort = stages_[stage].rules.last_resort;
    bool waits = false;
    for (std::size_t i = 0; i < stages_.size(); ++i) {
        const Stage& other = stages_[i];
        if (i == stage || other.state != State::Asking || other.rules.last_resort) continue;
        if (is_pointless(i)) continue;
        if (last_resort) return true; // only the other's end can change that: no deadline
        const TimePoint until = started_ + other.rules.head_start;
        if (i > stage || now >= until) continue;
        deadline_ = std::min(deadline_.value_or(until), until);
        waits = true;
    }
    return waits;
}

// True when another stage has shown that this one's gateway stands behind a NAT itself.
bool Race::is_pointless(std::size_t stage) const {
    if (stages_[stage].rules.last_resort) return false;
    return std::any_of(stages_.begin(), stages_.end(), [&](const Stage& other) {
        return other.state == State::MappedBehind &&
               other.rules.group == stages_[stage].rules.group;
    });
}

bool Race::is_undecided() const {
    for (std::size_t i = 0; i < stages_.size(); ++i) {
        const State state = stages_[i].state;
        if ((state == State::Asking || state == State::Answered) && !is_pointless(i)) return true;
    }
    return false;
}

std::optional<std::size_t> Race::first_in(State state) const {
    for (std::size_t i = 0; i < stages_.size(); ++i) {
        if (stages_[i].state == state) return i;
    }
    return std::nullopt;
}

} // namespace natterjack
