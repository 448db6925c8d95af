// SPDX-License-Identifier: MIT
/// \file
/// \brief When to renew a lease, and when to try again. Holds no timer and reads no clock.
#pragma once

#include <optional>

#include "base/time.hpp"

namespace natterjack {

/// Renewal times of one mapping (RFC 6887 section 11.2.1, RFC 6886 section 3.3).
///
/// A renewal is due between 1/2 and 5/8 of the lifetime; each one that fails is repeated at a point
/// in the second half of what is left, so that attempts get denser towards the end and never come
/// faster than kMinInterval. After the end the mapping is lost and attempts back off to
/// kMaxInterval.
class LeaseSchedule {
public:
    /// RFC 6887 section 11.2.1: no more than one renewal in 4 seconds.
    static constexpr Duration kMinInterval{4000};
    /// A lost mapping is tried for every quarter of an hour at the latest.
    static constexpr Duration kMaxInterval{15 * 60 * 1000};
    /// How often a mapping without a lifetime is looked after, that is, made again in place: half
    /// of the lifetime that would have been asked for.
    static constexpr Duration kPermanentInterval{60 * 60 * 1000};

    /// A lease was granted at \a now for \a lifetime (0: without end). \a jitter: 0 to 1, from a
    /// random source, spreads the renewals of many leases.
    void granted(TimePoint now, Lifetime lifetime, double jitter);
    /// An attempt to renew ended without success.
    void failed(TimePoint now, double jitter);

    /// When to renew next; empty before the first granted().
    [[nodiscard]] std::optional<TimePoint> next() const { return next_; }
    /// When the lease runs out; empty: never, or before the first granted().
    [[nodiscard]] std::optional<TimePoint> end() const { return end_; }
    /// True when the lease has run out without a renewal.
    [[nodiscard]] bool is_lost(TimePoint now) const { return end_ && now >= *end_; }

private:
    std::optional<TimePoint> next_;
    std::optional<TimePoint> end_; // empty: without end
    Duration back_off_{kMinInterval};
};

} // namespace natterjack
