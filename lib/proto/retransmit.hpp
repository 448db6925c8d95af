// SPDX-License-Identifier: MIT
/// \file
/// \brief When to send a request again, and when to give up. Holds no socket and reads no clock.
#pragma once

#include <algorithm>
#include <optional>

#include "base/time.hpp"

namespace natterjack {

/// Exponential back-off for one request, up to the moment at which its caller stops waiting.
///
/// With the default policy the sends go out at 0, 100, 300, 700, 1500, ... ms. The RFCs begin
/// later: NAT-PMP at 250 ms (RFC 6886 section 3.1), PCP at 3 s (RFC 6887 section 8.1.1), which has
/// carrier-grade NATs several hops away in mind. A home gateway answers within milliseconds or has
/// lost the datagram, and each wait doubles, so even a slow one sees few repeats.
///
/// The caller owns time: it passes \a now in and sleeps until deadline().
/// Not thread-safe; bound to the thread that owns the request.
class RetransmitTimer {
public:
    struct Policy {
        Duration first_wait{100}; ///< Between the first two sends; each later one is twice as long.
        int max_sends = 0;        ///< The first included; 0: as many as fit. Then only waits.
    };
    enum class Verdict {
        Wait,   ///< Not yet due.
        Resend, ///< Send the same bytes again.
        GiveUp  ///< The caller's time is over. Said once, then Wait.
    };

    RetransmitTimer() = default;
    explicit RetransmitTimer(Policy policy) : policy_(policy) {}

    /// Records the first send. Nothing is sent at \a give_up_at or after it.
    void start(TimePoint now, TimePoint give_up_at) {
        sends_ = 1;
        give_up_at_ = give_up_at;
        wait_ = policy_.first_wait;
        schedule(now);
    }

    /// Ends it: the answer is here.
    void stop() { deadline_.reset(); }

    /// The next time to call expire(); empty before start(), after stop() and after GiveUp.
    [[nodiscard]] std::optional<TimePoint> deadline() const { return deadline_; }

    [[nodiscard]] Verdict expire(TimePoint now) {
        if (!deadline_ || now < *deadline_) return Verdict::Wait;
        if (now >= give_up_at_) {
            stop();
            return Verdict::GiveUp;
        }
        ++sends_;
        wait_ *= 2;
        schedule(now);
        return Verdict::Resend;
    }

private:
    void schedule(TimePoint now) {
        const bool last = policy_.max_sends > 0 && sends_ >= policy_.max_sends;
        deadline_ = last ? give_up_at_ : std::min(now + wait_, give_up_at_);
    }

    Policy policy_;
    int sends_ = 0;
    Duration wait_{0};
    TimePoint give_up_at_;
    std::optional<TimePoint> deadline_;
};

} // namespace natterjack
