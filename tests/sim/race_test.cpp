// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "traversal/race.hpp"

namespace natterjack {
namespace {

using namespace std::chrono_literals;
using Kind = Race::Action::Kind;

constexpr std::size_t kIgd = 0;
constexpr std::size_t kPcp = 1;
constexpr std::size_t kNatPmp = 2;
constexpr std::size_t kDirect = 3;
const TimePoint kStart{1h}; // not zero: zero often means "unset"

/// A home with one gateway, and a host that also has a public address.
Race home() {
    Race race({{.head_start = 300ms, .group = 0},
               {.head_start = 300ms, .group = 0},
               {.head_start = 300ms, .group = 0},
               {.head_start = 0ms, .group = 1, .last_resort = true}});
    race.start(kStart);
    return race;
}

void expect_action(Race& race, Kind kind, std::size_t stage) {
    const auto action = race.poll_action();
    ASSERT_TRUE(action);
    EXPECT_EQ(*action, (Race::Action{kind, stage}));
}

void expect_nothing(Race& race) {
    EXPECT_FALSE(race.poll_action());
}

TEST(Race, APublicAddressThatIsProvedComesFirst) {
    Race race({{.head_start = 800ms, .group = 1}, {.head_start = 300ms, .group = 0}});
    race.start(kStart);
    race.answered(1, kStart + 5ms);
    expect_nothing(race);
    race.answered(0, kStart + 90ms);
    expect_action(race, Kind::Map, 0);
}

TEST(Race, APublicAddressThatIsNotProvedComesLast) {
    Race race({{.head_start = 800ms, .group = 1}, {.head_start = 300ms, .group = 0}});
    race.start(kStart);
    race.demote(0);
    race.answered(0, kStart + 5ms);
    expect_nothing(race);
    race.failed(1, kStart + 1s);
    expect_action(race, Kind::Map, 0);
}

TEST(Race, WaitsHeadStartOfABetterStageAndNoLonger) {
    auto race = home();
    race.answered(kNatPmp, kStart + 5ms);
    race.failed(kPcp, kStart + 6ms);
    expect_nothing(race);
    ASSERT_EQ(race.deadline(), kStart + 300ms);
    race.handle_timeout(kStart + 299ms);
    expect_nothing(race);
    race.handle_timeout(kStart + 300ms);
    expect_action(race, Kind::Map, kNatPmp);
    expect_nothing(race);
}

TEST(Race, TakesTheBestStageTheMomentItAnswers) {
    auto race = home();
    race.answered(kPcp, kStart + 5ms);
    race.answered(kIgd, kStart + 70ms);
    expect_action(race, Kind::Map, kIgd);
    race.mapped(kIgd, kStart + 90ms, true);
    expect_action(race, Kind::Report, kIgd);
    expect_nothing(race);
}

TEST(Race, GoesOnAtOnceWhenTheBetterStageIsOut) {
    auto race = home();
    race.answered(kPcp, kStart + 5ms);
    race.failed(kIgd, kStart + 20ms);
    expect_action(race, Kind::Map, kPcp);
}

TEST(Race, LetsOnlyOneStageMapAtATime) {
    auto race = home();
    race.answered(kIgd, kStart + 5ms);
    expect_action(race, Kind::Map, kIgd);
    race.answered(kPcp, kStart + 6ms);
    race.answered(kNatPmp, kStart + 7ms);
    race.handle_timeout(kStart + 900ms);
    expect_nothing(race);
}

TEST(Race, PassesOnWhenTheMappingIsRefused) {
    auto race = home();
    race.answered(kIgd, kStart + 5ms);
    expect_action(race, Kind::Map, kIgd);
    race.answered(kPcp, kStart + 6ms);
    race.failed(kIgd, kStart + 30ms);
    expect_action(race, Kind::Map, kPcp);
    race.mapped(kPcp, kStart + 33ms, true);
    expect_action(race, Kind::Report, kPcp);
}

TEST(Race, KeepsAnUnprovedPublicAddressForTheEnd) {
    auto race = home();
    race.answered(kDirect, kStart);
    race.handle_timeout(kStart + 500ms);
    expect_nothing(race);
    race.failed(kIgd, kStart + 1000ms);
    race.failed(kPcp, kStart + 1000ms);
    expect_nothing(race);
    race.failed(kNatPmp, kStart + 1000ms);
    expect_action(race, Kind::Map, kDirect);
}

TEST(Race, GivesUpWhenEveryStageIsOut) {
    auto race = home();
    race.failed(kDirect, kStart);
    race.failed(kPcp, kStart + 1ms);
    race.failed(kNatPmp, kStart + 1ms);
    expect_nothing(race);
    race.failed(kIgd, kStart + 1000ms);
    expect_action(race, Kind::GiveUp, 0);
    expect_nothing(race);
}

TEST(Race, GivesUpAtOnceWhenThereIsNoStage) {
    Race race({});
    race.start(kStart);
    expect_action(race, Kind::GiveUp, 0);
}

TEST(Race, DoesNotTryTheSameGatewayAgainBehindAnotherNat) {
    auto race = home();
    race.failed(kDirect, kStart);
    race.answered(kIgd, kStart + 5ms);
    race.answered(kPcp, kStart + 5ms);
    expect_action(race, Kind::Map, kIgd);
    race.mapped(kIgd, kStart + 20ms, false);
    expect_action(race, Kind::Report, kIgd);
    expect_nothing(race);
}

TEST(Race, PrefersAnotherGatewayToOneBehindANat) {
    Race race({{.group = 0}, {.group = 1}});
    race.start(kStart);
    race.answered(0, kStart + 5ms);
    expect_action(race, Kind::Map, 0);
    race.mapped(0, kStart + 20ms, false);
    expect_nothing(race); // the other may still answer
    race.answered(1, kStart + 30ms);
    expect_action(race, Kind::Map, 1);
    race.mapped(1, kStart + 50ms, true);
    expect_action(race, Kind::Unmap, 0);
    expect_action(race, Kind::Report, 1);
}

TEST(Race, ReportsTheFirstOfSeveralThatAllEndBehindANat) {
    Race race({{.group = 0}, {.group = 1}});
    race.start(kStart);
    race.answered(0, kStart + 5ms);
    race.answered(1, kStart + 5ms);
    expect_action(race, Kind::Map, 0);
    race.mapped(0, kStart + 20ms, false);
    expect_action(race, Kind::Map, 1);
    race.mapped(1, kStart + 50ms, false);
    expect_action(race, Kind::Unmap, 1);
    expect_action(race, Kind::Report, 0);
}

TEST(Race, MovesOnceToABetterStageThatAnswersLate) {
    auto race = home();
    race.answered(kNatPmp, kStart + 5ms);
    race.handle_timeout(kStart + 300ms);
    expect_action(race, Kind::Map, kNatPmp);
    race.mapped(kNatPmp, kStart + 310ms, true);
    expect_action(race, Kind::Report, kNatPmp);
    EXPECT_TRUE(race.is_asking(kIgd));
    race.answered(kIgd, kStart + 700ms);
    expect_action(race, Kind::Move, kIgd);
    race.answered(kPcp, kStart + 800ms);
    expect_nothing(race);
}

TEST(Race, NeverMovesToAWorseStage) {
    auto race = home();
    race.answered(kIgd, kStart + 5ms);
    expect_action(race, Kind::Map, kIgd);
    race.mapped(kIgd, kStart + 9ms, true);
    expect_action(race, Kind::Report, kIgd);
    race.answered(kPcp, kStart + 10ms);
    race.answered(kDirect, kStart + 10ms);
    expect_nothing(race);
}

TEST(Race, ReportsWhatItHasWhenTheCallersTimeIsUp) {
    Race race({{.group = 0}, {.group = 1}});
    race.start(kStart);
    race.answered(0, kStart + 5ms);
    expect_action(race, Kind::Map, 0);
    race.mapped(0, kStart + 20ms, false);
    race.expire();
    expect_action(race, Kind::Report, 0);
    race.expire();
    expect_nothing(race);
}

TEST(Race, GivesUpWhileAStageStillMapsWhenTheCallersTimeIsUp) {
    auto race = home();
    race.answered(kIgd, kStart + 5ms);
    expect_action(race, Kind::Map, kIgd);
    race.expire();
    expect_action(race, Kind::GiveUp, 0);
    race.mapped(kIgd, kStart + 6s, true);
    expect_nothing(race);
}

} // namespace
} // namespace natterjack
