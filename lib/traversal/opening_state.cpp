// SPDX-License-Identifier: MIT
#include "traversal/opening_state.hpp"

#include <utility>

#include <unistd.h>

#include <glib.h>

#include "net/random.hpp"

namespace natterjack {

namespace {

// How long one renewal may take. Shorter than LeaseSchedule::kMinInterval, so that they never
// overlap.
constexpr Duration kRenewalLimit{3500};

double jitter() {
    return static_cast<double>(net::random_between(0, 1000)) / 1000.0;
}

bool looks_the_same(const OpeningInfo& a, const OpeningInfo& b) {
    return a.external == b.external && a.internal == b.internal && a.strategy == b.strategy &&
           a.reach == b.reach && a.proof == b.proof;
}

} // namespace

OpeningState::OpeningState(Loop loop, OpeningInfo info, Appraisal appraise, Journal journal)
    : loop_(std::move(loop)),
      appraise_(std::move(appraise)),
      journal_(std::move(journal)),
      timer_(loop_),
      info_(std::move(info)) {
}

void OpeningState::start(Lease lease) {
    lease_ = std::move(lease);
    schedule_.granted(net::now(), lease_.mapping.lifetime, jitter());
    write_journal();
    schedule();
}

OpeningInfo OpeningState::info() const {
    const std::lock_guard lock(mutex_);
    return info_;
}

void OpeningState::on_changed(Opening::ChangeHandler handler) {
    const std::lock_guard lock(mutex_);
    handler_ = std::move(handler);
}

void OpeningState::abandon(std::shared_ptr<OpeningState> self) {
    self->on_changed(nullptr);
    const Loop loop = self->loop_;
    loop.post([state = std::move(self)] { state->close([](const Result<void>&) {}); });
}

void OpeningState::schedule() {
    if (const auto next = schedule_.next()) timer_.start_at(*next, [this] { renew(); });
}

void OpeningState::renew() {
    if (phase_ != Phase::Open || busy_) return;
    busy_ = true;
    auto request = lease_.request;
    request.renew = lease_.mapping;
    request.external_port = lease_.mapping.external.port;
    lease_.mapper->map(request, net::now() + kRenewalLimit,
                       [this](Result<Mapping> result) { handle_renewal(std::move(result)); });
}

void OpeningState::handle_renewal(Result<Mapping> result) {
    const auto self = shared_from_this(); // a handler may destroy the opening
    busy_ = false;
    if (result) {
        take(*std::move(result));
        return;
    }
    const auto now = net::now();
    schedule_.failed(now, jitter());
    schedule();
    if (lost_ || !schedule_.is_lost(now)) return;
    lost_ = true;
    const auto before = info();
    {
        const std::lock_guard lock(mutex_);
        info_.note = "the mapping was lost: " + result.error().message;
    }
    report(Opening::Change::Lost, before);
}

// A mapping was made or renewed: plan its renewal and tell what changed.
void OpeningState::take(Mapping mapping) {
    const auto before = info();
    auto after = before;
    after.strategy = mapping.strategy;
    after.gateway = mapping.gateway;
    after.internal = mapping.internal;
    appraise_(mapping, after);
    lease_.mapping = std::move(mapping);
    schedule_.granted(net::now(), lease_.mapping.lifetime, jitter());
    write_journal();
    schedule();
    {
        const std::lock_guard lock(mutex_);
        info_ = after;
    }
    const bool back = std::exchange(lost_, false);
    if (back || !looks_the_same(before, after)) report(Opening::Change::Moved, before);
}

void OpeningState::appraise_again() {
    if (phase_ != Phase::Open) return;
    const auto before = info();
    auto after = before;
    appraise_(lease_.mapping, after);
    {
        const std::lock_guard lock(mutex_);
        info_ = after;
    }
    if (!looks_the_same(before, after)) report(Opening::Change::Moved, before);
}

void OpeningState::report(Opening::Change change, const OpeningInfo& before) {
    Opening::ChangeHandler handler;
    {
        const std::lock_guard lock(mutex_);
        handler = handler_;
    }
    if (handler) handler(change, before, info());
}

void OpeningState::move_to(Lease better) {
    if (phase_ != Phase::Open || busy_) return;
    busy_ = true;
    timer_.stop();
    better_ = std::move(better);
    better_.request.external_port = lease_.mapping.external.port;
    // The old one first: both may stand in one table of one router, and the port is the same.
    lease_.mapper->unmap(lease_.mapping, net::now() + kRenewalLimit,
                         [this](const Result<void>&) { map_better(); });
}

void OpeningState::map_better() {
    erase_from_journal();
    better_.mapper->map(better_.request, net::now() + kRenewalLimit,
                        [this](Result<Mapping> result) { handle_move(std::move(result)); });
}

void OpeningState::handle_move(Result<Mapping> result) {
    const auto self = shared_from_this();
    busy_ = false;
    if (result) {
        lease_ = std::exchange(better_, {});
        take(*std::move(result));
        return;
    }
    better_ = {};
    renew(); // which makes the old one again
}

void OpeningState::close(std::function<void(Result<void>)> done) {
    if (phase_ == Phase::Closed || phase_ == Phase::Released) {
        done({});
        return;
    }
    closing_.push_back(std::move(done));
    if (phase_ == Phase::Closing) return;
    phase_ = Phase::Closing;
    timer_.stop();
    attached_.reset();
    auto keep = net::keep_until_done(loop_, shared_from_this());
    const auto finish = [this, keep](const Result<void>& result) {
        finish_close(result);
        keep();
    };
    if (busy_) {
        // A renewal or a move is under way, and its answer or repetition might overtake the
        // removal: destroying the mapper takes back whatever comes of it.
        better_ = {};
        lease_.mapper = lease_.make();
    }
    lease_.mapper->unmap(lease_.mapping, net::now() + kUndoLimit, finish);
}

void OpeningState::finish_close(const Result<void>& result) {
    phase_ = Phase::Closed;
    // Gone is gone, whoever removed it.
    const bool gone = result.has_value() || result.error().code == Errc::NotFound;
    if (gone) erase_from_journal();
    for (auto& done : std::exchange(closing_, {})) done(gone ? Result<void>() : result);
}

void OpeningState::release() {
    if (phase_ != Phase::Open) return;
    phase_ = Phase::Released;
    timer_.stop();
    attached_.reset();
    write_journal();
}

// The host's own address is nothing that a gateway would have to forget.
void OpeningState::write_journal() {
    if (lease_.mapping.strategy == Strategy::Direct) return;
    JournalEntry entry{.mapping = lease_.mapping};
    const auto now = std::chrono::system_clock::now();
    if (lease_.mapping.lifetime.count() != 0) entry.ends = now + lease_.mapping.lifetime;
    entry.owner = phase_ == Phase::Released ? 0 : ::getpid();
    if (const auto written = journal_.put(entry, now); !written) {
        g_warning("the mapping is not in the journal: %s", written.error().message.c_str());
    }
}

void OpeningState::erase_from_journal() {
    if (lease_.mapping.strategy == Strategy::Direct) return;
    const auto erased = journal_.erase(lease_.mapping, std::chrono::system_clock::now());
    if (!erased) {
        g_warning("the mapping is still in the journal: %s", erased.error().message.c_str());
    }
}

} // namespace natterjack
