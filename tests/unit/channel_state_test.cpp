// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "peer/channel_state.hpp"
#include "peer/session.hpp"
#include "tests/support/loop_runner.hpp"

namespace natterjack::peer {
namespace {

using Kind = ice::ChannelEvent::Kind;

/// A channel whose session is gone.
std::shared_ptr<ChannelState> make_channel(const Loop& loop) {
    return std::make_shared<ChannelState>(loop, std::weak_ptr<Session>(), "x", ChannelOptions{});
}

TEST(ChannelState, MakesThePeerWaitForAHandlerAlsoWithEmptyMessages) {
    const test::LoopRunner runner;
    const auto channel = make_channel(runner.loop());
    std::size_t waiting = 0;
    while (channel->wants_more() && waiting < 1'000'000) {
        channel->deliver({Kind::Message, 0, false, {}});
        ++waiting;
    }
    EXPECT_LT(waiting, 100'000U);
    std::size_t heard = 0;
    channel->on_message([&](std::span<const std::uint8_t> message, bool) {
        EXPECT_TRUE(message.empty());
        ++heard;
    });
    channel->deliver({Kind::Message, 0, false, {}});
    EXPECT_EQ(heard, waiting + 1);
    EXPECT_TRUE(channel->wants_more());
}

TEST(ChannelState, HandsOverWhatCameAlsoAfterTheSessionsEnd) {
    test::LoopRunner runner;
    const auto channel = make_channel(runner.loop());
    std::vector<std::string> told;
    channel->set_receiving(false);
    channel->on_message([&](auto, bool) { told.emplace_back("message"); });
    channel->on_closed([&](const auto&) { told.emplace_back("closed"); });
    channel->deliver({Kind::Message, 0, false, {}});
    channel->end(std::nullopt);
    runner.run_pending();
    EXPECT_TRUE(told.empty());
    channel->set_receiving(true);
    runner.run_pending();
    EXPECT_EQ(told, (std::vector<std::string>{"message", "closed"}));
}

TEST(ChannelState, HandsOverNothingAfterItWasClosed) {
    test::LoopRunner runner;
    const auto channel = make_channel(runner.loop());
    int messages = 0;
    bool closed = false;
    channel->on_closed([&](const auto&) { closed = true; });
    for (int i = 0; i < 3; ++i) channel->deliver({Kind::Message, 0, false, {}});
    channel->on_message([&](auto, bool) {
        ++messages;
        channel->close();
    });
    runner.run_pending();
    channel->deliver({Kind::Message, 0, false, {}});
    channel->end(std::nullopt);
    EXPECT_EQ(messages, 1);
    EXPECT_TRUE(closed);
}

TEST(ChannelState, TellsItsEndAlsoToWhoTakesNoMessages) {
    test::LoopRunner runner;
    const auto channel = make_channel(runner.loop());
    std::vector<std::string> told;
    channel->on_peer_done([&] { told.emplace_back("done"); });
    channel->on_closed([&](const auto&) { told.emplace_back("closed"); });
    runner.run_pending();
    channel->deliver({Kind::PeerDone, 0, false, {}});
    channel->end(std::nullopt);
    EXPECT_EQ(told, (std::vector<std::string>{"done", "closed"}));
}

TEST(ChannelState, HoldsNobodyUpOnceItIsClosed) {
    const test::LoopRunner runner;
    const auto channel = make_channel(runner.loop());
    channel->set_receiving(false);
    channel->deliver({Kind::Message, 0, false, {}});
    EXPECT_FALSE(channel->wants_more());
    channel->close();
    EXPECT_TRUE(channel->wants_more());
}

} // namespace
} // namespace natterjack::peer
