// SPDX-License-Identifier: MIT
#include "proto/lease_board.hpp"

#include <algorithm>
#include <utility>

namespace natterjack {

namespace {

// A few requests may go out together. With those the pace comes to no more than kMaxRate in any
// one second.
constexpr Duration kBurst{200};
constexpr int kPace = 38;

Duration scaled(Duration whole, double factor) {
    return Duration(static_cast<Duration::rep>(static_cast<double>(whole.count()) * factor));
}

Duration price(int requests) {
    return requests * Duration(std::chrono::seconds(1)) / kPace;
}

} // namespace

void LeaseBoard::add(Id id, TimePoint now, Lifetime lifetime, Cost cost) {
    Lease& lease = leases_[id];
    lease.cost = cost;
    lease.schedule.granted(now, lifetime, random_());
    if (const auto end = lease.schedule.end()) ends_.emplace(*end, id);
    plan(id, lease, *lease.schedule.next());
    if (!look_) look_ = next_look(now);
}

void LeaseBoard::remove(Id id) {
    const auto found = leases_.find(id);
    if (found == leases_.end()) return;
    Lease& lease = found->second;
    if (lease.under_way) {
        end_task(lease);
    } else {
        due_.erase({lease.due, id});
    }
    if (const auto end = lease.schedule.end()) ends_.erase({*end, id});
    leases_.erase(found);
    if (leases_.empty()) look_.reset();
}

void LeaseBoard::granted(Id id, TimePoint now, Lifetime lifetime) {
    Lease& lease = leases_.at(id);
    if (const auto end = lease.schedule.end()) ends_.erase({*end, id});
    lease.schedule.granted(now, lifetime, random_());
    if (const auto end = lease.schedule.end()) ends_.emplace(*end, id);
    settle(id, lease, now);
}

void LeaseBoard::stands(Id id, TimePoint now) {
    settle(id, leases_.at(id), now);
}

void LeaseBoard::refused(Id id, TimePoint now) {
    Lease& lease = leases_.at(id);
    lease.schedule.failed(now, random_());
    lease.quiet_until = now + kRefusalPause;
    settle(id, lease, now);
}

void LeaseBoard::silent(Id id, TimePoint now) {
    Lease& lease = leases_.at(id);
    end_task(lease);
    if (std::exchange(lease.again, false)) lease.suspected = true;
    plan(id, lease, now);
    lease.schedule.failed(now, random_()); // the nearer the end, the sooner again
    retry_ = std::min(now + patience_ + scaled(patience_ / 4, random_()), *lease.schedule.next());
    patience_ = std::min(patience_ * 2, std::max(kMinPause, check_interval_ / 2));
}

// The lease's task ended with an answer.
void LeaseBoard::settle(Id id, Lease& lease, TimePoint now) {
    end_task(lease);
    lease.suspected = std::exchange(lease.again, false);
    const auto next = lease.schedule.is_lost(now)
                          ? std::max(*lease.schedule.next(), lease.quiet_until)
                          : *lease.schedule.next();
    plan(id, lease, lease.suspected ? now : next);
    answered(now);
}

void LeaseBoard::answered(TimePoint now) {
    patience_ = kMinPause;
    // Whoever was silent may have been rebooting.
    if (std::exchange(retry_, std::nullopt)) suspect(now, kSpread);
}

void LeaseBoard::suspect(TimePoint now, Duration spread) {
    suspect_after(kMinPause, now, spread);
}

bool LeaseBoard::doubt(TimePoint now) {
    const bool news = !suspected_ || now >= *suspected_ + doubt_pause_;
    doubted_again_ = !news;
    suspect_after(doubt_pause_, now, kSpread);
    return news;
}

void LeaseBoard::suspect_after(Duration pause, TimePoint now, Duration spread) {
    if (suspected_ && now < *suspected_ + pause) {
        const std::pair again{*suspected_ + pause, spread};
        suspect_again_ = suspect_again_ ? std::min(*suspect_again_, again) : again;
        return;
    }
    suspected_ = now;
    suspect_again_.reset();
    doubt_pause_ =
        std::exchange(doubted_again_, false) ? std::min(doubt_pause_ * 2, kMaxPause) : kMinPause;
    if (retry_) { // somebody says that it is there: no use in waiting any longer
        retry_ = now;
        patience_ = kMinPause;
    }
    for (auto& [id, lease] : leases_) {
        if (lease.under_way) {
            lease.again = true;
            continue;
        }
        lease.suspected = true;
        due_.erase({lease.due, id});
        plan(id, lease, std::min(lease.due, now + scaled(spread, random_())));
    }
}

void LeaseBoard::glance(TimePoint now) {
    const auto soonest = glanced_ ? std::max(now, *glanced_ + kMinPause) : now;
    glanced_ = soonest;
    if (look_) look_ = std::min(*look_, soonest);
    if (retry_) retry_ = std::min(*retry_, soonest);
}

void LeaseBoard::hurry(Id id, TimePoint now) {
    Lease& lease = leases_.at(id);
    if (lease.under_way) {
        lease.again = true;
        return;
    }
    lease.suspected = true;
    due_.erase({lease.due, id});
    plan(id, lease, std::min(lease.due, now));
    retry_.reset();
    patience_ = kMinPause;
}

void LeaseBoard::depart(Id id) {
    remove(id);
    retry_.reset();
    patience_ = kMinPause;
}

void LeaseBoard::shorten_interval(TimePoint now, Duration check_interval) {
    if (check_interval >= check_interval_) return;
    check_interval_ = check_interval;
    if (look_) look_ = std::min(*look_, next_look(now));
}

std::optional<LeaseBoard::Action> LeaseBoard::poll(TimePoint now) {
    if (!ends_.empty() && ends_.begin()->first <= now) {
        const auto id = ends_.begin()->second;
        ends_.erase(ends_.begin());
        return Action{Task::Lapse, id};
    }
    if (suspect_again_ && suspect_again_->first <= now) {
        suspect_after(Duration(0), now, suspect_again_->second);
    }
    if (under_way_ >= kMaxUnderWay || now < paid_until_ - kBurst) return std::nullopt;
    if (retry_) {
        // One asks for all, whichever comes first.
        if (now < *retry_ || under_way_ > 0 || due_.empty()) return std::nullopt;
        const auto id = due_.begin()->second;
        return begin(id, leases_.at(id).suspected ? Task::Look : Task::Renew, now);
    }
    if (!due_.empty() && due_.begin()->first <= now) {
        const auto id = due_.begin()->second;
        return begin(id, leases_.at(id).suspected ? Task::Look : Task::Renew, now);
    }
    if (look_ && *look_ <= now) {
        look_ = next_look(now);
        if (const auto id = next_to_look_at(now)) {
            looked_at_ = *id;
            return begin(*id, Task::Look, now);
        }
    }
    return std::nullopt;
}

LeaseBoard::Action LeaseBoard::begin(Id id, Task task, TimePoint now) {
    Lease& lease = leases_.at(id);
    due_.erase({lease.due, id});
    lease.under_way = true;
    lease.suspected = task == Task::Look;
    ++under_way_;
    const int requests = task == Task::Look ? lease.cost.look : lease.cost.renew;
    paid_until_ = std::max(paid_until_, now) + price(requests);
    return {task, id};
}

std::optional<TimePoint> LeaseBoard::deadline() const {
    std::optional<TimePoint> out;
    const auto sooner = [&out](TimePoint when) { out = out ? std::min(*out, when) : when; };
    if (!ends_.empty()) sooner(ends_.begin()->first);
    if (suspect_again_) sooner(suspect_again_->first);
    if (under_way_ >= kMaxUnderWay || (retry_ && under_way_ > 0)) return out;
    const auto payable = [this](TimePoint when) { return std::max(when, paid_until_ - kBurst); };
    if (retry_) {
        if (!due_.empty()) sooner(payable(*retry_));
        return out;
    }
    if (!due_.empty()) sooner(payable(due_.begin()->first));
    if (look_) sooner(payable(*look_));
    return out;
}

void LeaseBoard::plan(Id id, Lease& lease, TimePoint due) {
    lease.due = due;
    due_.emplace(due, id);
}

void LeaseBoard::end_task(Lease& lease) {
    lease.under_way = false;
    --under_way_;
}

// In turns, so that each is looked at in the end; empty when none may be.
std::optional<LeaseBoard::Id> LeaseBoard::next_to_look_at(TimePoint now) const {
    const auto is_free = [now](const auto& item) {
        return !item.second.under_way && item.second.quiet_until <= now;
    };
    const auto after = leases_.upper_bound(looked_at_);
    auto found = std::find_if(after, leases_.end(), is_free);
    if (found == leases_.end()) found = std::find_if(leases_.begin(), after, is_free);
    if (found == leases_.end() || !is_free(*found)) return std::nullopt;
    return found->first;
}

// Within half the interval, and not in step with other hosts.
TimePoint LeaseBoard::next_look(TimePoint now) {
    return now + check_interval_ / 2 - scaled(check_interval_ / 8, random_());
}

} // namespace natterjack
