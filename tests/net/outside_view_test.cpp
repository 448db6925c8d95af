// SPDX-License-Identifier: MIT
#include <optional>

#include <gtest/gtest.h>

#include "tests/support/fake_stun.hpp"
#include "tests/support/loop_runner.hpp"
#include "tests/support/mapper_fixture.hpp"
#include "tests/support/netns.hpp"
#include "traversal/outside_view.hpp"

namespace natterjack {
namespace {

using namespace std::chrono_literals;

constexpr IpAddress kSeen = test::FakeStun::kSeen;
using Server = test::FakeStun;

class OutsideViewTest : public testing::Test {
protected:
    void look(const std::vector<HostPort>& servers, Duration limit = 2s) {
        view_ = std::make_unique<OutsideView>(runner_.loop(), test::private_path(), servers,
                                              net::now() + limit,
                                              [this](std::optional<IpAddress> seen) {
                                                  EXPECT_FALSE(answered_);
                                                  answered_ = true;
                                                  seen_ = seen;
                                                  view_.reset(); // its owner drops it at once
                                              });
        EXPECT_FALSE(answered_);
    }
    [[nodiscard]] bool answered() {
        return runner_.run_until([this] { return answered_; });
    }

    test::LoopRunner runner_;
    std::unique_ptr<OutsideView> view_;
    bool answered_ = false;
    std::optional<IpAddress> seen_;
};

TEST_F(OutsideViewTest, TakesTheFirstAnswerAndWaitsForNobodyElse) {
    Server server(runner_.loop());
    const auto started = net::now();
    look({{"192.168.77.99", 3478}, server.name(), {"no.such.name.invalid", 3478}}, 30s);
    ASSERT_TRUE(answered());
    EXPECT_EQ(seen_, kSeen);
    EXPECT_LT(net::now() - started, 25s);
}

TEST_F(OutsideViewTest, SaysNothingWhenNobodyAnswersInTime) {
    const auto started = net::now();
    look({{"192.168.77.99", 3478}}, 150ms);
    ASSERT_TRUE(answered());
    EXPECT_FALSE(seen_);
    EXPECT_GE(net::now() - started, 150ms);
}

TEST_F(OutsideViewTest, SaysNothingWhenNobodyIsToBeAsked) {
    look({});
    ASSERT_TRUE(answered());
    EXPECT_FALSE(seen_);
}

TEST_F(OutsideViewTest, DestroyedNeverAnswers) {
    Server server(runner_.loop());
    look({server.name()});
    view_.reset();
    runner_.run_for(50ms);
    EXPECT_FALSE(answered_);
}

} // namespace
} // namespace natterjack
