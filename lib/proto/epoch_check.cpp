// SPDX-License-Identifier: MIT
#include "proto/epoch_check.hpp"

#include <utility>

namespace natterjack {

namespace {

using Milliseconds = std::int64_t;

// RFC 6886 section 3.6: two seconds for rounding, one eighth for a slow clock of the gateway.
bool natpmp_goes_on(Milliseconds ours, Milliseconds last, Milliseconds now) {
    constexpr Milliseconds kSlack = 2000;
    const auto expected = last + ours / 8 * 7;
    return now + kSlack >= expected;
}

// RFC 6887 section 8.5: never back by more than a second; both clocks went on alike, give or take
// two seconds and one sixteenth.
bool pcp_goes_on(Milliseconds ours, Milliseconds last, Milliseconds now) {
    constexpr Milliseconds kBackwards = 1000;
    constexpr Milliseconds kSlack = 2000;
    if (now + kBackwards < last) return false;
    const auto theirs = now - last;
    return ours + kSlack >= theirs - theirs / 16 && theirs + kSlack >= ours - ours / 16;
}

} // namespace

bool EpochCheck::goes_on(TimePoint now, Lifetime epoch) {
    const auto last = std::exchange(last_, Seen{now, epoch});
    if (!last) return true;
    const auto ours = std::chrono::duration_cast<Duration>(now - last->at).count();
    const auto before = Duration(last->epoch).count();
    const auto after = Duration(epoch).count();
    return rule_ == Rule::Pcp ? pcp_goes_on(ours, before, after)
                              : natpmp_goes_on(ours, before, after);
}

} // namespace natterjack
