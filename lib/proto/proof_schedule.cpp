// SPDX-License-Identifier: MIT
#include "proto/proof_schedule.hpp"

#include <algorithm>

namespace natterjack {

void ProofSchedule::settled(TimePoint now, Proof proof) {
    remakes_ = 0;
    proved_once_ = proved_once_ || proof == Proof::Proved;
    next_ = proof == Proof::Proved ? now + interval() : now + std::min(kSettle, interval());
}

void ProofSchedule::suspect(TimePoint now) {
    if (next_) next_ = std::min(*next_, now + kSettle);
}

ProofSchedule::Step ProofSchedule::judged(TimePoint now, Proof proof, double jitter) {
    mended_ = proof == Proof::Proved && remakes_ > 0;
    if (proof == Proof::Proved) {
        proved_once_ = true;
        remakes_ = 0;
        pause_ = interval();
    }
    if (proof != Proof::Refuted || !proved_once_) {
        later(now, jitter);
        return Step::Stay;
    }
    // The proof that follows a remake at once; then it gets some time before the next.
    if (remakes_ > 0 && !std::exchange(tried_again_, true)) {
        if (remakes_ == kRemakes) {
            remakes_ = 0;
            pause_ = std::max(interval(), std::min(pause_ * 2, kMaxInterval));
            later(now, jitter);
            return Step::Leave;
        }
        next_ = now + check_interval_ * remakes_;
        return Step::Stay;
    }
    ++remakes_;
    tried_again_ = false;
    return Step::Remake;
}

// Of many openings not all at once.
void ProofSchedule::later(TimePoint now, double jitter) {
    const auto most = static_cast<double>(pause_.count());
    next_ = now + Duration(static_cast<Duration::rep>(most * (1 - jitter / 8)));
}

} // namespace natterjack
