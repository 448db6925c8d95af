// SPDX-License-Identifier: MIT
#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "tests/support/netns.hpp"
#include "tests/support/peer_pair.hpp"

namespace natterjack::test {
namespace {

std::vector<std::uint8_t> bytes(std::string_view text) {
    return {text.begin(), text.end()};
}

TEST(PeerSession, ConnectsTwoPeersOnALink) {
    PeerPair pair;
    ASSERT_TRUE(pair.connect()) << pair.a.why() << pair.b.why();
    const auto info = pair.a.session->info();
    ASSERT_TRUE(info.path);
    EXPECT_EQ(info.path->kind, PathKind::Direct);
    EXPECT_EQ(info.path->local_kind, CandidateKind::Host);
    EXPECT_EQ(pair.a.states, (std::vector{PeerState::Checking, PeerState::Connected}));
    ASSERT_TRUE(info.timings.path && info.timings.connected);
    RecordProperty("path_us", static_cast<int>(info.timings.path->count()));
    RecordProperty("connected_us", static_cast<int>(info.timings.connected->count()));
    std::printf("path %ld us, secured %ld us, connected %ld us\n", info.timings.path->count(),
                info.timings.secured->count(), info.timings.connected->count());
}

TEST(PeerSession, ConnectsByIpv6) {
    auto options = PeerPair::quick();
    options.network.source = *IpAddress::parse("fd77::2");
    PeerPair pair(options);
    ASSERT_TRUE(pair.connect()) << pair.a.why() << pair.b.why();
    const auto path = pair.a.session->info().path;
    ASSERT_TRUE(path);
    EXPECT_EQ(path->local.address, *options.network.source);
    EXPECT_EQ(path->remote.address, *options.network.source);
}

TEST(PeerSession, SignalsNoIpv6WhereItIsNotWanted) {
    for (const bool wanted : {true, false}) {
        auto options = PeerPair::quick();
        options.ipv6 = wanted;
        PeerPair pair(options);
        ASSERT_TRUE(pair.connect()) << pair.a.why() << pair.b.why();
        const auto& said = pair.a.said;
        EXPECT_EQ(std::any_of(said.begin(), said.end(),
                              [](const std::string& line) {
                                  return line.find("fd77::2 ") != std::string::npos;
                              }),
                  wanted);
    }
}

TEST(PeerSession, CarriesMessagesBothWays) {
    PeerPair pair;
    auto channel = *pair.a.session->open_channel("greeting");
    std::vector<std::string> heard;
    channel.on_message([&](std::span<const std::uint8_t> message, bool text) {
        heard.emplace_back(message.begin(), message.end());
        EXPECT_FALSE(text);
    });
    ASSERT_TRUE(channel.send_text("before there is a path"));
    ASSERT_TRUE(pair.runner.run_until([&] { return !pair.b.channels.empty(); }));
    auto& incoming = pair.b.channels.front();
    EXPECT_EQ(incoming.label(), "greeting");
    std::string got;
    incoming.on_message([&](std::span<const std::uint8_t> message, bool text) {
        got.assign(message.begin(), message.end());
        EXPECT_TRUE(text);
        EXPECT_TRUE(incoming.send(bytes("answer")));
        EXPECT_TRUE(incoming.send(std::vector<std::uint8_t>(Channel::kMaxMessage, 'x')));
    });
    ASSERT_TRUE(pair.runner.run_until([&] { return heard.size() == 2; }));
    EXPECT_EQ(got, "before there is a path");
    EXPECT_EQ(heard[0], "answer");
    EXPECT_EQ(heard[1].size(), Channel::kMaxMessage);
    EXPECT_FALSE(channel.send(std::vector<std::uint8_t>(Channel::kMaxMessage + 1)));
}

TEST(PeerSession, HasChannelsWhoseNumbersWereAgreed) {
    PeerPair pair;
    // The other one was opened first, and would have had this number.
    auto other = pair.b.session->open_channel("other");
    auto here = pair.a.session->open_channel("here", {.agreed = std::uint16_t{0}});
    auto there = pair.b.session->open_channel("there", {.agreed = std::uint16_t{0}});
    ASSERT_TRUE(other && here && there);
    std::string heard;
    bool open = false;
    there->on_message([&](std::span<const std::uint8_t> message, bool) {
        heard.assign(message.begin(), message.end());
    });
    here->on_open([&] { open = true; });
    ASSERT_TRUE(here->send_text("a word"));
    ASSERT_TRUE(pair.runner.run_until([&] { return open && heard == "a word"; })) << pair.a.why();
    ASSERT_TRUE(pair.runner.run_until([&] { return pair.a.channels.size() == 1; }));
    EXPECT_EQ(pair.a.channels[0].label(), "other");
    auto taken = pair.a.session->open_channel("taken", {.agreed = std::uint16_t{0}});
    std::optional<Error> error;
    taken->on_closed([&](const std::optional<Error>& why) { error = why; });
    ASSERT_TRUE(pair.runner.run_until([&] { return error.has_value(); }));
    EXPECT_NE(error->message.find("number is taken"), std::string::npos) << error->message;
    EXPECT_FALSE(pair.a.session->open_channel("none", {.agreed = std::uint16_t{65535}}));
}

TEST(PeerSession, LosesNothingOfWhatManyChannelsTook) {
    PeerPair pair;
    const std::vector<std::uint8_t> message(Channel::kMaxMessage, 'x');
    std::vector<Channel> channels;
    std::size_t taken = 0;
    for (int i = 0; i < 3; ++i) {
        channels.push_back(*pair.a.session->open_channel("bulk"));
        for (int k = 0; k < 40; ++k) taken += channels.back().send(message) ? 1U : 0U;
    }
    EXPECT_EQ(taken, 120U) << "16 MiB may wait in each";
    std::size_t heard = 0;
    ASSERT_TRUE(pair.runner.run_until([&] { return pair.b.channels.size() == 3; }));
    for (auto& each : pair.b.channels) {
        each.on_message([&](std::span<const std::uint8_t>, bool) { ++heard; });
    }
    EXPECT_TRUE(pair.runner.run_until([&] { return heard == taken; })) << heard;
}

TEST(PeerSession, TellsTheEndOfAChannelWhileTheNextOneBegins) {
    PeerPair pair;
    ASSERT_TRUE(pair.connect());
    auto first = *pair.a.session->open_channel("first");
    ASSERT_TRUE(pair.runner.run_until([&] { return !pair.b.channels.empty(); }));
    std::optional<Channel> second;
    bool first_closed = false;
    bool second_closed = false;
    first.on_peer_done([&] {
        second.emplace(*pair.a.session->open_channel("second"));
        second->on_closed([&](const std::optional<Error>&) { second_closed = true; });
    });
    first.on_closed([&](const std::optional<Error>& error) { first_closed = !error; });
    first.finish();
    ASSERT_TRUE(pair.runner.run_until([&] { return first_closed && pair.b.channels.size() == 2; }));
    std::string heard;
    pair.b.channels.back().on_message([&](std::span<const std::uint8_t> message, bool) {
        heard.assign(message.begin(), message.end());
    });
    ASSERT_TRUE(second->send_text("still there"));
    EXPECT_TRUE(pair.runner.run_until([&] { return heard == "still there"; }));
    EXPECT_FALSE(second_closed);
}

TEST(PeerSession, EndsADirectionAtATime) {
    PeerPair pair;
    auto channel = *pair.a.session->open_channel("pipe", {.half_close = true});
    bool a_closed = false;
    bool a_done = false;
    std::string to_a;
    channel.on_message([&](std::span<const std::uint8_t> message, bool) {
        to_a.append(message.begin(), message.end());
    });
    channel.on_peer_done([&] { a_done = true; });
    channel.on_closed([&](const std::optional<Error>& error) {
        EXPECT_FALSE(error);
        a_closed = true;
    });
    ASSERT_TRUE(channel.send(bytes("all I have to say")));
    channel.finish();
    EXPECT_FALSE(channel.send(bytes("more")));
    ASSERT_TRUE(pair.runner.run_until([&] { return !pair.b.channels.empty(); }));
    auto& incoming = pair.b.channels.front();
    incoming.set_half_close(true);
    bool b_done = false;
    incoming.on_message([](std::span<const std::uint8_t>, bool) {});
    incoming.on_peer_done([&] { b_done = true; });
    ASSERT_TRUE(pair.runner.run_until([&] { return b_done; }));
    EXPECT_FALSE(a_closed);
    ASSERT_TRUE(incoming.send(bytes("the answer after the end")));
    incoming.finish();
    ASSERT_TRUE(pair.runner.run_until([&] { return a_closed; }));
    EXPECT_TRUE(a_done);
    EXPECT_EQ(to_a, "the answer after the end");
}

TEST(PeerSession, TellsThePeerThatItEnds) {
    PeerPair pair;
    ASSERT_TRUE(pair.connect());
    auto channel = *pair.b.session->open_channel("x");
    bool closed = false;
    channel.on_closed([&](const std::optional<Error>& error) { closed = !error; });
    pair.a.session.reset();
    ASSERT_TRUE(pair.runner.run_until([&] { return pair.b.is(PeerState::Closed); }));
    EXPECT_TRUE(closed) << "without an error";
    EXPECT_EQ(pair.b.why(), "the peer closed the session");
    EXPECT_TRUE(pair.a.states.back() == PeerState::Connected) << "no handler after destruction";
}

TEST(PeerSession, CarriesDatagramsOverDtlsAlone) {
    auto options = PeerPair::quick();
    options.payload = PeerPayload::SecureDatagrams;
    PeerPair pair(options);
    EXPECT_FALSE(pair.a.session->send_datagram(bytes("too early")));
    ASSERT_TRUE(pair.connect()) << pair.a.why() << pair.b.why();
    ASSERT_TRUE(pair.a.session->send_datagram(bytes("one")));
    ASSERT_TRUE(pair.b.session->send_datagram(bytes("two")));
    ASSERT_TRUE(pair.runner.run_until(
        [&] { return !pair.a.datagrams.empty() && !pair.b.datagrams.empty(); }));
    EXPECT_EQ(pair.b.datagrams.front(), "one");
    EXPECT_EQ(pair.a.datagrams.front(), "two");
    const auto [ours, theirs] = std::pair(pair.a.session->info(), pair.b.session->info());
    EXPECT_GT(ours.bytes_sent, 3U);
    EXPECT_EQ(ours.bytes_sent, theirs.bytes_received);
    EXPECT_EQ(theirs.bytes_sent, ours.bytes_received);
    EXPECT_FALSE(pair.a.session->send_datagram(
        std::vector<std::uint8_t>(pair.a.session->max_datagram() + 1)));
    EXPECT_FALSE(pair.a.session->open_channel("none here"));
}

TEST(PeerSession, CarriesPlainDatagramsWhenAskedByName) {
    auto options = PeerPair::quick();
    options.payload = PeerPayload::UnsafeDatagrams;
    PeerPair pair(options);
    ASSERT_TRUE(pair.connect()) << pair.a.why() << pair.b.why();
    ASSERT_TRUE(pair.a.session->send_datagram(bytes("plain")));
    ASSERT_TRUE(pair.runner.run_until([&] { return !pair.b.datagrams.empty(); }));
    EXPECT_EQ(pair.b.datagrams.front(), "plain");
}

// The peer's datagrams wait in the socket, as they do when it sends faster than we take them.
TEST(PeerSession, LetsTheLoopGoOnUnderABurst) {
    auto options = PeerPair::quick();
    options.payload = PeerPayload::UnsafeDatagrams;
    PeerPair pair(options);
    ASSERT_TRUE(pair.connect()) << pair.a.why() << pair.b.why();
    constexpr std::size_t kBurst = 500;
    for (std::size_t i = 0; i < kBurst; ++i) {
        ASSERT_TRUE(pair.a.session->send_datagram(bytes("burst")));
    }
    std::vector<std::size_t> turns; // how many had come by each
    std::function<void()> note = [&] {
        turns.push_back(pair.b.datagrams.size());
        if (turns.back() < kBurst) pair.runner.loop().post(note);
    };
    note();
    ASSERT_TRUE(pair.runner.run_until([&] { return turns.back() == kBurst; }));
    for (std::size_t i = 1; i < turns.size(); ++i) EXPECT_LE(turns[i] - turns[i - 1], 64U);
}

TEST(PeerSession, TellsTheRoundTripOnceItIsMeasured) {
    PeerPair pair;
    ASSERT_TRUE(pair.connect());
    EXPECT_TRUE(pair.runner.run_until(
        [&] { return pair.a.session->info().round_trip && pair.b.session->info().round_trip; }));
}

TEST(PeerSession, HoldsMessagesBackAtOnceWhenAHandlerHasEnough) {
    PeerPair pair;
    auto channel = *pair.a.session->open_channel("many");
    constexpr std::size_t kCount = 200;
    for (std::size_t i = 0; i < kCount; ++i) ASSERT_TRUE(channel.send(bytes("x")));
    std::size_t heard = 0;
    ASSERT_TRUE(pair.runner.run_until([&] { return !pair.b.channels.empty(); }));
    auto& incoming = pair.b.channels.front();
    incoming.on_message([&](std::span<const std::uint8_t>, bool) {
        ++heard;
        incoming.set_receiving(false);
    });
    ASSERT_TRUE(pair.runner.run_until([&] { return heard > 0; }));
    pair.runner.run_for(Duration(100));
    EXPECT_EQ(heard, 1U);
    incoming.on_message([&](std::span<const std::uint8_t>, bool) { ++heard; });
    incoming.set_receiving(true);
    EXPECT_TRUE(pair.runner.run_until([&] { return heard == kCount; }));
}

TEST(PeerSession, HoldsAPeerUpWhileNobodyTakesItsMessages) {
    PeerPair pair;
    auto channel = *pair.a.session->open_channel("endless");
    ASSERT_TRUE(pair.runner.run_until([&] { return !pair.b.channels.empty(); }));
    constexpr std::size_t kSize = std::size_t{64} * 1024;
    constexpr std::size_t kMost = std::size_t{64} * 1024 * 1024;
    std::size_t sent = 0;
    const auto feed = [&] { // as much as there is, as soon as there is room
        while (sent < kMost && channel.buffered_amount() < 4 * kSize) {
            ASSERT_TRUE(channel.send(std::vector<std::uint8_t>(kSize)));
            sent += kSize;
        }
    };
    channel.on_low_buffer(kSize, feed);
    feed();
    std::size_t before = 0;
    do { // until nothing more moves
        before = sent;
        pair.runner.run_for(Duration(300));
    } while (sent != before);
    EXPECT_LE(sent, 8U * 1024 * 1024);
    std::size_t heard = 0;
    pair.b.channels.front().on_message(
        [&](std::span<const std::uint8_t> message, bool) { heard += message.size(); });
    EXPECT_TRUE(pair.runner.run_until([&] { return heard == kMost; }, std::chrono::seconds(60)));
}

// What is on its way to the loop counts, too: SCTP takes it at once, so that the session itself
// never holds much.
TEST(PeerSession, TellsASenderThatLittleIsLeftByWhatTheSenderSaw) {
    PeerPair pair;
    auto channel = *pair.a.session->open_channel("level");
    ASSERT_TRUE(pair.connect());
    constexpr std::size_t kLow = std::size_t{64} * 1024;
    int told = 0;
    channel.on_low_buffer(kLow, [&] { ++told; });
    while (channel.buffered_amount() <= kLow) {
        ASSERT_TRUE(channel.send(std::vector<std::uint8_t>(kLow / 4)));
    }
    EXPECT_TRUE(pair.runner.run_until([&] { return told == 1; }));
    EXPECT_LE(channel.buffered_amount(), kLow);
    pair.runner.run_for(Duration(50));
    EXPECT_EQ(told, 1);
}

TEST(PeerSession, PutsEverythingIntoOneDescriptionForPasting) {
    auto options = PeerPair::quick();
    options.trickle = false;
    PeerPair pair(options);
    ASSERT_TRUE(pair.connect()) << pair.a.why() << pair.b.why();
    EXPECT_EQ(pair.a.said.size(), 1U);
    EXPECT_EQ(pair.b.said.size(), 1U);
    EXPECT_NE(pair.a.said.front().find("a=candidate:"), std::string::npos);
    EXPECT_NE(pair.a.said.front().find("a=end-of-candidates"), std::string::npos);
}

TEST(PeerSession, RefusesAPeerWithAnotherCertificate) {
    PeerPair pair;
    pair.to_b = [](std::string line) {
        const auto at = line.find("a=fingerprint:sha-256 ");
        if (at == std::string::npos) return line;
        char& digit = line[at + 22];
        digit = digit == '0' ? '1' : '0';
        return line;
    };
    ASSERT_TRUE(pair.runner.run_until([&] { return pair.b.is(PeerState::Failed); }));
    EXPECT_EQ(pair.b.last.error->code, Errc::Mismatch) << pair.b.why();
    EXPECT_NE(pair.b.why().find("certificate"), std::string::npos) << pair.b.why();
    ASSERT_TRUE(pair.runner.run_until([&] { return pair.a.is(PeerState::Failed); }));
}

TEST(PeerSession, RefusesGarbageAndChangesNothing) {
    PeerPair pair;
    for (const auto* line :
         {"", "{", "[]", "{\"type\":\"offer\"}", "{\"type\":\"offer\",\"sdp\":\"v=0\"}",
          "{\"candidate\":\"candidate:1 1 tcp 1 10.0.0.1 9 typ host\",\"sdpMid\":\"0\"}",
          "{\"candidate\":\"candidate:1 1 udp 0 10.0.0.1 9 typ host\",\"sdpMid\":\"0\"}"}) {
        EXPECT_FALSE(pair.b.session->receive(line)) << line;
    }
    EXPECT_TRUE(pair.b.session->receive(
        "{\"candidate\":\"candidate:1 1 udp 1 127.0.0.1 9 typ host\",\"sdpMid\":\"0\"}"));
    EXPECT_TRUE(pair.b.session->receive(
        "{\"candidate\":\"candidate:1 1 udp 1 224.0.0.1 9 typ host\",\"sdpMid\":\"0\"}"));
    ASSERT_TRUE(pair.connect());
}

TEST(PeerSession, IgnoresReplays) {
    PeerPair pair;
    ASSERT_TRUE(pair.connect());
    for (const auto& line : pair.a.said) EXPECT_TRUE(pair.b.session->receive(line));
    for (const auto& line : pair.b.said) EXPECT_TRUE(pair.a.session->receive(line));
    pair.runner.run_for(Duration(200));
    EXPECT_TRUE(pair.a.is(PeerState::Connected));
    EXPECT_TRUE(pair.b.is(PeerState::Connected));
    EXPECT_EQ(pair.b.session->info().restarts, 0U);
}

TEST(PeerSession, SaysThatBothSidesOffer) {
    PeerPair pair;
    pair.to_b = [&](const std::string& line) {
        EXPECT_TRUE(pair.a.session->receive(line));
        return std::string();
    };
    ASSERT_TRUE(pair.runner.run_until([&] { return pair.a.is(PeerState::Failed); }));
    EXPECT_NE(pair.a.why().find("both sides offer"), std::string::npos) << pair.a.why();
}

TEST(PeerSession, SaysWhyNoPathWasFound) {
    auto options = PeerPair::quick();
    options.connect_limit = std::chrono::milliseconds(300);
    PeerPair pair(options);
    pair.to_a = pair.to_b = [](std::string line) { // addresses where nobody is
        for (auto at = line.find("192.168.77.2 "); at != std::string::npos;
             at = line.find("192.168.77.2 ")) {
            line.replace(at, 12, "192.168.77.7");
        }
        for (auto at = line.find("fd77::2 "); at != std::string::npos; at = line.find("fd77::2 ")) {
            line.replace(at, 7, "fd77::7");
        }
        return line;
    };
    ASSERT_TRUE(pair.runner.run_until([&] { return pair.b.is(PeerState::Failed); }));
    EXPECT_EQ(pair.b.last.error->code, Errc::Timeout);
    EXPECT_NE(pair.b.why().find("no way to the peer"), std::string::npos) << pair.b.why();
}

class PeerSessionRestart : public testing::TestWithParam<bool> {};

TEST_P(PeerSessionRestart, FindsANewPathUnderTheSameChannels) {
    PeerPair pair;
    ASSERT_TRUE(pair.connect());
    auto channel = *pair.a.session->open_channel("stays");
    ASSERT_TRUE(pair.runner.run_until([&] { return !pair.b.channels.empty(); }));
    const auto before = pair.a.session->info().path;
    (GetParam() ? pair.a : pair.b).session->restart();
    ASSERT_TRUE(pair.runner.run_until([&] {
        return pair.a.session->info().path != before && pair.a.session->info().restarts == 1 &&
               pair.b.session->info().restarts == 1;
    }));
    std::string got;
    pair.b.channels.front().on_message([&](std::span<const std::uint8_t> message, bool) {
        got.assign(message.begin(), message.end());
    });
    ASSERT_TRUE(channel.send(bytes("after the restart")));
    ASSERT_TRUE(pair.runner.run_until([&] { return !got.empty(); }));
    EXPECT_TRUE(pair.a.is(PeerState::Connected));
}

INSTANTIATE_TEST_SUITE_P(ByEitherSide, PeerSessionRestart, testing::Bool());

TEST(PeerSession, SurvivesBothSidesRestartingAtOnce) {
    PeerPair pair;
    ASSERT_TRUE(pair.connect());
    const auto before = pair.a.session->info().path;
    pair.a.session->restart();
    pair.b.session->restart();
    ASSERT_TRUE(pair.runner.run_until([&] {
        return pair.a.session->info().path != before && pair.b.session->info().restarts == 1;
    }));
    EXPECT_TRUE(pair.a.is(PeerState::Connected));
    EXPECT_TRUE(pair.b.is(PeerState::Connected));
}

/// Destroys a session after so many turns of the loop, in whatever state it is then.
TEST(PeerSession, CanBeDestroyedAtAnyMoment) {
    for (int turns = 0; turns < 60; turns += 3) {
        PeerPair pair;
        auto channel = *pair.a.session->open_channel("x");
        for (int i = 0; i < turns; ++i) pair.runner.run_once();
        (turns % 2 == 0 ? pair.a : pair.b).session.reset();
        pair.runner.run_pending();
    }
}

TEST(PeerSession, CanBeDestroyedInItsOwnHandlers) {
    for (const auto when : {PeerState::Checking, PeerState::Connected}) {
        LoopRunner runner;
        std::optional<PeerSession> a;
        std::optional<PeerSession> b;
        bool gone = false;
        PeerHandlers to_b;
        to_b.send = [&](const std::string& line) {
            if (b) std::ignore = b->receive(line);
        };
        to_b.on_state = [&](PeerState state, const PeerInfo&) {
            ASSERT_FALSE(gone);
            if (state != when) return;
            gone = true;
            a.reset();
        };
        PeerHandlers to_a;
        to_a.send = [&](const std::string& line) {
            if (a) std::ignore = a->receive(line);
        };
        auto options = PeerPair::quick();
        a = *PeerSession::create(runner.loop(), options, std::move(to_b));
        options.role = PeerRole::Answer;
        b = *PeerSession::create(runner.loop(), options, std::move(to_a));
        ASSERT_TRUE(runner.run_until([&] { return gone; }));
        runner.run_for(Duration(50));
    }
}

TEST(PeerSession, WorksFromOtherThreads) {
    const auto loop = Loop::with_thread();
    std::atomic<int> connected = 0;
    std::atomic<int> heard = 0;
    std::optional<PeerSession> a;
    std::optional<PeerSession> b;
    std::mutex mutex;
    auto options = PeerPair::quick();
    const auto handlers = [&](std::optional<PeerSession>& other) {
        PeerHandlers out;
        out.send = [&](const std::string& line) {
            const std::lock_guard lock(mutex);
            if (other) std::ignore = other->receive(line);
        };
        out.on_state = [&](PeerState state, const PeerInfo&) {
            if (state == PeerState::Connected) ++connected;
        };
        out.on_datagram = [&](std::span<const std::uint8_t>) { ++heard; };
        return out;
    };
    options.payload = PeerPayload::SecureDatagrams;
    {
        const std::lock_guard lock(mutex);
        a = *PeerSession::create(loop, options, handlers(b));
        options.role = PeerRole::Answer;
        b = *PeerSession::create(loop, options, handlers(a));
    }
    for (int i = 0; i < 1000 && connected < 2; ++i) g_usleep(5000);
    ASSERT_EQ(connected, 2);
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(a->send_datagram(bytes("x")));
    for (int i = 0; i < 1000 && heard < 10; ++i) g_usleep(5000);
    EXPECT_EQ(heard, 10);
}

TEST(PeerSession, RefusesWhatItCannotDo) {
    const LoopRunner runner;
    const auto refused = [&](auto&& change) {
        PeerOptions options;
        change(options);
        PeerHandlers handlers;
        handlers.send = [](const std::string&) {};
        const auto made = PeerSession::create(runner.loop(), options, std::move(handlers));
        return made ? std::string("accepted") : made.error().message;
    };
    EXPECT_NE(refused([](auto& o) { o.turn_servers = {"turns:u:p@h"}; }).find("TLS"),
              std::string::npos);
    EXPECT_NE(refused([](auto& o) { o.turn_servers = {"turn:h:3478"}; }).find("turn:USER"),
              std::string::npos);
    EXPECT_NE(refused([](auto& o) { o.relay_only = true; }).find("relay"), std::string::npos);
    EXPECT_NE(refused([](auto& o) { o.silence_limit = std::chrono::seconds(1); }).find("5 s"),
              std::string::npos);
    EXPECT_FALSE(PeerSession::create(runner.loop(), {}, {}));
}

} // namespace
} // namespace natterjack::test
