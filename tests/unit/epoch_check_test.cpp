// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "proto/epoch_check.hpp"

namespace natterjack {
namespace {

using namespace std::chrono_literals;
using Rule = EpochCheck::Rule;

const TimePoint kStart{1h};

struct Step {
    const char* name;
    Duration ours;       // since the first answer
    std::uint32_t epoch; // the first one was 1000
    bool natpmp;         // whether it goes on, by RFC 6886 section 3.6
    bool pcp;            // by RFC 6887 section 8.5
};

TEST(EpochCheck, FollowsTheFormulasOfBothRfcs) {
    for (const Step& step : {
             Step{"in step", 100s, 1100, true, true},
             Step{"nothing passed", 0s, 1000, true, true},
             Step{"rounded down by a second", 0s, 999, true, true},
             Step{"two seconds back at once", 0s, 998, true, false},
             Step{"three seconds back at once", 0s, 997, false, false},
             Step{"started anew", 100s, 5, false, false},
             Step{"started anew long after", 3600s, 3, false, false},
             Step{"a clock slow by a twentieth", 1000s, 1950, true, true},
             Step{"a clock slow by an eighth", 1000s, 1875, true, false},
             Step{"a clock slow by more than an eighth", 1000s, 1872, false, false},
             Step{"a clock fast by a twentieth", 1000s, 2050, true, true},
             Step{"a clock fast by an eighth", 1000s, 2125, true, false},
             Step{"stood still", 100s, 1000, false, false},
             Step{"up longer than before, and yet anew", 2000s, 1200, false, false},
             Step{"the largest there is", 100s, 0xFFFFFFFF, true, false},
         }) {
        for (const auto rule : {Rule::NatPmp, Rule::Pcp}) {
            EpochCheck check(rule);
            ASSERT_TRUE(check.goes_on(kStart, Lifetime(1000))) << step.name;
            EXPECT_EQ(check.goes_on(kStart + step.ours, Lifetime(step.epoch)),
                      rule == Rule::Pcp ? step.pcp : step.natpmp)
                << step.name << (rule == Rule::Pcp ? " (PCP)" : " (NAT-PMP)");
        }
    }
}

TEST(EpochCheck, CountsFromTheNewStartAfterALoss) {
    for (const auto rule : {Rule::NatPmp, Rule::Pcp}) {
        EpochCheck check(rule);
        EXPECT_TRUE(check.goes_on(kStart, Lifetime(0xFFFFFFFF)));
        EXPECT_FALSE(check.goes_on(kStart + 10s, Lifetime(2)));
        EXPECT_TRUE(check.goes_on(kStart + 20s, Lifetime(12)));
        EXPECT_FALSE(check.goes_on(kStart + 30s, Lifetime(0)));
    }
}

} // namespace
} // namespace natterjack
