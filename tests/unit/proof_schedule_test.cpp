// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "proto/proof_schedule.hpp"

namespace natterjack {
namespace {

using namespace std::chrono_literals;
using Step = ProofSchedule::Step;

const TimePoint kStart{1h};
constexpr Duration kCheck{60s};

/// The next proof, begun when it is due.
TimePoint begin(ProofSchedule& schedule) {
    const auto now = schedule.deadline().value_or(TimePoint::max());
    schedule.begun();
    return now;
}

TEST(ProofSchedule, RepeatsWhatWasProvedEveryTenCheckIntervals) {
    ProofSchedule schedule(kCheck);
    EXPECT_FALSE(schedule.deadline());
    schedule.settled(kStart, Proof::Proved);
    EXPECT_EQ(begin(schedule), kStart + 600s);
    EXPECT_FALSE(schedule.deadline());
    EXPECT_EQ(schedule.judged(kStart + 601s, Proof::Proved, 0), Step::Stay);
    EXPECT_EQ(schedule.deadline(), kStart + 1201s);
}

TEST(ProofSchedule, SpreadsTheProofsOfManyOpenings) {
    ProofSchedule schedule(kCheck);
    schedule.settled(kStart, Proof::Proved);
    EXPECT_EQ(schedule.judged(kStart, Proof::Proved, 1), Step::Stay);
    EXPECT_EQ(schedule.deadline(), kStart + 525s);
}

TEST(ProofSchedule, TriesANewWaySoon) {
    ProofSchedule schedule(kCheck);
    schedule.settled(kStart, Proof::Claimed);
    EXPECT_EQ(schedule.deadline(), kStart + ProofSchedule::kSettle);
}

TEST(ProofSchedule, SuspicionBringsTheProofForwardAndNeverPutsItOff) {
    ProofSchedule schedule(kCheck);
    schedule.suspect(kStart);
    EXPECT_FALSE(schedule.deadline()); // there is no opening yet
    schedule.settled(kStart, Proof::Proved);
    schedule.suspect(kStart + 100s);
    EXPECT_EQ(schedule.deadline(), kStart + 100s + ProofSchedule::kSettle);
    schedule.suspect(kStart + 101s);
    EXPECT_EQ(schedule.deadline(), kStart + 100s + ProofSchedule::kSettle);
    schedule.begun();
    schedule.suspect(kStart + 102s);
    EXPECT_FALSE(schedule.deadline()); // one is under way
}

TEST(ProofSchedule, ARemakeThatHelpsIsFollowedByTheUsualInterval) {
    ProofSchedule schedule(kCheck);
    schedule.settled(kStart, Proof::Proved);
    auto now = begin(schedule);
    EXPECT_EQ(schedule.judged(now, Proof::Refuted, 0), Step::Remake);
    EXPECT_FALSE(schedule.deadline());
    schedule.remade(now + 1s);
    now = begin(schedule);
    EXPECT_EQ(now, kStart + 601s); // at once
    EXPECT_EQ(schedule.judged(now, Proof::Proved, 0), Step::Stay);
    EXPECT_TRUE(schedule.has_mended());
    now = begin(schedule);
    EXPECT_EQ(now, kStart + 1201s);
    EXPECT_EQ(schedule.judged(now, Proof::Proved, 0), Step::Stay);
    EXPECT_FALSE(schedule.has_mended());
}

TEST(ProofSchedule, LeavesAfterThreeRemakesInVainEverMoreSlowly) {
    ProofSchedule schedule(kCheck);
    schedule.settled(kStart, Proof::Proved);
    auto now = begin(schedule);
    std::vector<Duration> waits;
    for (int remake = 1; remake <= ProofSchedule::kRemakes; ++remake) {
        ASSERT_EQ(schedule.judged(now, Proof::Refuted, 0), Step::Remake) << remake;
        schedule.remade(now);
        ASSERT_EQ(begin(schedule), now); // at once
        const bool last = remake == ProofSchedule::kRemakes;
        ASSERT_EQ(schedule.judged(now, Proof::Refuted, 0), last ? Step::Leave : Step::Stay);
        waits.push_back(std::chrono::duration_cast<Duration>(*schedule.deadline() - now));
        now = begin(schedule);
    }
    // The last one: all over again, but not as soon as the first time.
    EXPECT_EQ(waits, (std::vector<Duration>{60s, 120s, 1200s}));
    EXPECT_EQ(schedule.judged(now, Proof::Refuted, 0), Step::Remake);
}

TEST(ProofSchedule, StartsOverEveryHourAtTheLatest) {
    ProofSchedule schedule(kCheck);
    schedule.settled(kStart, Proof::Proved);
    auto now = begin(schedule);
    for (int round = 0; round < 100; ++round) {
        const auto step = schedule.judged(now, Proof::Refuted, 0);
        if (step == Step::Remake) schedule.remade(now);
        ASSERT_TRUE(schedule.deadline());
        ASSERT_LE(*schedule.deadline(), now + ProofSchedule::kMaxInterval);
        now = begin(schedule);
    }
}

TEST(ProofSchedule, AMappingThatNeverWorkedIsNotRepairedButTriedAgain) {
    ProofSchedule schedule(kCheck);
    schedule.settled(kStart, Proof::Refuted);
    auto now = begin(schedule);
    EXPECT_EQ(schedule.judged(now, Proof::Refuted, 0), Step::Stay);
    now = begin(schedule);
    EXPECT_EQ(schedule.judged(now, Proof::Proved, 0), Step::Stay); // somebody mended it
    EXPECT_FALSE(schedule.has_mended());                           // not us
    now = begin(schedule);
    EXPECT_EQ(schedule.judged(now, Proof::Refuted, 0), Step::Remake);
}

TEST(ProofSchedule, WhatCannotBeTriedIsLeftAlone) {
    ProofSchedule schedule(kCheck);
    schedule.settled(kStart, Proof::Proved);
    for (int round = 0; round < 5; ++round) {
        const auto now = begin(schedule);
        EXPECT_EQ(schedule.judged(now, Proof::Claimed, 0), Step::Stay);
        EXPECT_EQ(schedule.deadline(), now + 600s);
    }
}

} // namespace
} // namespace natterjack
