// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "peer/channel_state.hpp"
#include "peer/session.hpp"

namespace natterjack::peer {
namespace {

using Kind = ice::ChannelEvent::Kind;

TEST(ChannelState, MakesThePeerWaitForAHandlerAlsoWithEmptyMessages) {
    const auto channel =
        std::make_shared<ChannelState>(std::weak_ptr<Session>(), "x", ChannelOptions{});
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

} // namespace
} // namespace natterjack::peer
