// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "proto/turn_client.hpp"
#include "tests/support/scripted_turn.hpp"
#include "tests/support/simulator.hpp"

namespace natterjack {
namespace {

using namespace std::chrono_literals;
using test::ScriptedTurn;
using Bytes = std::vector<std::uint8_t>;

const Endpoint kPeer{IpAddress::v4(0x19007102), 6667};
constexpr Duration kOneWay{20};

TurnClient::Options options(bool reliable = false) {
    TurnClient::Options out;
    out.reliable = reliable;
    out.user = "user";
    out.password = "pass";
    if (reliable) out.relayed = Transport::Tcp;
    return out;
}

/// A client and its server over a link that delays, and loses what the test says.
class Session {
public:
    explicit Session(TurnClient::Options chosen = options())
        : client(std::move(chosen), test::counting_crypto()) {}

    void start() {
        started = sim.now();
        client.start(sim.now());
        pump();
    }

    void pump() {
        while (auto event = client.poll_event()) events.push_back(*std::move(event));
        while (auto sent = client.poll_transmit()) {
            ++transmissions;
            if (lost_requests > 0) {
                --lost_requests;
                continue;
            }
            sim.after(kOneWay, [this, request = *std::move(sent)] { serve(request); });
        }
        if (const auto deadline = client.deadline()) {
            sim.at(*deadline, [this] {
                client.handle_timeout(sim.now());
                pump();
            });
        }
    }

    void deliver(const Bytes& bytes) {
        client.handle_message(sim.now(), bytes);
        pump();
    }

    template<class Event>
    const Event* last() const {
        return events.empty() ? nullptr : std::get_if<Event>(&events.back());
    }
    template<class Event>
    bool wait_for() {
        const auto before = events.size();
        return sim.run_until(
            [&] { return events.size() > before && std::holds_alternative<Event>(events.back()); });
    }
    /// Through Allocate and CreatePermission.
    void permit() {
        start();
        ASSERT_TRUE(wait_for<TurnClient::Allocated>());
        client.permit(sim.now(), kPeer.address);
        pump();
        ASSERT_TRUE(wait_for<TurnClient::Permitted>());
    }

    test::Simulator sim;
    ScriptedTurn server;
    TurnClient client;
    std::vector<TurnClient::Event> events;
    TimePoint started;
    int transmissions = 0;
    int lost_requests = 0;
    int lost_answers = 0;

private:
    void serve(const Bytes& request) {
        auto answer = server.answer(request);
        if (!answer) return;
        if (lost_answers > 0) {
            --lost_answers;
            return;
        }
        sim.after(kOneWay, [this, answer = *std::move(answer)] { deliver(answer); });
    }
};

TEST(TurnClient, AllocatesInTwoRoundTrips) {
    Session session;
    session.start();
    ASSERT_TRUE(session.wait_for<TurnClient::Allocated>());
    EXPECT_EQ(session.last<TurnClient::Allocated>()->relayed, session.server.relayed);
    EXPECT_EQ(session.last<TurnClient::Allocated>()->mapped, session.server.mapped);
    EXPECT_EQ(session.sim.now() - session.started, 4 * kOneWay);
    EXPECT_EQ(session.transmissions, 2);
    EXPECT_FALSE(session.client.deadline());
}

TEST(TurnClient, PermitsConnectsAndEnds) {
    Session session(options(true));
    session.permit();
    session.client.connect(session.sim.now(), kPeer);
    session.pump();
    ASSERT_TRUE(session.wait_for<TurnClient::Connected>());
    EXPECT_EQ(session.last<TurnClient::Connected>()->id, 7U);
    EXPECT_EQ(session.last<TurnClient::Connected>()->peer, kPeer);
    EXPECT_EQ(session.server.permitted, std::vector<Endpoint>({{kPeer.address, 0}}));
    EXPECT_EQ(session.server.connected, std::vector<Endpoint>({kPeer}));
    session.client.close();
    session.pump();
    session.sim.run_until([&] { return session.server.refreshed.has_value(); });
    EXPECT_EQ(session.server.refreshed, Lifetime(0));
}

TEST(TurnClient, MasksAnIpv6PeerWithTheTransactionThatIsSent) {
    Session session;
    session.permit();
    const auto peer = *Endpoint::parse("[2001:db8::7]:80");
    session.client.permit(session.sim.now(), peer.address);
    session.pump();
    ASSERT_TRUE(session.wait_for<TurnClient::Permitted>());
    EXPECT_EQ(session.server.permitted.back().address, peer.address);
}

TEST(TurnClient, SendsAndReceivesDatagrams) {
    Session session;
    session.permit();
    session.client.send(kPeer, Bytes{1, 2, 3});
    session.pump();
    session.sim.run_until([&] { return !session.server.sent.empty(); });
    EXPECT_EQ(session.server.sent.front(), (std::pair<Endpoint, Bytes>{kPeer, {1, 2, 3}}));
    session.deliver(ScriptedTurn::data(kPeer, {4, 5}));
    ASSERT_NE(session.last<TurnClient::Received>(), nullptr);
    EXPECT_EQ(session.last<TurnClient::Received>()->peer, kPeer);
    EXPECT_EQ(session.last<TurnClient::Received>()->payload, (Bytes{4, 5}));
}

TEST(TurnClient, SendsNothingBeforeItsAllocation) {
    Session session;
    session.client.send(kPeer, Bytes{1});
    EXPECT_FALSE(session.client.poll_transmit());
    session.client.close(); // and there is nothing to end
    EXPECT_FALSE(session.client.poll_transmit());
}

TEST(TurnClient, SurvivesLossOfRequestsAndAnswers) {
    Session session;
    session.lost_requests = 2;
    session.lost_answers = 1;
    session.start();
    ASSERT_TRUE(session.wait_for<TurnClient::Allocated>());
    // The challenge: sent at 0 and 100 (lost), 300 (answer lost), 700 ms; then one more round trip.
    EXPECT_EQ(session.sim.now() - session.started, 700ms + 4 * kOneWay);
}

TEST(TurnClient, RepeatsNothingOverTcp) {
    Session session(options(true));
    session.lost_requests = 1;
    session.start();
    ASSERT_TRUE(session.wait_for<TurnClient::Failed>());
    EXPECT_EQ(session.transmissions, 1);
    EXPECT_EQ(session.sim.now() - session.started, 1500ms);
}

TEST(TurnClient, GivesUpAtTheVeryInstant) {
    Session session;
    session.lost_requests = 1000;
    session.start();
    ASSERT_TRUE(session.wait_for<TurnClient::Failed>());
    EXPECT_EQ(session.last<TurnClient::Failed>()->error.code, Errc::Timeout);
    EXPECT_EQ(session.sim.now() - session.started, 1500ms);
}

TEST(TurnClient, FollowsAChangedNonce) {
    Session session;
    session.permit();
    session.server.nonce = "nonce-2";
    session.client.permit(session.sim.now(), kPeer.address);
    session.pump();
    ASSERT_TRUE(session.wait_for<TurnClient::Permitted>());
    EXPECT_EQ(session.server.permitted.size(), 2U);
}

TEST(TurnClient, DoesNotFollowANonceThatChangesForEver) {
    Session session;
    int asked = 0;
    session.client.start(session.sim.now());
    std::vector<TurnClient::Event> events;
    while (events.empty() && asked < 100) {
        const auto request = session.client.poll_transmit();
        ASSERT_TRUE(request);
        session.server.nonce = "nonce-" + std::to_string(++asked + 1);
        // A server that finds every nonce stale, even the one that it has just given out.
        auto answer = session.server.answer(*request);
        ASSERT_TRUE(answer);
        session.client.handle_message(session.sim.now(), *answer);
        if (auto event = session.client.poll_event()) events.push_back(*event);
    }
    ASSERT_FALSE(events.empty());
    const auto* failed = std::get_if<TurnClient::Failed>(&events.back());
    ASSERT_NE(failed, nullptr);
    EXPECT_EQ(failed->error.detail, turn::kStaleNonce);
    EXPECT_EQ(asked, TurnRequest::kMaxChallenges + 1);
}

TEST(TurnClient, TriesAWrongPasswordOnce) {
    Session session;
    session.server.password = "another";
    session.start();
    ASSERT_TRUE(session.wait_for<TurnClient::Failed>());
    const auto& error = session.last<TurnClient::Failed>()->error;
    EXPECT_EQ(error.code, Errc::Refused);
    EXPECT_EQ(error.detail, turn::kUnauthenticated);
    EXPECT_EQ(error.message.find("pass"), error.message.find("password")) << "names no secret";
    EXPECT_EQ(session.transmissions, 2);
}

TEST(TurnClient, ReportsARefusedAllocation) {
    Session session;
    session.server.refuse_method = turn::kAllocate;
    session.server.refusal = 486;
    session.start();
    ASSERT_TRUE(session.wait_for<TurnClient::Failed>());
    EXPECT_EQ(session.last<TurnClient::Failed>()->error.detail, 486);
}

TEST(TurnClient, ARefusedConnectionLeavesTheAllocation) {
    Session session(options(true));
    session.permit();
    session.server.refuse_method = turn::kConnect;
    session.server.refusal = turn::kConnectionTimeoutOrFailure;
    session.client.connect(session.sim.now(), kPeer);
    session.pump();
    ASSERT_TRUE(session.wait_for<TurnClient::Refused>());
    EXPECT_EQ(session.last<TurnClient::Refused>()->peer, kPeer);
    EXPECT_EQ(session.last<TurnClient::Refused>()->error.detail, 447);
    session.server.refuse_method.reset();
    session.client.connect(session.sim.now(), kPeer);
    session.pump();
    EXPECT_TRUE(session.wait_for<TurnClient::Connected>());
}

TEST(TurnClient, IgnoresAnswersThatAreNotSigned) {
    Session session;
    session.server.sign = false;
    session.start();
    ASSERT_TRUE(session.wait_for<TurnClient::Failed>());
    EXPECT_EQ(session.last<TurnClient::Failed>()->error.code, Errc::Timeout);
}

TEST(TurnClient, IgnoresStrangersAndNoise) {
    Session session;
    session.start();
    session.deliver({1, 2, 3});
    session.deliver(stun::encode({.kind = stun::Class::Success,
                                  .method = turn::kAllocate,
                                  .transaction = {9, 9}})); // not our transaction
    session.deliver(stun::encode({.kind = stun::Class::Success,
                                  .method = turn::kRefresh,
                                  .transaction = {1}})); // another method
    session.deliver(ScriptedTurn::data(kPeer, {1}));     // data without an allocation
    EXPECT_TRUE(session.events.empty());
    ASSERT_TRUE(session.wait_for<TurnClient::Allocated>());
    const auto before = session.events.size();
    session.deliver(stun::encode({.kind = stun::Class::Indication, .method = turn::kData}));
    EXPECT_EQ(session.events.size(), before) << "data without a peer";
}

TEST(TurnClient, AnAllocationWithoutAddressIsEnded) {
    Session session;
    session.client.start(session.sim.now());
    const auto request = stun::decode(*session.client.poll_transmit());
    ASSERT_TRUE(request);
    session.client.handle_message(session.sim.now(),
                                  stun::encode({.kind = stun::Class::Success,
                                                .method = turn::kAllocate,
                                                .transaction = request->transaction}));
    const auto event = session.client.poll_event();
    ASSERT_TRUE(event && std::holds_alternative<TurnClient::Failed>(*event));
    session.client.close();
    const auto refresh = session.client.poll_transmit();
    ASSERT_TRUE(refresh);
    EXPECT_EQ(stun::decode(*refresh)->method, turn::kRefresh);
}

TEST(TurnBind, LogsInOnTheSecondConnection) {
    Session session(options(true));
    session.permit();
    const auto now = session.sim.now();
    auto bind = session.client.bind_request(7, now + 1s);
    bind.start(now);
    const auto request = bind.poll_transmit();
    ASSERT_TRUE(request);
    EXPECT_EQ(*turn::connection_id(*stun::decode(*request)), 7U);
    const auto answer = session.server.answer(*request);
    ASSERT_TRUE(answer);
    bind.handle_message(now, *stun::decode(*answer), *answer);
    ASSERT_TRUE(bind.result());
    EXPECT_TRUE(*bind.result());
}

} // namespace
} // namespace natterjack
