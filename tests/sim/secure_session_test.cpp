// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "support/secure_pair.hpp"

namespace natterjack::ice {
namespace {

using namespace std::chrono_literals;
using Bytes = std::vector<std::uint8_t>;
using Kind = ChannelEvent::Kind;
using test::PathModel;
using test::SecurePair;

ChannelOptions labelled(std::string label) {
    ChannelOptions out;
    out.open.label = std::move(label);
    return out;
}

// A message that says which one it is.
Bytes numbered(std::uint32_t number, std::size_t size) {
    Bytes out(size, static_cast<std::uint8_t>(number * 31));
    for (std::size_t i = 0; i < 4 && i < size; ++i) {
        out[i] = static_cast<std::uint8_t>(number >> (8 * i));
    }
    return out;
}

std::uint32_t number_of(const Bytes& message) {
    std::uint32_t out = 0;
    for (std::size_t i = 0; i < 4; ++i) out |= static_cast<std::uint32_t>(message.at(i)) << (8 * i);
    return out;
}

std::size_t count(const SecurePair::End& end, Kind kind) {
    return static_cast<std::size_t>(
        std::count_if(end.events.begin(), end.events.end(),
                      [&](const ChannelEvent& event) { return event.kind == kind; }));
}

std::vector<Bytes> messages(const SecurePair::End& end, ChannelId channel) {
    std::vector<Bytes> out;
    for (const auto& event : end.events) {
        if (event.kind == Kind::Message && event.channel == channel) out.push_back(event.data);
    }
    return out;
}

// Opens a channel from b, waits until both know it.
ChannelId open(SecurePair& pair, ChannelOptions options) {
    const auto before = count(pair.b, Kind::Open);
    const auto id = pair.b.session->channels().open(pair.sim.now(), std::move(options));
    EXPECT_TRUE(id);
    pair.pump();
    EXPECT_TRUE(pair.run_until([&] { return count(pair.b, Kind::Open) > before; }));
    return *id;
}

TEST(SecureSession, ConnectsInFourRoundTrips) {
    SecurePair pair;
    const auto begin = pair.sim.now();
    ASSERT_TRUE(pair.connect());
    // Two of DTLS, two of SCTP, of which the second is half DTLS's for the side that is ahead.
    EXPECT_LE(pair.sim.now() - begin, 8 * pair.model.delay);
}

TEST(SecureSession, CarriesMessagesOfEveryKind) {
    SecurePair pair;
    ASSERT_TRUE(pair.connect());
    const auto id = open(pair, labelled("kinds"));
    EXPECT_EQ(id, 0);
    ASSERT_NE(pair.a.session->channels().options(id), nullptr);
    EXPECT_EQ(pair.a.session->channels().options(id)->open.label, "kinds");
    auto& sender = pair.a.session->channels();
    const auto now = pair.sim.now();
    ASSERT_TRUE(sender.send(now, id, Bytes{1, 2}, false));
    ASSERT_TRUE(sender.send(now, id, Bytes{'h', 'i'}, true));
    ASSERT_TRUE(sender.send(now, id, {}, false));
    ASSERT_TRUE(sender.send(now, id, {}, true));
    ASSERT_TRUE(sender.send(now, id, numbered(7, 256 * 1024), false));
    pair.pump();
    ASSERT_TRUE(pair.run_until([&] { return count(pair.b, Kind::Message) == 5; }));
    const auto got = messages(pair.b, id);
    EXPECT_EQ(got, (std::vector<Bytes>{{1, 2}, {'h', 'i'}, {}, {}, numbered(7, 256 * 1024)}));
    std::vector<bool> text;
    for (const auto& event : pair.b.events) {
        if (event.kind == Kind::Message) text.push_back(event.text);
    }
    EXPECT_EQ(text, (std::vector<bool>{false, true, false, true, false}));
}

TEST(SecureSession, TakesChannelsAndMessagesBeforeItIsConnected) {
    SecurePair pair;
    auto& channels = pair.a.session->channels();
    const auto id = channels.open(pair.sim.now(), labelled("early"));
    ASSERT_TRUE(id);
    EXPECT_EQ(*id, 1); // the offerer is the DTLS server
    ASSERT_TRUE(channels.send(pair.sim.now(), *id, Bytes{42}));
    EXPECT_EQ(channels.buffered_amount(*id), 1U);
    const auto begin = pair.sim.now();
    pair.start();
    ASSERT_TRUE(pair.run_until([&] { return count(pair.b, Kind::Message) == 1; }));
    // One and a half round trips of DTLS, which is when its server may send; then INIT, INIT ACK,
    // and both messages travel beside COOKIE ECHO (RFC 9260 section 5.1).
    EXPECT_EQ(pair.sim.now() - begin, 6 * pair.model.delay);
    EXPECT_EQ(channels.buffered_amount(*id), 0U);
    ASSERT_TRUE(pair.run_until([&] { return count(pair.a, Kind::Open) == 1; }));
}

// What travels with COOKIE ECHO may be lost with it; and a channel may have ended by then.
TEST(SecureSession, DeliversOnceWhatWasSentBeforeItWasConnected) {
    for (unsigned seed = 1; seed <= 20; ++seed) {
        SecurePair pair({.delay = 20ms, .jitter = 5ms, .loss = 0.2, .repeated = 0.1}, seed);
        auto& channels = pair.a.session->channels();
        const auto id = channels.open(pair.sim.now(), labelled("early"));
        ASSERT_TRUE(id);
        for (std::uint32_t i = 0; i < 5; ++i) {
            ASSERT_TRUE(channels.send(pair.sim.now(), *id, numbered(i, 700)));
        }
        channels.close(pair.sim.now(), *id);
        pair.start();
        ASSERT_TRUE(pair.run_until([&] { return count(pair.a, Kind::Closed) == 1; })) << seed;
        ASSERT_TRUE(pair.run_until([&] { return count(pair.b, Kind::Closed) == 1; })) << seed;
        EXPECT_EQ(count(pair.b, Kind::Incoming), 1U) << seed;
        const auto seen = messages(pair.b, *id);
        ASSERT_EQ(seen.size(), 5U) << seed;
        for (std::uint32_t i = 0; i < 5; ++i) EXPECT_EQ(seen[i], numbered(i, 700)) << seed;
    }
}

// 10 % loss, repeated and reordered datagrams: everything arrives, in order, once.
TEST(SecureSession, IsReliableAndOrderedOnABadPath) {
    for (const unsigned seed : {1U, 2U, 3U}) {
        SecurePair pair({.delay = 20ms, .jitter = 15ms, .loss = 0.1, .repeated = 0.05}, seed);
        ASSERT_TRUE(pair.connect()) << seed;
        const auto id = open(pair, labelled("bad path"));
        constexpr std::uint32_t kCount = 300;
        for (std::uint32_t i = 0; i < kCount; ++i) {
            ASSERT_TRUE(
                pair.b.session->channels().send(pair.sim.now(), id, numbered(i, 4 + i * 17)));
        }
        pair.pump();
        ASSERT_TRUE(pair.run_until([&] { return count(pair.a, Kind::Message) == kCount; })) << seed;
        const auto got = messages(pair.a, id);
        for (std::uint32_t i = 0; i < kCount; ++i) {
            ASSERT_EQ(got[i], numbered(i, 4 + i * 17)) << seed;
        }
        pair.run_for(5s);
        EXPECT_EQ(count(pair.a, Kind::Message), kCount) << seed;
    }
}

TEST(SecureSession, DeliversUnorderedMessagesAsTheyCome) {
    SecurePair pair({.delay = 20ms, .jitter = 0ms, .loss = 0.2});
    ASSERT_TRUE(pair.connect());
    auto options = labelled("unordered");
    options.open.ordered = false;
    const auto id = open(pair, options);
    for (std::uint32_t i = 0; i < 100; ++i) {
        ASSERT_TRUE(pair.b.session->channels().send(pair.sim.now(), id, numbered(i, 1000)));
    }
    pair.pump();
    ASSERT_TRUE(pair.run_until([&] { return count(pair.a, Kind::Message) == 100; }));
    std::vector<std::uint32_t> order;
    for (const auto& message : messages(pair.a, id)) order.push_back(number_of(message));
    EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
    std::sort(order.begin(), order.end());
    for (std::uint32_t i = 0; i < 100; ++i) EXPECT_EQ(order[i], i);
}

class PartialReliability : public testing::TestWithParam<dcep::Reliability> {};

TEST_P(PartialReliability, GivesUpWhatIsLostAndGoesOn) {
    SecurePair pair({.delay = 20ms});
    ASSERT_TRUE(pair.connect());
    auto options = labelled("partial");
    options.open.reliability = GetParam();
    options.open.reliability_parameter =
        GetParam() == dcep::Reliability::MaxRetransmits ? 0 : 100; // ms
    const auto id = open(pair, options);
    EXPECT_EQ(pair.a.session->channels().options(id)->open, options.open);
    auto& sender = pair.b.session->channels();
    pair.model.cut = true;
    for (std::uint32_t i = 0; i < 5; ++i) {
        ASSERT_TRUE(sender.send(pair.sim.now(), id, numbered(i, 100)));
    }
    pair.pump();
    pair.run_for(150ms);
    pair.model.cut = false;
    pair.run_for(5s);
    EXPECT_EQ(count(pair.a, Kind::Message), 0U);
    ASSERT_TRUE(sender.send(pair.sim.now(), id, numbered(5, 100)));
    pair.pump();
    ASSERT_TRUE(pair.run_until([&] { return count(pair.a, Kind::Message) == 1; }));
    EXPECT_EQ(number_of(messages(pair.a, id).at(0)), 5U);
}

INSTANTIATE_TEST_SUITE_P(Both, PartialReliability,
                         testing::Values(dcep::Reliability::MaxRetransmits,
                                         dcep::Reliability::MaxLifetime),
                         [](const auto& test) {
                             return test.param == dcep::Reliability::MaxLifetime
                                        ? std::string("Lifetime")
                                        : std::string("Retransmits");
                         });

TEST(SecureSession, SurvivesAPathThatIsCutForHalfAMinute) {
    SecurePair pair;
    ASSERT_TRUE(pair.connect());
    const auto id = open(pair, labelled("cut"));
    pair.model.cut = true;
    ASSERT_TRUE(pair.b.session->channels().send(pair.sim.now(), id, numbered(1, 5000)));
    pair.pump();
    pair.run_for(30s);
    EXPECT_EQ(pair.b.session->state(), SecureSession::State::Connected);
    pair.model.cut = false;
    const auto restored = pair.sim.now();
    ASSERT_TRUE(pair.run_until([&] { return count(pair.a, Kind::Message) == 1; }));
    EXPECT_LE(pair.sim.now() - restored, 4s);
}

TEST(SecureSession, SaysWhenThePeerNoLongerAnswers) {
    SecurePair pair;
    ASSERT_TRUE(pair.connect());
    const auto id = open(pair, labelled("dead"));
    pair.model.cut = true;
    ASSERT_TRUE(pair.b.session->channels().send(pair.sim.now(), id, numbered(1, 5000)));
    pair.pump();
    ASSERT_TRUE(
        pair.run_until([&] { return pair.b.session->state() == SecureSession::State::Failed; }));
    EXPECT_EQ(pair.b.session->error()->code, Errc::Timeout);
    EXPECT_EQ(count(pair.b, Kind::Closed), 1U);
}

TEST(SecureSession, ClosesAChannelAfterWhatWasSent) {
    SecurePair pair({.delay = 20ms, .loss = 0.1});
    ASSERT_TRUE(pair.connect());
    const auto id = open(pair, labelled("closing"));
    auto& channels = pair.b.session->channels();
    for (std::uint32_t i = 0; i < 50; ++i) {
        ASSERT_TRUE(channels.send(pair.sim.now(), id, numbered(i, 3000)));
    }
    channels.close(pair.sim.now(), id);
    EXPECT_FALSE(channels.send(pair.sim.now(), id, Bytes{1}));
    pair.pump();
    ASSERT_TRUE(pair.run_until(
        [&] { return count(pair.a, Kind::Closed) == 1 && count(pair.b, Kind::Closed) == 1; }));
    EXPECT_EQ(messages(pair.a, id).size(), 50U);
    EXPECT_EQ(count(pair.a, Kind::PeerDone), 1U);
    EXPECT_EQ(channels.size(), 0U);
    // The number is free again, on both sides.
    pair.a.events.clear();
    EXPECT_EQ(open(pair, labelled("again")), id);
    ASSERT_TRUE(channels.send(pair.sim.now(), id, Bytes{9, 9, 9, 9}));
    pair.pump();
    ASSERT_TRUE(pair.run_until([&] { return count(pair.a, Kind::Message) == 1; }));
    EXPECT_EQ(pair.a.session->channels().options(id)->open.label, "again");
}

TEST(SecureSession, ClosesFromBothSidesAtOnce) {
    SecurePair pair;
    ASSERT_TRUE(pair.connect());
    const auto id = open(pair, labelled("both"));
    pair.a.session->channels().close(pair.sim.now(), id);
    pair.b.session->channels().close(pair.sim.now(), id);
    pair.pump();
    EXPECT_TRUE(pair.run_until(
        [&] { return count(pair.a, Kind::Closed) == 1 && count(pair.b, Kind::Closed) == 1; }));
}

// A pipe: one side has sent everything and still gets the answer.
TEST(SecureSession, HalfClosesAsAPipeDoes) {
    SecurePair pair;
    ASSERT_TRUE(pair.connect());
    const auto id = open(pair, labelled("pipe"));
    pair.a.session->channels().set_half_close(id, true);
    pair.b.session->channels().set_half_close(id, true);
    ASSERT_TRUE(pair.b.session->channels().send(pair.sim.now(), id, numbered(1, 100)));
    pair.b.session->channels().finish(pair.sim.now(), id);
    pair.pump();
    ASSERT_TRUE(pair.run_until([&] { return count(pair.a, Kind::PeerDone) == 1; }));
    EXPECT_EQ(messages(pair.a, id).size(), 1U);
    pair.run_for(2s);
    EXPECT_EQ(count(pair.b, Kind::Closed), 0U);
    for (std::uint32_t i = 0; i < 100; ++i) {
        ASSERT_TRUE(pair.a.session->channels().send(pair.sim.now(), id, numbered(i, 20'000)));
    }
    pair.a.session->channels().finish(pair.sim.now(), id);
    pair.pump();
    ASSERT_TRUE(pair.run_until(
        [&] { return count(pair.a, Kind::Closed) == 1 && count(pair.b, Kind::Closed) == 1; }));
    EXPECT_EQ(messages(pair.b, id).size(), 100U);
    EXPECT_EQ(count(pair.b, Kind::PeerDone), 1U);
}

TEST(SecureSession, HasManyChannelsFromBothSides) {
    SecurePair pair;
    ASSERT_TRUE(pair.connect());
    constexpr std::size_t kEach = 100;
    for (std::size_t i = 0; i < kEach; ++i) {
        ASSERT_TRUE(pair.a.session->channels().open(pair.sim.now(), labelled("a")));
        ASSERT_TRUE(pair.b.session->channels().open(pair.sim.now(), labelled("b")));
    }
    pair.pump();
    ASSERT_TRUE(pair.run_until(
        [&] { return count(pair.a, Kind::Open) == kEach && count(pair.b, Kind::Open) == kEach; }));
    EXPECT_EQ(count(pair.a, Kind::Incoming), kEach);
    EXPECT_EQ(pair.a.session->channels().size(), 2 * kEach);
    EXPECT_EQ(pair.b.session->channels().size(), 2 * kEach);
    while (pair.a.session->channels().open(pair.sim.now(), labelled("more"))) {}
    EXPECT_EQ(pair.a.session->channels().open(pair.sim.now(), {}).error().code, Errc::TooLarge);
}

TEST(SecureSession, TakesChannelsThatWereAgreedOutside) {
    SecurePair pair;
    auto options = labelled("agreed");
    options.agreed = 100;
    ASSERT_TRUE(pair.a.session->channels().open(pair.sim.now(), options));
    ASSERT_TRUE(pair.b.session->channels().open(pair.sim.now(), options));
    EXPECT_FALSE(pair.b.session->channels().open(pair.sim.now(), options));
    ASSERT_TRUE(pair.connect());
    ASSERT_TRUE(pair.a.session->channels().send(pair.sim.now(), 100, Bytes{1}));
    pair.pump();
    EXPECT_TRUE(pair.run_until([&] { return messages(pair.b, 100).size() == 1; }));
    EXPECT_EQ(count(pair.b, Kind::Incoming), 0U);
    EXPECT_EQ(count(pair.b, Kind::Open), 1U);
}

TEST(SecureSession, PushesBackWhenTheReceiverDoesNotRead) {
    SecurePair pair;
    ASSERT_TRUE(pair.connect());
    const auto id = open(pair, labelled("slow reader"));
    auto& channels = pair.b.session->channels();
    pair.a.session->set_receiving(pair.sim.now(), false);
    constexpr std::size_t kCount = 160; // 10 MiB: more than the buffers of SCTP on both sides
    for (std::uint32_t i = 0; i < kCount; ++i) {
        ASSERT_TRUE(channels.send(pair.sim.now(), id, numbered(i, 64 * 1024)));
    }
    pair.pump();
    pair.run_for(10s);
    EXPECT_EQ(count(pair.a, Kind::Message), 0U);
    EXPECT_GT(channels.buffered_amount(id), 6U * 1024 * 1024);
    pair.a.session->set_receiving(pair.sim.now(), true);
    pair.pump();
    ASSERT_TRUE(pair.run_until([&] { return count(pair.a, Kind::Message) == kCount; }));
    EXPECT_EQ(channels.buffered_amount(id), 0U);
}

TEST(SecureSession, HoldsASenderUpHoweverMuchItHas) {
    SecurePair pair;
    ASSERT_TRUE(pair.connect());
    const auto id = open(pair, labelled("endless"));
    auto& channels = pair.b.session->channels();
    pair.a.session->set_receiving(pair.sim.now(), false);
    constexpr std::size_t kSize = std::size_t{256} * 1024;
    std::size_t accepted = 0;
    for (std::uint32_t i = 0; i < 256; ++i) { // 64 MiB
        if (channels.send(pair.sim.now(), id, numbered(i, kSize))) ++accepted;
        pair.pump();
        pair.run_for(100ms);
    }
    EXPECT_EQ(count(pair.a, Kind::Message), 0U);
    // 2 MiB of the receiver's and 1 MiB of the sender's SCTP; the rest waits in the channel.
    EXPECT_LE(accepted * kSize - channels.buffered_amount(id), 3U * 1024 * 1024 + kSize);
    EXPECT_LT(accepted, 256U);
}

TEST(SecureSession, BoundsWhatWaits) {
    SecurePair pair;
    auto& channels = pair.a.session->channels();
    const auto id = *channels.open(pair.sim.now(), labelled("greedy"));
    EXPECT_EQ(channels.send(pair.sim.now(), id, Bytes(256 * 1024 + 1)).error().code,
              Errc::TooLarge);
    const Bytes message(256 * 1024);
    for (std::size_t i = 0; i < 64; ++i) ASSERT_TRUE(channels.send(pair.sim.now(), id, message));
    EXPECT_EQ(channels.send(pair.sim.now(), id, message).error().code, Errc::TooLarge);
    EXPECT_EQ(channels.send(pair.sim.now(), 77, message).error().code, Errc::InvalidArgument);
}

TEST(SecureSession, IsQuietWhenIdle) {
    SecurePair pair;
    ASSERT_TRUE(pair.connect());
    open(pair, labelled("idle"));
    pair.run_for(5s);
    const auto sent = pair.a.sent + pair.b.sent;
    pair.run_for(600s);
    EXPECT_EQ(pair.a.sent + pair.b.sent, sent);
    EXPECT_EQ(pair.a.session->state(), SecureSession::State::Connected);
    EXPECT_GT(*pair.a.session->deadline() - pair.sim.now(), 10ms);
}

TEST(SecureSession, AnswersWhenAskedForASignOfLife) {
    SecurePair pair;
    EXPECT_FALSE(pair.a.session->demand_sign_of_life(pair.sim.now()));
    ASSERT_TRUE(pair.connect());
    pair.run_for(5s);
    const auto from_a = pair.a.sent;
    const auto from_b = pair.b.sent;
    EXPECT_TRUE(pair.a.session->demand_sign_of_life(pair.sim.now()));
    pair.pump();
    pair.run_for(1s);
    EXPECT_EQ(pair.a.sent, from_a + 1);
    EXPECT_EQ(pair.b.sent, from_b + 1);
    pair.run_for(600s); // and that was that
    EXPECT_EQ(pair.b.sent, from_b + 1);
}

TEST(SecureSession, TellsThePeerThatItCloses) {
    SecurePair pair;
    ASSERT_TRUE(pair.connect());
    open(pair, labelled("bye"));
    pair.b.session->close(pair.sim.now());
    pair.pump();
    ASSERT_TRUE(
        pair.run_until([&] { return pair.a.session->state() == SecureSession::State::Closed; }));
    EXPECT_FALSE(pair.a.session->error());
    EXPECT_EQ(count(pair.a, Kind::Closed), 1U);
    EXPECT_EQ(count(pair.b, Kind::Closed), 1U);
    EXPECT_FALSE(pair.a.session->deadline());
}

TEST(SecureSession, FailsInWordsWhenTheFingerprintIsWrong) {
    SecurePair pair;
    auto other = sdp::Description();
    other.kind = sdp::Kind::Answer;
    other.setup = sdp::Setup::Active;
    other.fingerprints = {sdp::Fingerprint{}};
    sdp::Description offer;
    pair.a.session =
        *SecureSession::create(*DtlsCertificate::of_this_process(), {offer, other, {}, {}});
    pair.start();
    ASSERT_TRUE(
        pair.run_until([&] { return pair.a.session->state() == SecureSession::State::Failed; }));
    EXPECT_EQ(pair.a.session->error()->code, Errc::Mismatch);
    ASSERT_TRUE(
        pair.run_until([&] { return pair.b.session->state() == SecureSession::State::Failed; }));
    EXPECT_EQ(pair.b.session->error()->code, Errc::Refused);
}

TEST(SecureSession, NeedsToKnowWhoBegins) {
    sdp::Description offer;
    offer.fingerprints = {sdp::Fingerprint{}};
    const auto session =
        SecureSession::create(*DtlsCertificate::of_this_process(), {offer, offer, {}, {}});
    ASSERT_FALSE(session);
    EXPECT_EQ(session.error().code, Errc::InvalidArgument);
}

} // namespace
} // namespace natterjack::ice
