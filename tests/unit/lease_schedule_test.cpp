// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "proto/lease_schedule.hpp"

namespace natterjack {
namespace {

using namespace std::chrono_literals;

const TimePoint kStart{1h};

TEST(LeaseSchedule, RenewsBetweenHalfAndFiveEighths) {
    LeaseSchedule schedule;
    EXPECT_FALSE(schedule.next());
    schedule.granted(kStart, Lifetime(7200), 0);
    EXPECT_EQ(schedule.next(), kStart + 3600s);
    schedule.granted(kStart, Lifetime(7200), 1);
    EXPECT_EQ(schedule.next(), kStart + 4500s);
    EXPECT_FALSE(schedule.is_lost(kStart + 7199s));
    EXPECT_TRUE(schedule.is_lost(kStart + 7200s));
}

TEST(LeaseSchedule, RepeatsAFailedRenewalEverCloserToTheEnd) {
    LeaseSchedule schedule;
    schedule.granted(kStart, Lifetime(7200), 0);
    auto now = *schedule.next();
    schedule.failed(now, 0);
    EXPECT_EQ(schedule.next(), kStart + 5400s);
    now = *schedule.next();
    schedule.failed(now, 0);
    EXPECT_EQ(schedule.next(), kStart + 6300s);
}

TEST(LeaseSchedule, NeverRenewsFasterThanEveryFourSeconds) {
    for (const std::uint32_t lifetime : {1U, 2U, 7U}) {
        LeaseSchedule schedule;
        schedule.granted(kStart, Lifetime(lifetime), 0);
        EXPECT_EQ(schedule.next(), kStart + 4s) << lifetime;
    }
    LeaseSchedule schedule;
    schedule.granted(kStart, Lifetime(60), 0);
    schedule.failed(kStart + 59s, 0);
    EXPECT_EQ(schedule.next(), kStart + 63s);
}

TEST(LeaseSchedule, BacksOffOnceTheLeaseIsLost) {
    LeaseSchedule schedule;
    schedule.granted(kStart, Lifetime(60), 0);
    auto now = kStart + 60s;
    Duration last{0};
    for (int i = 0; i < 12; ++i) {
        schedule.failed(now, 0);
        const auto wait = std::chrono::duration_cast<Duration>(*schedule.next() - now);
        EXPECT_GE(wait, last);
        EXPECT_LE(wait, LeaseSchedule::kMaxInterval);
        last = wait;
        now = *schedule.next();
    }
    EXPECT_EQ(last, LeaseSchedule::kMaxInterval);
    schedule.granted(now, Lifetime(60), 0); // success starts afresh
    EXPECT_EQ(schedule.next(), now + 30s);
}

TEST(LeaseSchedule, LooksAfterAMappingWithoutEnd) {
    LeaseSchedule schedule;
    schedule.granted(kStart, Lifetime(0), 0);
    EXPECT_EQ(schedule.next(), kStart + LeaseSchedule::kPermanentInterval);
    EXPECT_FALSE(schedule.is_lost(kStart + 1000h));
}

TEST(LeaseSchedule, TakesTheLongestLifetimeThereIs) {
    LeaseSchedule schedule;
    schedule.granted(kStart, Lifetime(0xFFFFFFFF), 0);
    EXPECT_EQ(schedule.next(), kStart + 2147483647500ms);
}

} // namespace
} // namespace natterjack
