// SPDX-License-Identifier: MIT
#include <algorithm>

#include <gtest/gtest.h>

#include "proto/tcp_proof.hpp"
#include "tests/support/scripted_turn.hpp"
#include "tests/support/simulator.hpp"

namespace natterjack {
namespace {

using namespace std::chrono_literals;
using Bytes = std::vector<std::uint8_t>;

constexpr Duration kOneWay{20};
const IpAddress kWan = IpAddress::v4(0x19007102);
const Endpoint kExternal{kWan, 6667};
const Endpoint kServer{IpAddress::v4(0x19000101), 3478};
const Endpoint kRelayed{kServer.address, 49152};
constexpr TcpProof::Token kToken = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

/// A TURN server, two connections to it, and a port that takes connections or does not.
class World {
public:
    explicit World(bool application_listens = false)
        : proof({.server = kServer,
                 .user = "user",
                 .password = "pass",
                 .application_listens = application_listens,
                 .token = kToken,
                 .contacted = {}},
                test::counting_crypto()) {
        turn.relayed = kRelayed;
        turn.mapped = {kWan, 50001};
        turn.connects = [this](const Endpoint& peer) {
            return peer == kExternal ? port_outcome : server_outcome;
        };
    }

    int port_outcome = 0;      ///< As ScriptedTurn::connects says.
    int server_outcome = 0;    ///< For the server's own port.
    bool token_arrives = true; ///< What the server is given comes out at our listener.
    bool kernel_has_it = true; ///< The application's listener took it.
    Endpoint arrives_from = kRelayed;
    int asked_kernel = 0;

    test::Simulator sim;
    test::ScriptedTurn turn;
    TcpProof proof;
    TimePoint asked;
    Bytes through; ///< What was sent into the connection to the port.

    bool prepare() {
        proof.start(sim.now());
        pump();
        return sim.run_until([&] { return proof.is_ready() || proof.result(); }) && !proof.result();
    }
    const ProofVerdict& prove() {
        if (!proof.is_ready()) prepare();
        asked = sim.now();
        proof.prove(sim.now(), kExternal);
        pump();
        sim.run_until([&] { return proof.result().has_value(); });
        EXPECT_TRUE(proof.result());
        EXPECT_FALSE(proof.deadline());
        return *proof.result();
    }

    void pump() {
        while (auto bytes = proof.poll_control()) {
            sim.after(kOneWay, [this, request = *std::move(bytes)] {
                if (auto answer = turn.answer(request)) to_control(*answer);
            });
        }
        while (auto bytes = proof.poll_data()) serve_data(*std::move(bytes));
        if (proof.wants_data() && !data_open_) {
            data_open_ = true;
            sim.after(2 * kOneWay, [this] {
                proof.handle_data_open(sim.now());
                pump();
            });
        }
        if (const auto remote = proof.wants_confirmation()) {
            EXPECT_EQ(*remote, kRelayed);
            ++asked_kernel;
            proof.confirm(sim.now(), kernel_has_it);
        }
        if (const auto deadline = proof.deadline()) {
            sim.at(*deadline, [this] {
                proof.handle_timeout(sim.now());
                pump();
            });
        }
    }

    void to_control(const Bytes& bytes) {
        sim.after(kOneWay, [this, bytes] {
            proof.handle_control(sim.now(), bytes);
            pump();
        });
    }

private:
    void serve_data(const Bytes& bytes) {
        sim.after(kOneWay, [this, bytes] {
            if (const auto answer = turn.answer(bytes)) {
                sim.after(kOneWay, [this, answer = *answer] {
                    proof.handle_data(sim.now(), answer);
                    pump();
                });
                return;
            }
            through.insert(through.end(), bytes.begin(), bytes.end());
            if (!token_arrives) return;
            sim.after(kOneWay, [this, bytes] {
                proof.handle_accepted(sim.now(), arrives_from, bytes);
                pump();
            });
        });
    }

    bool data_open_ = false;
};

TEST(TcpProof, ProvesByWhatComesOutOfTheListenersConnection) {
    World world;
    const auto& verdict = world.prove();
    EXPECT_EQ(verdict.proof, Proof::Proved);
    EXPECT_EQ(verdict.level, ProofLevel::NewPort);
    EXPECT_EQ(world.through, Bytes(kToken.begin(), kToken.end()));
    // Connect, the second connection, ConnectionBind, the token.
    EXPECT_EQ(world.sim.now() - world.asked, 8 * kOneWay);
    EXPECT_EQ(world.turn.connected, std::vector<Endpoint>({kExternal}));
    world.pump();
    world.sim.run_until([&] { return world.turn.refreshed.has_value(); });
    EXPECT_EQ(world.turn.refreshed, Lifetime(0)) << "the allocation is given back";
}

TEST(TcpProof, AStrangersConnectionIsNotTheServers) {
    World world;
    world.token_arrives = false;
    ASSERT_TRUE(world.prepare());
    world.proof.prove(world.sim.now(), kExternal);
    world.pump();
    world.sim.run_until([&] { return !world.through.empty(); });
    world.proof.handle_accepted(world.sim.now(), kRelayed, Bytes(16, 0));
    world.proof.handle_accepted(world.sim.now(), kRelayed, Bytes(kToken.begin(), kToken.end() - 1));
    EXPECT_FALSE(world.proof.result());
    world.sim.run_until([&] { return world.proof.result().has_value(); });
    EXPECT_EQ(world.proof.result()->proof, Proof::Claimed);
    EXPECT_NE(world.proof.result()->evidence.find("somebody else answers"), std::string::npos);
}

TEST(TcpProof, ARewrittenSourceIsAWeakerProof) {
    World world;
    world.arrives_from = {IpAddress::v4(0xC0A80101), 1024};
    const auto& verdict = world.prove();
    EXPECT_EQ(verdict.proof, Proof::Proved);
    EXPECT_EQ(verdict.level, ProofLevel::KnownEndpoint);
}

TEST(TcpProof, AnApplicationsListenerGetsNoBytes) {
    World world(true);
    EXPECT_EQ(world.prove().proof, Proof::Proved);
    EXPECT_TRUE(world.through.empty());
    EXPECT_EQ(world.asked_kernel, 1);
}

TEST(TcpProof, AConnectionThatThisHostDoesNotHaveProvesNothing) {
    World world(true);
    world.kernel_has_it = false;
    EXPECT_EQ(world.prove().proof, Proof::Claimed);
}

TEST(TcpProof, RefutesAPortThatStaysSilentWhileTheServerConnectsElsewhere) {
    World world;
    world.port_outcome = -1;
    EXPECT_EQ(world.prove().proof, Proof::Refuted);
    EXPECT_EQ(world.proof.result()->syn.value, UnsolicitedSyn::Silent);
    EXPECT_EQ(world.sim.now() - world.asked, TcpProof::kConnectLimit);
}

TEST(TcpProof, RefutesAPortThatRefusesTwice) {
    World world;
    world.port_outcome = turn::kConnectionTimeoutOrFailure;
    EXPECT_EQ(world.prove().proof, Proof::Refuted);
    EXPECT_EQ(world.proof.result()->syn.value, UnsolicitedSyn::Refused);
    EXPECT_EQ(std::count(world.turn.asked.begin(), world.turn.asked.end(), turn::kConnect), 3);
}

TEST(TcpProof, NothingIsRefutedByASingleFailure) {
    World world;
    int tried = 0;
    world.turn.connects = [&](const Endpoint& peer) {
        return peer == kExternal && ++tried == 1 ? turn::kConnectionTimeoutOrFailure : 0;
    };
    EXPECT_EQ(world.prove().proof, Proof::Proved);
}

TEST(TcpProof, NothingIsRefutedByAServerThatConnectsToNothing) {
    for (const int outcome : {403, turn::kConnectionTimeoutOrFailure, -1}) {
        for (const int port : {-1, turn::kConnectionTimeoutOrFailure}) {
            World world;
            world.port_outcome = port;
            world.server_outcome = outcome;
            EXPECT_EQ(world.prove().proof, Proof::Claimed) << outcome << ' ' << port;
        }
    }
}

TEST(TcpProof, AnAnswerAfterTheServersPatienceStillCounts) {
    World world;
    world.port_outcome = -1;
    ASSERT_TRUE(world.prepare());
    world.asked = world.sim.now();
    std::optional<Bytes> connect;
    world.proof.prove(world.sim.now(), kExternal);
    connect = world.proof.poll_control();
    ASSERT_TRUE(connect);
    world.sim.at(world.asked + 2s, [&] { // a second SYN got through
        world.port_outcome = 0;
        world.to_control(*world.turn.answer(*connect));
    });
    world.pump();
    world.sim.run_until([&] { return world.proof.result().has_value(); });
    EXPECT_EQ(world.proof.result()->proof, Proof::Proved);
}

TEST(TcpProof, ARefusalByPolicyProvesNothing) {
    World world;
    world.port_outcome = 403;
    EXPECT_EQ(world.prove().proof, Proof::Claimed);
}

TEST(TcpProof, AServerWithoutTcpRelayProvesNothing) {
    World world;
    world.turn.refuse_method = turn::kAllocate;
    world.turn.refusal = 442; // RFC 8656 section 19: unsupported transport
    EXPECT_FALSE(world.prepare());
    EXPECT_EQ(world.proof.result()->proof, Proof::Claimed);
}

TEST(TcpProof, AServerThatSeesAnotherAddressProvesNothing) {
    World world;
    world.turn.mapped.address = IpAddress::v4(0x19009999);
    EXPECT_EQ(world.prove().proof, Proof::Claimed);
    EXPECT_TRUE(world.turn.connected.empty());
}

TEST(TcpProof, ABrokenStreamProvesNothing) {
    World world;
    ASSERT_TRUE(world.prepare());
    world.proof.handle_control(world.sim.now(), Bytes(40, 0xff));
    ASSERT_TRUE(world.proof.result());
    EXPECT_EQ(world.proof.result()->proof, Proof::Claimed);
}

} // namespace
} // namespace natterjack
