// SPDX-License-Identifier: MIT
// The chain's `ice` stage: an opening that carries a session.
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include <natterjack/peer_session.hpp>

#include "tests/support/fake_stun.hpp"
#include "tests/support/loop_runner.hpp"

namespace natterjack::test {
namespace {

using namespace std::chrono_literals;

class PeerInvitation : public testing::Test {
protected:
    void open(PeerOptions options, OpenRequest request = {.port = 6667}) {
        chain_ = make_chain_with_ice(runner_.loop(), std::move(options), {Strategy::Ice});
        attempt_ = chain_->open(std::move(request), [this](Result<Opening, OpenFailure> result) {
            result_.emplace(std::move(result));
        });
    }
    [[nodiscard]] bool answered() {
        return runner_.run_until([this] { return result_.has_value(); });
    }
    [[nodiscard]] PeerOptions options() const {
        const auto server = stun_.name();
        PeerOptions out;
        out.stun_servers = {server.host + ":" + std::to_string(server.port)};
        out.map = false;
        return out;
    }

    LoopRunner runner_;
    FakeStun stun_{runner_.loop()};
    std::unique_ptr<Traversal> chain_;
    Attempt attempt_;
    std::optional<Result<Opening, OpenFailure>> result_;
};

TEST_F(PeerInvitation, ReportsWhatAStunServerSees) {
    open(options());
    ASSERT_TRUE(answered());
    ASSERT_TRUE(*result_) << result_->error().error.message;
    const auto info = (*result_)->info();
    EXPECT_EQ(info.strategy, Strategy::Ice);
    EXPECT_EQ(info.reach, Reach::InvitedPeer);
    EXPECT_EQ(info.external.address, FakeStun::kSeen);
    EXPECT_EQ(info.internal.address, kHost);
    ASSERT_EQ(info.story.size(), 1U);
    EXPECT_EQ(info.story[0].outcome, StoryLine::Outcome::Opened);
    EXPECT_TRUE((*result_)->info().hops.empty());
}

TEST_F(PeerInvitation, TakesTheRequestsServersWhenTheSessionNamesNone) {
    auto session = options();
    const auto servers = std::exchange(session.stun_servers, {});
    open(session, {.port = 6667, .stun_servers = servers});
    ASSERT_TRUE(answered());
    ASSERT_TRUE(*result_) << result_->error().error.message;
    EXPECT_EQ((*result_)->info().external.address, FakeStun::kSeen);
}

TEST_F(PeerInvitation, SaysThatNoServerIsNamed) {
    auto nobody = options();
    nobody.stun_servers.clear();
    open(nobody);
    ASSERT_TRUE(answered());
    ASSERT_FALSE(*result_);
    const auto& failure = result_->error();
    ASSERT_EQ(failure.story.size(), 1U);
    EXPECT_NE(failure.story[0].message.find("none is named"), std::string::npos)
        << failure.story[0].message;
}

TEST_F(PeerInvitation, PassesOnWhatIsWrongWithAServer) {
    auto wrong = options();
    wrong.turn_servers = {"turns:user:password@relay.test"};
    open(wrong);
    ASSERT_TRUE(answered());
    ASSERT_FALSE(*result_);
    EXPECT_NE(result_->error().story[0].message.find("TLS"), std::string::npos);
}

TEST_F(PeerInvitation, AnswersByTheDeadlineWhenServersAreDead) {
    auto dead = options();
    dead.stun_servers = {"192.168.77.99:3478"}; // no such host on the link
    open(dead, {.port = 6667, .deadline = 300ms});
    ASSERT_TRUE(answered());
    EXPECT_FALSE(*result_);
}

// A TCP connection's place is a reliable channel of the session that the opening carries.
TEST_F(PeerInvitation, CarriesASessionThatSpeaksOnlyOnceItWasTaken) {
    auto inviting = options();
    inviting.payload = PeerPayload::SecureDatagrams; // for TCP, channels all the same
    open(inviting, {.port = 6667, .transport = Transport::Tcp});
    ASSERT_TRUE(answered());
    ASSERT_TRUE(*result_) << result_->error().error.message;
    auto& opening = **result_;

    std::optional<PeerSession> ours;
    std::optional<PeerSession> theirs;
    std::optional<Channel> incoming;
    std::string heard;
    PeerHandlers to_them;
    to_them.send = [&](const std::string& line) {
        ASSERT_TRUE(theirs);
        EXPECT_TRUE(theirs->receive(line)) << line;
    };
    to_them.on_channel = [&](Channel channel) {
        incoming = std::move(channel);
        incoming->on_message([&](std::span<const std::uint8_t> message, bool) {
            heard.assign(message.begin(), message.end());
        });
    };
    EXPECT_FALSE(PeerSession::take(opening, {})); // nobody to carry its lines
    PeerHandlers to_us;
    to_us.send = [&](const std::string& line) { EXPECT_TRUE(ours->receive(line)) << line; };
    auto answering = options();
    answering.role = PeerRole::Answer;
    auto made = PeerSession::create(runner_.loop(), answering, std::move(to_us));
    ASSERT_TRUE(made) << made.error().message;
    theirs = *std::move(made);

    auto taken = PeerSession::take(opening, std::move(to_them));
    ASSERT_TRUE(taken) << taken.error().message;
    ours = *std::move(taken);
    EXPECT_FALSE(PeerSession::take(opening, {.send = [](const std::string&) {}})); // once

    result_.reset(); // the session lives on
    auto channel = theirs->open_channel("tcp");
    ASSERT_TRUE(channel) << channel.error().message;
    ASSERT_TRUE(channel->send_text("through"));
    ASSERT_TRUE(runner_.run_until([&] { return heard == "through"; }));
}

TEST_F(PeerInvitation, CloseEndsASessionThatNobodyTook) {
    open(options());
    ASSERT_TRUE(answered());
    ASSERT_TRUE(*result_);
    const auto asked = stun_.requests;
    EXPECT_GT(asked, 0);
    std::optional<Result<void>> closed;
    (*result_)->close([&](Result<void> done) { closed = std::move(done); });
    ASSERT_TRUE(runner_.run_until([&] { return closed.has_value(); }));
    EXPECT_TRUE(*closed);
    auto late = PeerSession::take(**result_, {.send = [](const std::string&) {}});
    ASSERT_FALSE(late);
}

TEST_F(PeerInvitation, MayBeCancelledAtAnyMoment) {
    for (int turns = 0; turns < 20; ++turns) {
        open(options());
        for (int i = 0; i < turns && !result_; ++i) runner_.run_once();
        attempt_.cancel();
        result_.reset();
        runner_.run_pending();
    }
}

} // namespace
} // namespace natterjack::test
