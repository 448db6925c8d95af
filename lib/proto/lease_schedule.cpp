// SPDX-License-Identifier: MIT
#include "proto/lease_schedule.hpp"

#include <algorithm>

namespace natterjack {

namespace {

Duration scaled(Duration whole, double factor) {
    return Duration(static_cast<Duration::rep>(static_cast<double>(whole.count()) * factor));
}

} // namespace

void LeaseSchedule::granted(TimePoint now, Lifetime lifetime, double jitter) {
    back_off_ = kMinInterval;
    if (lifetime.count() == 0) {
        end_.reset();
        next_ = now + kPermanentInterval + scaled(kPermanentInterval / 4, jitter);
        return;
    }
    const Duration whole = lifetime;
    end_ = now + whole;
    // RFC 6887 section 11.2.1: between 1/2 and 5/8 of the lifetime
    next_ = now + std::max(kMinInterval, whole / 2 + scaled(whole / 8, jitter));
}

void LeaseSchedule::failed(TimePoint now, double jitter) {
    if (end_ && now < *end_) {
        const auto left = std::chrono::duration_cast<Duration>(*end_ - now);
        next_ = now + std::max(kMinInterval, left / 2 + scaled(left / 8, jitter));
        return;
    }
    next_ = now + back_off_ + scaled(back_off_ / 4, jitter);
    back_off_ = std::min(kMaxInterval, back_off_ * 2);
}

} // namespace natterjack
