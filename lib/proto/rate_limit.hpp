// SPDX-License-Identifier: MIT
/// \file
/// \brief How much one address, and all together, may ask of a server. Bounded memory, no clock.
#pragma once

#include <cstddef>
#include <list>
#include <map>

#include <natterjack/endpoint.hpp>

#include "base/time.hpp"

namespace natterjack {

/// So many at once, then so many a second.
class TokenBucket {
public:
    struct Rate {
        int burst = 1;
        int per_second = 1;
    };

    TokenBucket(Rate rate, TimePoint now) : rate_(rate), level_(rate.burst), at_(now) {}

    /// Takes one, if there is one.
    [[nodiscard]] bool take(TimePoint now);
    /// Whether there is one; takes nothing.
    [[nodiscard]] bool has_one(TimePoint now);

private:
    void refill(TimePoint now);

    Rate rate_;
    double level_;
    TimePoint at_;
};

/// A bucket for each address (IPv6: for each /64, for that is what one customer has), and one for
/// all. Of more than kMaxAddresses addresses the one that asked least recently is forgotten, and so
/// begins afresh; the bucket for all holds nevertheless.
class RateLimit {
public:
    static constexpr std::size_t kMaxAddresses = 4096;

    RateLimit(TokenBucket::Rate each, TokenBucket::Rate all, TimePoint now)
        : each_(each), all_(all, now) {}

    /// True when \a address may go on; counts it.
    [[nodiscard]] bool allow(const IpAddress& address, TimePoint now);
    [[nodiscard]] std::size_t size() const { return entries_.size(); }

private:
    struct Entry {
        IpAddress network;
        TokenBucket bucket;
    };

    TokenBucket::Rate each_;
    TokenBucket all_;
    std::list<Entry> entries_; // most recent first
    std::map<IpAddress, std::list<Entry>::iterator> index_;
};

} // namespace natterjack
