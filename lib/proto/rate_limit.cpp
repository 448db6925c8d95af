// SPDX-License-Identifier: MIT
#include "proto/rate_limit.hpp"

#include <algorithm>
#include <chrono>

namespace natterjack {

namespace {

IpAddress customer_of(const IpAddress& address) {
    if (address.is_v4()) return address;
    auto bytes = address.mapped_bytes();
    std::fill(bytes.begin() + 8, bytes.end(), std::uint8_t{0});
    return IpAddress::v6(bytes);
}

} // namespace

void TokenBucket::refill(TimePoint now) {
    const std::chrono::duration<double> passed = now - at_;
    at_ = now;
    level_ = std::min(level_ + passed.count() * rate_.per_second, static_cast<double>(rate_.burst));
}

bool TokenBucket::has_one(TimePoint now) {
    refill(now);
    return level_ >= 1;
}

bool TokenBucket::take(TimePoint now) {
    if (!has_one(now)) return false;
    level_ -= 1;
    return true;
}

bool RateLimit::allow(const IpAddress& address, TimePoint now) {
    // Who has used up their own share takes nothing of the others'.
    const auto network = customer_of(address);
    auto found = index_.find(network);
    if (found == index_.end()) {
        if (!all_.has_one(now)) return false; // and nothing is remembered of a flood
        if (entries_.size() == kMaxAddresses) {
            index_.erase(entries_.back().network);
            entries_.pop_back();
        }
        entries_.push_front({network, TokenBucket(each_, now)});
        found = index_.emplace(network, entries_.begin()).first;
    } else {
        entries_.splice(entries_.begin(), entries_, found->second);
    }
    return found->second->bucket.take(now) && all_.take(now);
}

} // namespace natterjack
