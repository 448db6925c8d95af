// SPDX-License-Identifier: MIT
#include <future>

#include <natterjack/opening.hpp>

#include "traversal/opening_state.hpp"
#include "traversal/undo.hpp"

namespace natterjack {

namespace {

// A little more than a removal may take: what is waited for is the loop's own answer.
constexpr std::chrono::milliseconds kCloseLimit = kLongestUndo + std::chrono::milliseconds(1000);

} // namespace

std::string_view to_string(Strategy strategy) noexcept {
    switch (strategy) {
    case Strategy::Direct: return "direct";
    case Strategy::Igd: return "igd";
    case Strategy::Pcp: return "pcp";
    case Strategy::NatPmp: return "nat-pmp";
    case Strategy::Ice: return "ice";
    }
    return "unknown";
}

std::string_view to_string(Reach reach) noexcept {
    switch (reach) {
    case Reach::Anyone: return "anyone";
    case Reach::InvitedPeer: return "invited-peer";
    case Reach::Relayed: return "relayed";
    case Reach::BehindAnotherNat: return "behind-another-nat";
    }
    return "unknown";
}

std::string_view to_string(Proof proof) noexcept {
    switch (proof) {
    case Proof::Proved: return "proved";
    case Proof::Claimed: return "claimed";
    case Proof::Refuted: return "refuted";
    }
    return "unknown";
}

std::string_view to_string(ProofLevel level) noexcept {
    switch (level) {
    case ProofLevel::None: return "none";
    case ProofLevel::KnownEndpoint: return "known-endpoint";
    case ProofLevel::NewPort: return "new-port";
    case ProofLevel::NewAddress: return "new-address";
    }
    return "unknown";
}

std::string_view to_string(StoryLine::Outcome outcome) noexcept {
    switch (outcome) {
    case StoryLine::Outcome::Opened: return "opened";
    case StoryLine::Outcome::Spare: return "spare";
    case StoryLine::Outcome::Refused: return "refused";
    case StoryLine::Outcome::Silent: return "silent";
    case StoryLine::Outcome::Failed: return "failed";
    }
    return "unknown";
}

Opening::Opening(std::shared_ptr<OpeningState> state) : state_(std::move(state)) {
}

Opening::Opening(Opening first, std::vector<Opening> others, Story missed)
    : state_(std::move(first.state_)), also_(std::move(others)), missed_(std::move(missed)) {
}

Opening::Opening(Opening&&) noexcept = default;

Opening& Opening::operator=(Opening&& other) noexcept {
    if (this != &other) {
        if (state_) OpeningState::abandon(std::move(state_));
        state_ = std::move(other.state_);
        also_ = std::move(other.also_);
        missed_ = std::move(other.missed_);
    }
    return *this;
}

Opening::~Opening() {
    if (state_) OpeningState::abandon(std::move(state_));
}

OpeningInfo Opening::info() const {
    auto info = state_->info();
    for (const Opening& other : also_) {
        info.also.push_back(other.info());
        auto& story = info.also.back().story;
        info.story.insert(info.story.end(), story.begin(), story.end());
        story.clear();
    }
    info.story.insert(info.story.end(), missed_.begin(), missed_.end());
    return info;
}

void Opening::on_changed(ChangeHandler handler) {
    for (Opening& other : also_) other.on_changed(handler);
    state_->on_changed(std::move(handler));
}

void Opening::close(std::function<void(Result<void>)> done) {
    struct Closing { // of all endpoints; on the loop
        std::size_t open;
        std::function<void(Result<void>)> done;
        Result<void> result{};
    };
    const auto closing = std::make_shared<Closing>(Closing{also_.size() + 1, std::move(done)});
    const auto take = [closing](const Result<void>& result) {
        if (!result && closing->result) closing->result = result;
        if (--closing->open == 0 && closing->done) closing->done(closing->result);
    };
    for (Opening& other : also_) other.close(take);
    state_->loop().post([state = state_, take] { state->close(take); });
}

Result<void> Opening::close() {
    if (state_->loop().is_current()) {
        return Error{Errc::InvalidArgument, "a blocking close() on the loop's own thread"};
    }
    auto promise = std::make_shared<std::promise<Result<void>>>();
    close([promise](Result<void> result) { promise->set_value(std::move(result)); });
    auto future = promise->get_future();
    if (future.wait_for(kCloseLimit) != std::future_status::ready) {
        return Error{Errc::Timeout, "the mapping's removal did not end: is the loop running?"};
    }
    return future.get();
}

void Opening::release() {
    for (Opening& other : also_) other.release();
    state_->loop().post([state = state_] { state->release(); });
}

} // namespace natterjack
