// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "net/resume_watch.hpp"
#include "support/loop_runner.hpp"

namespace natterjack::net {
namespace {

using namespace std::chrono_literals;

class ResumeWatchTest : public testing::Test {
protected:
    ResumeWatchTest()
        : watch_(ResumeWatch::open(
              runner_.loop(), [this] { ++resumed_; }, [this] { return asleep_; })) {}

    test::LoopRunner runner_;
    Duration asleep_{5000}; // before the program was started
    int resumed_ = 0;
    Result<std::unique_ptr<ResumeWatch>> watch_;
};

TEST_F(ResumeWatchTest, TellsOfEachSleepOnce) {
    ASSERT_TRUE(watch_);
    asleep_ += 1h;
    (*watch_)->handle_clock_change();
    EXPECT_EQ(resumed_, 1);
    (*watch_)->handle_clock_change();
    EXPECT_EQ(resumed_, 1);
    asleep_ += 1s;
    (*watch_)->handle_clock_change();
    EXPECT_EQ(resumed_, 2);
}

TEST_F(ResumeWatchTest, AClockThatIsSetIsNoSleep) {
    ASSERT_TRUE(watch_);
    (*watch_)->handle_clock_change();
    asleep_ += 999ms; // the two clocks are not read at one instant
    (*watch_)->handle_clock_change();
    EXPECT_EQ(resumed_, 0);
}

TEST_F(ResumeWatchTest, MayBeDestroyedByItsHandler) {
    auto watch = ResumeWatch::open(
        runner_.loop(), [this] { watch_ = Error{}; }, [this] { return asleep_; });
    ASSERT_TRUE(watch);
    watch_ = std::move(watch);
    asleep_ += 1h;
    (*watch_)->handle_clock_change();
    EXPECT_FALSE(watch_);
}

TEST(TimeAsleep, IsNoLessThanNothing) {
    EXPECT_GE(time_asleep(), Duration(0));
}

} // namespace
} // namespace natterjack::net
