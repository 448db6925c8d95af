// SPDX-License-Identifier: MIT
// Sessions whose servers are dead, nameless or not what they should be: they cost nothing.
#include <algorithm>

#include "tests/support/fake_stun.hpp"
#include "tests/support/peer_pair.hpp"

namespace natterjack::test {
namespace {

constexpr const char* kNobody = "192.168.77.99"; // no such host on the link

/// Whether everything was gathered by the time of being connected.
bool gathered_when_connected(const std::vector<std::string>& stun,
                             const std::vector<std::string>& turn) {
    auto options = PeerPair::quick();
    options.stun_servers = stun;
    options.turn_servers = turn;
    PeerPair pair(options);
    EXPECT_TRUE(pair.connect()) << pair.a.why() << pair.b.why();
    return pair.a.session->info().timings.gathered.has_value();
}

TEST(PeerServers, ADeadStunServerIsNotWaitedFor) {
    EXPECT_FALSE(gathered_when_connected({std::string(kNobody) + ":3478"}, {}));
}

TEST(PeerServers, ADeadTurnServerIsNotWaitedFor) {
    for (const auto* const transport : {"udp", "tcp"}) {
        EXPECT_FALSE(gathered_when_connected(
            {}, {"turn:user:password@" + std::string(kNobody) + ":3478?transport=" + transport}))
            << transport;
    }
}

TEST(PeerServers, ANameThatDoesNotResolveEndsNothing) {
    auto options = PeerPair::quick();
    options.stun_servers = {"no-such-host.invalid"};
    options.turn_servers = {"turn:user:password@no-such-relay.invalid"};
    PeerPair pair(options);
    ASSERT_TRUE(pair.connect()) << pair.a.why() << pair.b.why();
    // And gathering ends, although libnice never would (its own look-ups end in nothing).
    ASSERT_TRUE(
        pair.runner.run_until([&] { return pair.a.session->info().timings.gathered.has_value(); }));
    const auto notes = pair.a.session->info().notes;
    for (const auto* const name : {"no-such-host.invalid", "no-such-relay.invalid"}) {
        EXPECT_TRUE(std::any_of(notes.begin(), notes.end(), [&](const std::string& note) {
            return note.find(name) != std::string::npos;
        })) << name;
    }
}

// The description goes out with what there is; the servers' answers follow it.
TEST(PeerServers, ADescriptionDoesNotWaitForServers) {
    auto options = PeerPair::quick();
    options.stun_servers = {std::string(kNobody) + ":3478", "no-such-host.invalid"};
    PeerPair pair(options);
    ASSERT_TRUE(pair.runner.run_until([&] { return !pair.a.said.empty(); }));
    EXPECT_FALSE(pair.a.session->info().timings.gathered.has_value());
}

TEST(PeerServers, OneThatAnswersIsUsedAlthoughAnotherIsDead) {
    LoopRunner runner;
    const FakeStun stun(runner.loop());
    auto options = PeerPair::quick();
    options.stun_servers = {std::string(kNobody) + ":3478",
                            stun.name().host + ":" + std::to_string(stun.name().port)};
    std::string said;
    auto session = PeerSession::create(runner.loop(), options,
                                       {.send = [&](const std::string& line) { said += line; }});
    ASSERT_TRUE(session) << session.error().message;
    ASSERT_TRUE(runner.run_until([&] {
        return said.find(FakeStun::kSeen.to_string()) != std::string::npos;
    })) << said;
    EXPECT_FALSE(session->info().timings.gathered.has_value());
}

TEST(PeerServers, TurnOverTlsIsRefusedBeforeAnythingIsSent) {
    const LoopRunner runner;
    for (const auto* const server :
         {"turns:user:password@relay.test", "TURNS:user:password@relay.test:5349?transport=tcp"}) {
        PeerOptions options;
        options.turn_servers = {server};
        const auto made = PeerSession::create(runner.loop(), options,
                                              {.send = [](const std::string&) { FAIL(); }});
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().code, Errc::Unsupported);
        EXPECT_NE(made.error().message.find("TURN over TLS"), std::string::npos)
            << made.error().message;
        EXPECT_EQ(made.error().message.find("password"), std::string::npos);
    }
}

} // namespace
} // namespace natterjack::test
