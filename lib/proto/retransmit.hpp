// SPDX-License-Identifier: MIT
/// \file
/// \brief When to send a request again, and when to give up. Holds no socket and reads no clock.
#pragma once

#include <optional>

#include "base/time.hpp"

namespace natterjack {

/// Exponential back-off for one request.
///
/// The caller owns time: it passes \a now in and sleeps until deadline().
/// Not thread-safe; bound to the thread that owns the request.
class RetransmitTimer {
public:
    struct Policy {
        Duration first_wait{250}; ///< NAT-PMP: 250 ms (RFC 6886 section 3.1).
        int max_sends = 9;        ///< NAT-PMP: 9 sends (RFC 6886 section 3.1).
    };
    enum class Verdict {
        Wait,   ///< Not yet due.
        Resend, ///< Send the same bytes again.
        GiveUp  ///< All sends used and the last wait has passed.
    };

    explicit RetransmitTimer(Policy policy) : policy_(policy) {}

    /// Records the first send.
    void start(TimePoint now) {
        sends_ = 1;
        wait_ = policy_.first_wait;
        deadline_ = now + wait_;
    }

    /// The next time to call expire(); empty before start() and after GiveUp.
    [[nodiscard]] std::optional<TimePoint> deadline() const { return deadline_; }

    [[nodiscard]] Verdict expire(TimePoint now) {
        if (!deadline_ || now < *deadline_) return Verdict::Wait;
        if (sends_ >= policy_.max_sends) {
            deadline_.reset();
            return Verdict::GiveUp;
        }
        ++sends_;
        wait_ *= 2;
        deadline_ = now + wait_;
        return Verdict::Resend;
    }

private:
    Policy policy_;
    int sends_ = 0;
    Duration wait_{0};
    std::optional<TimePoint> deadline_;
};

} // namespace natterjack
