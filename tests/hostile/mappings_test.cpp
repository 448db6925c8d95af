// SPDX-License-Identifier: MIT
// What applications see of a gateway's table, by the public interface alone.
#include <cstdlib>

#include <gtest/gtest.h>

#include <natterjack/mappings.hpp>

#include "tests/support/fake_5351.hpp"
#include "tests/support/fake_igd.hpp"
#include "tests/support/loop_runner.hpp"
#include "tests/support/netns.hpp"

namespace natterjack {
namespace {

using namespace std::chrono_literals;
using Listed = Result<Mappings::Listing, OpenFailure>;

class MappingsTest : public testing::Test {
protected:
    MappingsTest() {
        std::string state = testing::TempDir() + "state-XXXXXX";
        EXPECT_NE(mkdtemp(state.data()), nullptr);
        setenv("XDG_STATE_HOME", state.c_str(), 1);
    }

    /// An entry of the gateway's table that leads to \a host.
    void add(std::uint16_t port, const Endpoint& to) {
        igd_.table.push_back({Transport::Tcp, port, to, "", "web", Lifetime(600), true});
    }

    template<class Answer, class Call>
    Answer wait(Call&& call) {
        std::optional<Answer> answer;
        call([&answer](Answer told) {
            EXPECT_FALSE(answer) << "answered twice";
            answer.emplace(std::move(told));
        });
        EXPECT_FALSE(answer) << "answered before returning";
        EXPECT_TRUE(runner_.run_until([&answer] { return answer.has_value(); }));
        return answer ? *std::move(answer) : Answer(OpenFailure{{Errc::Cancelled, "hangs"}, {}});
    }
    Listed list(std::chrono::milliseconds deadline = 3s) {
        return wait<Listed>([&](auto handler) { mappings_.list(deadline, handler); });
    }
    Listed remove(std::uint16_t port, std::chrono::milliseconds deadline = 3s) {
        return wait<Listed>(
            [&](auto handler) { mappings_.remove(port, Transport::Tcp, deadline, handler); });
    }

    test::LoopRunner runner_;
    test::FakeIgd igd_{runner_.loop()};
    Mappings mappings_{runner_.loop(), {}};
};

TEST_F(MappingsTest, ListsWhatTheGatewayHas) {
    add(80, {test::kHost, 8080});
    add(81, {IpAddress::v4(0xC0A84D09), 81});
    const auto listed = list();
    ASSERT_TRUE(listed) << listed.error().error.message;
    ASSERT_EQ(listed->mappings.size(), 2U);
    EXPECT_EQ(listed->mappings[0].external.to_string(), "25.0.113.7:80");
    EXPECT_EQ(listed->mappings[0].internal, (Endpoint{test::kHost, 8080}));
    EXPECT_FALSE(listed->mappings[0].ours); // the journal does not know it
}

TEST_F(MappingsTest, DeletesWhatLeadsHereAndNothingElse) {
    add(80, {test::kHost, 8080});
    add(81, {IpAddress::v4(0xC0A84D09), 81});
    const auto others = remove(81);
    ASSERT_FALSE(others);
    EXPECT_EQ(others.error().error.code, Errc::Conflict);
    EXPECT_EQ(igd_.table.size(), 2U);
    ASSERT_TRUE(remove(80));
    ASSERT_EQ(igd_.table.size(), 1U);
    EXPECT_EQ(igd_.table[0].external_port, 81);
}

// As after another program has taken another port outside, since the own one was somebody else's.
TEST_F(MappingsTest, DeletesByTheInternalPortWhereTheExternalOneIsAnothers) {
    add(80, {IpAddress::v4(0xC0A84D09), 80});
    add(50000, {test::kHost, 80});
    const auto removed = remove(80);
    ASSERT_TRUE(removed) << removed.error().error.message;
    ASSERT_EQ(igd_.table.size(), 1U);
    EXPECT_EQ(igd_.table[0].external_port, 80);
}

TEST_F(MappingsTest, NeedsNobodyToTell) {
    add(80, {test::kHost, 80});
    mappings_.remove(80, Transport::Tcp, 3s, {});
    EXPECT_TRUE(runner_.run_until([this] { return igd_.table.empty(); }));
}

TEST_F(MappingsTest, RefusesDeadlinesThatMakeNoSense) {
    for (const auto deadline : {0ms, -1ms, 600001ms, std::chrono::milliseconds::max(),
                                std::chrono::milliseconds::min()}) {
        for (const auto& answer : {list(deadline), remove(80, deadline)}) {
            ASSERT_FALSE(answer) << deadline.count();
            EXPECT_EQ(answer.error().error.code, Errc::InvalidArgument) << deadline.count();
        }
    }
}

TEST_F(MappingsTest, MayBeDestroyedInItsHandler) {
    auto mappings = std::make_unique<Mappings>(runner_.loop(), NetworkChoice{});
    mappings->list(3s, [&mappings](const Listed&) { mappings.reset(); });
    EXPECT_TRUE(runner_.run_until([&mappings] { return mappings == nullptr; }));
}

} // namespace
} // namespace natterjack
