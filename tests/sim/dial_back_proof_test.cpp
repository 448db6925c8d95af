// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "net/hmac.hpp"
#include "proto/dial_back_proof.hpp"
#include "proto/stun_responder.hpp"
#include "tests/support/simulator.hpp"

namespace natterjack {
namespace {

using namespace std::chrono_literals;
using Bytes = std::vector<std::uint8_t>;

constexpr Duration kOneWay{20};
const IpAddress kWan = IpAddress::v4(0x19007102);
const Endpoint kExternal{kWan, 6667};
const Endpoint kAsker{kWan, 50001};
const Endpoint kServer{IpAddress::v4(0x19000302), 3478};
const Endpoint kDialsFrom{IpAddress::v4(0x19000402), 40000};

/// The proof on one side, our own server on the other.
class World {
public:
    explicit World(bool application_listens = false)
        : server({.endpoints = {kServer,
                                {kServer.address, 3479},
                                {kDialsFrom.address, 3478},
                                {kDialsFrom.address, 3479}},
                  .secret = {7},
                  .hmac = net::hmac_sha1},
                 sim.now()),
          proof(
              {.server = kServer, .application_listens = application_listens, .contacted = nullptr},
              [next = std::uint8_t{0}]() mutable {
                  return stun::TransactionId{0xff, ++next};
              }) {}

    bool dead = false;
    bool plain = false;       ///< A server that does not know DIAL-BACK.
    bool port_is_open = true; ///< The connection gets in.
    Duration one_way = kOneWay;
    UnsolicitedSyn met = UnsolicitedSyn::Silent; ///< What it meets when not.
    bool kernel_has_it = true;                   ///< And this host has it.
    int loses = 0;                               ///< So many of our datagrams.

    test::Simulator sim;
    StunResponder server;
    DialBackProof proof;
    TimePoint asked;

    const ProofVerdict& prove() {
        proof.start(sim.now());
        pump();
        sim.run_until([&] { return proof.is_ready() || proof.result(); });
        asked = sim.now();
        proof.prove(sim.now(), kExternal);
        pump();
        sim.run_until([&] { return proof.result().has_value(); });
        EXPECT_TRUE(proof.result());
        EXPECT_FALSE(proof.deadline());
        return *proof.result();
    }

    void pump() {
        if (const auto remote = proof.wants_confirmation()) {
            EXPECT_EQ(*remote, kDialsFrom);
            proof.confirm(sim.now(), kernel_has_it);
        }
        while (const auto sent = proof.poll_transmit()) {
            if (dead || (loses > 0 && loses-- > 0)) continue;
            sim.after(one_way, [this, sent = *sent] { serve(sent.payload); });
        }
        if (const auto deadline = proof.deadline()) {
            sim.at(*deadline, [this] {
                proof.handle_timeout(sim.now());
                pump();
            });
        }
    }

private:
    void serve(const Bytes& request) {
        auto message = *stun::decode(request);
        if (plain) message.attributes.clear();
        server.handle_datagram(sim.now(), 0, kAsker, stun::encode(message));
        while (const auto dial = server.poll_dial()) {
            EXPECT_EQ(dial->to, kExternal);
            if (port_is_open && !dial->payload.empty()) {
                sim.after(one_way, [this, bytes = dial->payload] {
                    proof.handle_accepted(sim.now(), kDialsFrom, bytes);
                    pump();
                });
            }
            const auto after =
                port_is_open || met != UnsolicitedSyn::Silent ? 2 * one_way : dial->limit;
            sim.after(after, [this, id = dial->id] {
                server.handle_dialled(id,
                                      {port_is_open ? UnsolicitedSyn::Accepted : met, kDialsFrom});
                answer();
            });
        }
        answer();
    }

    void answer() {
        while (const auto out = server.poll_transmit()) {
            sim.after(one_way, [this, bytes = out->datagram.payload] {
                proof.handle_datagram(sim.now(), kServer, bytes);
                pump();
            });
        }
    }
};

TEST(DialBackProof, ProvesByWhatComesOutOfTheConnection) {
    World world;
    const auto& verdict = world.prove();
    EXPECT_EQ(verdict.proof, Proof::Proved);
    EXPECT_EQ(verdict.level, ProofLevel::NewAddress);
    EXPECT_EQ(world.sim.now() - world.asked, 4 * kOneWay); // the nonce, then the connection
}

TEST(DialBackProof, SurvivesLoss) {
    World world;
    world.loses = 2;
    EXPECT_EQ(world.prove().proof, Proof::Proved);
}

TEST(DialBackProof, AnApplicationsConnectionIsLookedForInTheKernel) {
    World world(true);
    EXPECT_EQ(world.prove().proof, Proof::Proved);
    World other(true);
    other.kernel_has_it = false;
    EXPECT_EQ(other.prove().proof, Proof::Claimed);
}

TEST(DialBackProof, AFailedConnectionRefutesNothing) {
    World world;
    world.port_is_open = false;
    const auto& verdict = world.prove();
    EXPECT_EQ(verdict.proof, Proof::Claimed);
    EXPECT_NE(verdict.evidence.find("cannot connect"), std::string::npos) << verdict.evidence;
}

TEST(DialBackProof, SaysWhatTheConnectionMet) {
    EXPECT_EQ(World().prove().syn.value, UnsolicitedSyn::Accepted);
    for (const auto met :
         {UnsolicitedSyn::Silent, UnsolicitedSyn::Reset, UnsolicitedSyn::Unreachable}) {
        World world;
        world.port_is_open = false;
        world.met = met;
        const auto& syn = world.prove().syn;
        EXPECT_EQ(syn.value, met);
        EXPECT_EQ(syn.confidence, Confidence::Likely);
    }
}

TEST(DialBackProof, AServerThatCannotTryTellsNothingOfThePort) {
    World world;
    world.port_is_open = false;
    world.met = UnsolicitedSyn::Unknown;
    EXPECT_EQ(world.prove().syn.confidence, Confidence::Inconclusive);
    World plain;
    plain.plain = true;
    EXPECT_EQ(plain.prove().syn.confidence, Confidence::UnsupportedByServer);
}

TEST(DialBackProof, WaitsLongerForASlowLink) {
    World world;
    world.one_way = 450ms; // four questions are out before the first nonce comes
    world.port_is_open = false;
    EXPECT_EQ(world.prove().syn.value, UnsolicitedSyn::Silent);
}

TEST(DialBackProof, AServerThatDoesNotKnowItProvesNothing) {
    World world;
    world.plain = true;
    const auto& verdict = world.prove();
    EXPECT_EQ(verdict.proof, Proof::Claimed);
    EXPECT_EQ(verdict.evidence, "the STUN server 25.0.3.2:3478 does not connect back");
}

TEST(DialBackProof, ADeadServerIsGivenUpAtTheVeryInstant) {
    World world;
    world.dead = true;
    const auto started = world.sim.now();
    EXPECT_EQ(world.prove().proof, Proof::Claimed);
    EXPECT_EQ(world.sim.now() - started, DialBackProof::kReadyLimit);
}

TEST(DialBackProof, IgnoresStrangersAndNoise) {
    World world;
    world.port_is_open = false;
    world.proof.start(world.sim.now());
    world.pump();
    world.sim.run_until([&] { return world.proof.is_ready(); });
    world.proof.prove(world.sim.now(), kExternal);
    world.pump();
    const auto now = world.sim.now();
    world.proof.handle_accepted(now, kDialsFrom, Bytes{1, 2, 3});
    world.proof.handle_accepted(
        now, kDialsFrom, stun::encode({.kind = stun::Class::Indication, .transaction = {1}}));
    world.proof.handle_datagram(now, {kServer.address, 3479},
                                stun::encode({.kind = stun::Class::Success}));
    EXPECT_FALSE(world.proof.result());
}

} // namespace
} // namespace natterjack
