// SPDX-License-Identifier: MIT
// Data channels as the other side's SCTP sees them: streams, identifiers, bytes, resets.
#include <algorithm>

#include <gtest/gtest.h>

#include "strategies/ice/data_channels.hpp"
#include "support/virtual_clock.hpp"

namespace natterjack::ice {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Kind = ChannelEvent::Kind;
using Direction = SctpAssociation::StreamReset::Direction;

Bytes bytes(std::string_view text) {
    return {text.begin(), text.end()};
}

// Data channels on this side, bare SCTP on the other.
class DataChannelsTest : public testing::Test {
protected:
    DataChannelsTest() { test::set_wall_clock(now_); }
    ~DataChannelsTest() override { test::release_wall_clock(); }

    void connect(DataChannels::Config config = {}) {
        ours_ = *SctpAssociation::create({});
        theirs_ = *SctpAssociation::create({});
        channels_.emplace(*ours_, config);
        ours_->start(now_);
        theirs_->start(now_);
        settle();
        ASSERT_EQ(ours_->state(), SctpAssociation::State::Connected);
        ASSERT_EQ(theirs_->state(), SctpAssociation::State::Connected);
    }

    // Everything arrives; two seconds are more than any delayed acknowledgement.
    void settle() {
        settle_unread();
        read();
    }

    void settle_unread() {
        for (int i = 0; i < 200; ++i) {
            now_ += Duration(10);
            test::set_wall_clock(now_);
            ours_->handle_timeout(now_);
            theirs_->handle_timeout(now_);
            for (bool any = true; any;) {
                any = false;
                while (const auto packet = ours_->poll_transmit()) {
                    any = true;
                    theirs_->handle_datagram(now_, *packet);
                }
                while (const auto packet = theirs_->poll_transmit()) {
                    any = true;
                    ours_->handle_datagram(now_, *packet);
                }
                channels_->process(now_);
            }
        }
    }

    void read() {
        while (auto event = channels_->poll_event()) events_.push_back(*std::move(event));
        while (auto event = theirs_->poll_event()) {
            if (auto* const message = std::get_if<SctpAssociation::Message>(&*event)) {
                messages_.push_back(std::move(*message));
            } else {
                resets_.push_back(std::get<SctpAssociation::StreamReset>(*event));
            }
        }
    }

    void say(std::uint16_t stream, std::uint32_t ppid, const Bytes& data) {
        SctpAssociation::Delivery delivery;
        delivery.stream = stream;
        delivery.ppid = ppid;
        ASSERT_TRUE(theirs_->send(now_, delivery, data));
        settle();
    }

    [[nodiscard]] std::size_t count(Kind kind) const {
        return static_cast<std::size_t>(
            std::count_if(events_.begin(), events_.end(),
                          [&](const ChannelEvent& each) { return each.kind == kind; }));
    }
    [[nodiscard]] bool was_reset(std::uint16_t stream) const {
        return std::any_of(resets_.begin(), resets_.end(), [&](const auto& each) {
            return each.direction == Direction::Incoming &&
                   std::find(each.streams.begin(), each.streams.end(), stream) !=
                       each.streams.end();
        });
    }

    TimePoint now_{std::chrono::hours(1)};
    std::unique_ptr<SctpAssociation> ours_;
    std::unique_ptr<SctpAssociation> theirs_;
    std::optional<DataChannels> channels_;
    std::vector<ChannelEvent> events_;
    std::vector<SctpAssociation::Message> messages_;
    std::vector<SctpAssociation::StreamReset> resets_;
};

TEST_F(DataChannelsTest, TheDtlsClientUsesEvenStreamsAndTheServerOddOnes) {
    for (const bool client : {true, false}) {
        connect({.dtls_client = client});
        for (const int wanted : {0, 2, 4}) {
            EXPECT_EQ(*channels_->open(now_, {}), client ? wanted : wanted + 1);
        }
        channels_.reset();
    }
}

TEST_F(DataChannelsTest, IdentifiersTellTextFromBytesAndEmptyOnesAreOneZero) {
    connect();
    const auto id = *channels_->open(now_, {});
    ASSERT_TRUE(channels_->send(now_, id, bytes("text"), true));
    ASSERT_TRUE(channels_->send(now_, id, bytes("bytes")));
    ASSERT_TRUE(channels_->send(now_, id, {}, true));
    ASSERT_TRUE(channels_->send(now_, id, {}));
    settle();
    ASSERT_EQ(messages_.size(), 5U);
    const std::pair<std::uint32_t, Bytes> wanted[] = {
        {50, dcep::encode(dcep::Open{})}, // RFC 8831 section 8
        {51, bytes("text")},
        {53, bytes("bytes")},
        {56, {0}},
        {57, {0}}};
    for (std::size_t i = 0; i < messages_.size(); ++i) {
        EXPECT_EQ(messages_[i].ppid, wanted[i].first) << i;
        EXPECT_EQ(messages_[i].data, wanted[i].second) << i;
        EXPECT_EQ(messages_[i].stream, id) << i;
    }
}

TEST_F(DataChannelsTest, ReadsTextBytesAndEmptyMessages) {
    connect();
    say(1, 50, dcep::encode(dcep::Open{}));
    say(1, 51, bytes("text"));
    say(1, 53, bytes("bytes"));
    say(1, 56, {0});
    say(1, 57, {0});
    ASSERT_EQ(events_.size(), 5U);
    EXPECT_EQ(events_[0].kind, Kind::Incoming);
    EXPECT_TRUE(events_[1].text && events_[1].data == bytes("text"));
    EXPECT_TRUE(!events_[2].text && events_[2].data == bytes("bytes"));
    EXPECT_TRUE(events_[3].text && events_[3].data.empty());
    EXPECT_TRUE(!events_[4].text && events_[4].data.empty());
    ASSERT_EQ(messages_.size(), 1U);
    EXPECT_EQ(messages_[0].data, dcep::encode_ack());
}

class UnknownIdentifier : public DataChannelsTest,
                          public testing::WithParamInterface<std::uint32_t> {};

TEST_P(UnknownIdentifier, ClosesTheChannel) {
    connect();
    say(1, 50, dcep::encode(dcep::Open{}));
    say(1, GetParam(), bytes("?"));
    EXPECT_TRUE(was_reset(1));
    EXPECT_EQ(count(Kind::Message), 0U);
    ASSERT_TRUE(theirs_->reset_stream(now_, 1)); // as the other side does in answer
    settle();
    EXPECT_EQ(count(Kind::Closed), 1U);
}

INSTANTIATE_TEST_SUITE_P(Each, UnknownIdentifier, testing::Values(0U, 46U, 52U, 54U, 58U));

TEST_F(DataChannelsTest, OfAnAgreedChannelNothingIsSaidOnTheWire) {
    connect();
    ASSERT_EQ(*channels_->open(now_, {.open = {}, .agreed = ChannelId{7}}), 7);
    ASSERT_TRUE(channels_->send(now_, 7, bytes("ours")));
    say(7, 51, bytes("theirs"));
    ASSERT_EQ(messages_.size(), 1U) << "no OPEN";
    EXPECT_EQ(messages_[0].stream, 7);
    EXPECT_EQ(messages_[0].data, bytes("ours"));
    ASSERT_EQ(events_.size(), 2U);
    EXPECT_EQ(events_[0].kind, Kind::Open) << "there is a connection to send on";
    EXPECT_EQ(events_[1].data, bytes("theirs"));
    ASSERT_TRUE(theirs_->reset_stream(now_, 7)); // it is closed as any other
    settle();
    EXPECT_TRUE(was_reset(7));
    EXPECT_EQ(count(Kind::Closed), 1U);
}

TEST_F(DataChannelsTest, AnAgreedNumberIsRefusedWhenItIsTakenOrMoreThanThereAre) {
    connect();
    const auto refused = [&](ChannelId id) {
        const auto made = channels_->open(now_, {.open = {}, .agreed = id});
        return !made && made.error().code == Errc::InvalidArgument;
    };
    EXPECT_TRUE(refused(ours_->stream_count()));
    EXPECT_FALSE(refused(2));
    EXPECT_TRUE(refused(2));
    EXPECT_EQ(*channels_->open(now_, {}), 0);
    EXPECT_EQ(*channels_->open(now_, {}), 4) << "others take what is left";
}

TEST_F(DataChannelsTest, ClosingResetsBothDirections) {
    connect();
    const auto id = *channels_->open(now_, {});
    settle();
    channels_->close(now_, id);
    settle();
    EXPECT_TRUE(was_reset(id));
    EXPECT_EQ(count(Kind::Closed), 0U) << "the other direction still lives";
    ASSERT_TRUE(theirs_->reset_stream(now_, id));
    settle();
    EXPECT_EQ(count(Kind::Closed), 1U);
    EXPECT_EQ(*channels_->open(now_, {}), id) << "the number may be used again";
}

// Else the owner, who reads of the old one's end later, would take it for the new one's.
TEST_F(DataChannelsTest, ANumberIsTakenUntilItsEndHasBeenRead) {
    connect();
    const auto id = *channels_->open(now_, {});
    const auto agreed = *channels_->open(now_, {.open = {}, .agreed = ChannelId{4}});
    settle();
    for (const auto each : {id, agreed}) {
        channels_->close(now_, each);
        ASSERT_TRUE(theirs_->reset_stream(now_, each));
    }
    settle_unread();
    EXPECT_EQ(channels_->size(), 0U);
    EXPECT_NE(*channels_->open(now_, {}), id);
    EXPECT_FALSE(channels_->open(now_, {.open = {}, .agreed = agreed}));
    settle();
    EXPECT_EQ(count(Kind::Closed), 2U);
    EXPECT_EQ(*channels_->open(now_, {}), id);
    EXPECT_EQ(*channels_->open(now_, {.open = {}, .agreed = agreed}), agreed);
}

TEST_F(DataChannelsTest, AnAgreedNumberThatTheConnectionDoesNotHaveIsImpossible) {
    ours_ = *SctpAssociation::create({});
    theirs_ = *SctpAssociation::create({.outgoing_streams = 10, .max_incoming_streams = 10});
    channels_.emplace(*ours_, DataChannels::Config{});
    const ChannelId last = ours_->stream_count() - 1;
    EXPECT_EQ(*channels_->open(now_, {.open = {}, .agreed = last}), last);
    EXPECT_EQ(*channels_->open(now_, {.open = {}, .agreed = ChannelId{2}}), 2);
    ours_->start(now_);
    theirs_->start(now_);
    settle();
    ASSERT_EQ(ours_->state(), SctpAssociation::State::Connected);
    ASSERT_EQ(count(Kind::Impossible), 1U);
    EXPECT_EQ(count(Kind::Open), 1U);
    EXPECT_EQ(count(Kind::Closed), 0U);
}

TEST_F(DataChannelsTest, WhatWaitsInOneChannelTakesNoRoomFromAnother) {
    channels_.emplace(*(ours_ = *SctpAssociation::create({})), DataChannels::Config{});
    const Bytes message(channels_->max_message());
    for (int i = 0; i < 3; ++i) {
        const auto id = *channels_->open(now_, {});
        for (std::size_t sum = 0; sum + message.size() <= DataChannels::kMaxBuffered;
             sum += message.size()) {
            ASSERT_TRUE(channels_->send(now_, id, message)) << "channel " << id;
        }
        EXPECT_EQ(channels_->send(now_, id, message).error().code, Errc::TooLarge);
    }
}

// Browsers' SCTP acknowledges a lone message after 200 ms (RFC 9260 section 6.2 allows 500).
TEST_F(DataChannelsTest, ALateAcknowledgementIsNotTakenForALoss) {
    connect();
    const auto id = *channels_->open(now_, {});
    settle();
    ASSERT_TRUE(channels_->send(now_, id, bytes("lone")));
    const auto sent_within = [&](Duration time) {
        int out = 0;
        for (const auto end = now_ + time; now_ < end; now_ += Duration(10)) {
            test::set_wall_clock(now_);
            ours_->handle_timeout(now_);
            while (ours_->poll_transmit()) ++out;
        }
        return out;
    };
    EXPECT_EQ(sent_within(Duration(300)), 1);
    EXPECT_EQ(sent_within(Duration(300)), 1) << "lost: sent again";
}

TEST_F(DataChannelsTest, AResetOfTheirsIsAnsweredByOneOfOurs) {
    connect();
    say(1, 50, dcep::encode(dcep::Open{}));
    ASSERT_TRUE(theirs_->reset_stream(now_, 1));
    settle();
    EXPECT_TRUE(was_reset(1));
    EXPECT_EQ(count(Kind::Closed), 1U);
}

TEST_F(DataChannelsTest, AnOpenOnAStreamOfOursIsTurnedDown) {
    connect();
    say(2, 50, dcep::encode(dcep::Open{})); // even: ours
    EXPECT_EQ(count(Kind::Incoming), 0U);
    EXPECT_TRUE(was_reset(2));
}

TEST_F(DataChannelsTest, AnOpenThatCannotBeReadIsTurnedDown) {
    connect();
    say(3, 50, {3, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}); // no such type
    EXPECT_EQ(count(Kind::Incoming), 0U);
    EXPECT_TRUE(was_reset(3));
}

TEST_F(DataChannelsTest, NoMessageIsLongerThanThePeerTakes) {
    // RFC 8841 section 6: 0 is any, absent is 64 KiB (which the description's reader fills in).
    const auto longest = [this](std::uint64_t said) {
        connect({.dtls_client = true, .remote_max_message = said});
        return channels_->max_message();
    };
    EXPECT_EQ(longest(0), std::size_t{256} * 1024);
    EXPECT_EQ(longest(65536), 65536U);
    EXPECT_EQ(longest(1073741823), std::size_t{256} * 1024);
    EXPECT_EQ(longest(1000), 1000U);
    const auto id = *channels_->open(now_, {});
    EXPECT_TRUE(channels_->send(now_, id, Bytes(1000)));
    const auto refused = channels_->send(now_, id, Bytes(1001));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::TooLarge);
}

} // namespace
} // namespace natterjack::ice
