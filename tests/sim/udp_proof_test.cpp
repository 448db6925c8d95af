// SPDX-License-Identifier: MIT
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "proto/stun_vantage.hpp"
#include "proto/turn_vantage.hpp"
#include "proto/udp_proof.hpp"
#include "tests/support/scripted_turn.hpp"
#include "tests/support/simulator.hpp"

namespace natterjack {
namespace {

using namespace std::chrono_literals;
using Bytes = std::vector<std::uint8_t>;

constexpr Duration kOneWay{20};
constexpr std::uint16_t kPort = 6667;
const IpAddress kWan = IpAddress::v4(0x19007102);
const Endpoint kExternal{kWan, kPort};
const Endpoint kServer{IpAddress::v4(0x19000101), 3478};
const Endpoint kOther{IpAddress::v4(0x19000201), 3479};
const Endpoint kOtherPort{kServer.address, 3479};
const Endpoint kRelayed{kServer.address, 49152};

/// A house behind one address, a NAT that lets in only whom a socket has sent to, and servers.
class World {
public:
    // The way in to the mapped port: who may use it.
    std::function<bool(const Endpoint& from)> gets_in = [](const Endpoint&) { return false; };

    Duration one_way = kOneWay;

    // The STUN server.
    bool dead = false;
    bool has_other = true;
    bool other_is_silent = false;
    bool claims_own_address = false;    ///< Names its own address as the other one.
    bool ignores_response_port = false; ///< As with RFC 5780 switched off ...
    std::optional<int> refuses_change;  ///< ... and what CHANGE-REQUEST then gets.
    std::optional<int> refuses_port;
    std::string wants_nonce;
    bool changes_nonce = false;
    int loses = 0; ///< So many datagrams from our side.
    IpAddress seen = kWan;

    test::Simulator sim;
    test::ScriptedTurn turn;
    std::unique_ptr<UdpProof> proof;
    TimePoint started = sim.now();
    std::set<Endpoint> listener_sent; ///< Must stay empty.

    void use_stun(std::uint16_t early_port = 0, std::vector<Endpoint> contacted = {}) {
        use(std::make_unique<StunVantage>(kServer, ids_), early_port, std::move(contacted));
    }
    void use_turn(std::uint16_t early_port = 0) {
        turn.relayed = kRelayed;
        turn.mapped = {kWan, 50001};
        use(std::make_unique<TurnVantage>(
                kServer, TurnClient::Options{.user = turn.user, .password = "pass"},
                test::counting_crypto()),
            early_port, {});
    }

    bool prepare() {
        proof->start(sim.now());
        pump();
        return sim.run_until([&] { return proof->is_ready(); }) && !proof->result();
    }
    const ProofVerdict& prove(const Endpoint& external = kExternal) {
        if (!proof->is_ready()) prepare();
        asked = sim.now();
        proof->prove(sim.now(), external);
        pump();
        sim.run_until([&] { return proof->result().has_value(); });
        EXPECT_TRUE(proof->result());
        EXPECT_TRUE(listener_sent.empty()) << "the listener must never send";
        EXPECT_FALSE(proof->deadline());
        return *proof->result();
    }
    void deliver(ProofSocket socket, const Endpoint& from, const Bytes& payload) {
        sim.after(one_way, [this, socket, from, payload] {
            proof->handle_datagram(sim.now(), socket, from, payload);
            pump();
        });
    }

    TimePoint asked;

private:
    void use(std::unique_ptr<Vantage> vantage, std::uint16_t early_port,
             std::vector<Endpoint> contacted) {
        proof = std::make_unique<UdpProof>(
            std::move(vantage), ids_,
            UdpProof::Options{early_port,
                              std::make_shared<const std::vector<Endpoint>>(std::move(contacted))});
    }

    void pump() {
        while (auto sent = proof->poll_transmit()) {
            if (sent->socket == ProofSocket::Listener) listener_sent.insert(sent->datagram.to);
            opened_[sent->socket].insert(sent->datagram.to);
            if (loses > 0 && loses-- > 0) continue;
            sim.after(one_way, [this, sent = *std::move(sent)] { serve(sent); });
        }
        if (const auto deadline = proof->deadline()) {
            sim.at(*deadline, [this] {
                proof->handle_timeout(sim.now());
                pump();
            });
        }
    }

    [[nodiscard]] static std::uint16_t port_of(ProofSocket socket) {
        return socket == ProofSocket::Asker ? 50001 : 50002;
    }

    /// A datagram arrives at the house from outside.
    void arrive(const Endpoint& from, const Endpoint& to, const Bytes& payload) {
        if (to.address != kWan) return;
        if (to.port == kPort && gets_in(from)) deliver(ProofSocket::Listener, from, payload);
        for (const auto socket : {ProofSocket::Asker, ProofSocket::Control}) {
            if (to.port == port_of(socket) && opened_[socket].contains(from)) {
                deliver(socket, from, payload);
            }
        }
    }

    void serve(const ProofDatagram& sent) {
        const Endpoint source{kWan, port_of(sent.socket)};
        if (sent.datagram.to == kRelayed) { // a peer's datagram, passed on to the allocation
            deliver(ProofSocket::Asker, kServer,
                    test::ScriptedTurn::data(source, sent.datagram.payload));
            return;
        }
        if (sent.datagram.to != kServer || dead) return;
        const auto request = stun::decode(sent.datagram.payload);
        ASSERT_TRUE(request);
        if (request->method != stun::kBinding) {
            const auto before = turn.sent.size();
            if (const auto answer = turn.answer(sent.datagram.payload)) {
                deliver(sent.socket, kServer, *answer);
            }
            if (turn.sent.size() > before) {
                arrive(kRelayed, turn.sent.back().first, turn.sent.back().second);
            }
            return;
        }
        answer_binding(*request, source, sent.datagram.payload.size());
    }

    void answer_binding(const stun::Message& request, const Endpoint& source, std::size_t size) {
        const auto port = stun::response_port(request);
        const auto change = stun::change_request(request);
        const auto refuse = [&](int code) {
            stun::Message out{.kind = stun::Class::Error, .transaction = request.transaction};
            out.add(stun::AttributeType::ErrorCode, stun::error_code_value({code, ""}));
            if (!wants_nonce.empty()) {
                out.add(stun::AttributeType::Nonce, {wants_nonce.begin(), wants_nonce.end()});
            }
            arrive(kServer, source, stun::encode(out));
        };
        if (change && refuses_change) return refuse(*refuses_change);
        if (port && refuses_port) return refuse(*refuses_port);
        if (port && !wants_nonce.empty()) {
            const auto* nonce = request.find(stun::AttributeType::Nonce);
            const bool right = nonce != nullptr &&
                               std::string(nonce->value.begin(), nonce->value.end()) == wants_nonce;
            if (changes_nonce) wants_nonce += '1';
            if (!right || changes_nonce) return refuse(nonce == nullptr ? 401 : 438);
        }
        stun::Message out{.kind = stun::Class::Success, .transaction = request.transaction};
        out.add(stun::AttributeType::XorMappedAddress,
                stun::xor_address({seen, source.port}, out.transaction));
        if (has_other) {
            const Endpoint other = claims_own_address ? Endpoint{kServer.address, 3479} : kOther;
            out.add(stun::AttributeType::OtherAddress, stun::plain_address(other));
        }
        const auto bytes = stun::encode(out);
        EXPECT_TRUE(!port || bytes.size() <= size) << "a careful server could not answer this";
        if (change && change->port && !change->address) {
            arrive(kOtherPort, {kWan, port.value_or(source.port)}, bytes);
            return;
        }
        const bool from_other = change && change->address && has_other;
        if (from_other && other_is_silent) return;
        const Endpoint to = port && !ignores_response_port ? Endpoint{kWan, *port} : source;
        arrive(from_other ? kOther : kServer, to, bytes);
    }

    std::map<ProofSocket, std::set<Endpoint>> opened_;
    // Shared by all copies: no id twice.
    std::function<stun::TransactionId()> ids_ =
        [next = std::make_shared<std::uint8_t>(std::uint8_t{100})] {
            return stun::TransactionId{0xff, ++*next};
        };
};

bool anybody(const Endpoint&) {
    return true;
}

void expect_proved(const ProofVerdict& verdict, ProofLevel level) {
    EXPECT_EQ(verdict.proof, Proof::Proved);
    EXPECT_EQ(verdict.level, level) << verdict.evidence;
}

TEST(UdpProof, ProvesFromAnAddressNeverContacted) {
    World world;
    world.gets_in = anybody;
    world.use_stun();
    const auto& verdict = world.prove();
    EXPECT_EQ(verdict.proof, Proof::Proved);
    EXPECT_EQ(verdict.level, ProofLevel::NewAddress);
    EXPECT_EQ(verdict.evidence, "a datagram that the STUN server 25.0.1.1:3478 sent arrived after "
                                "40 ms from 25.0.2.1:3479, an address never contacted");
    EXPECT_EQ(world.sim.now() - world.started, 4 * kOneWay);
}

TEST(UdpProof, TakesTheAddressAtWhichTheServerSeesUs) {
    World world;
    world.gets_in = anybody;
    world.use_stun();
    const auto& verdict = world.prove({IpAddress(), kPort});
    EXPECT_EQ(verdict.proof, Proof::Proved);
    EXPECT_EQ(verdict.external, kExternal);
}

TEST(UdpProof, ASlowLinkIsGivenItsTime) {
    for (const bool open : {true, false}) {
        World world;
        world.one_way = 300ms;
        world.wants_nonce = "nonce";
        bool mapped = false;
        world.gets_in = [&](const Endpoint&) { return open && mapped; };
        world.use_stun(kPort);
        ASSERT_TRUE(world.prepare())
            << (world.proof->result() ? world.proof->result()->evidence : "not ready");
        mapped = true;
        EXPECT_EQ(world.prove().proof, open ? Proof::Proved : Proof::Refuted);
    }
}

TEST(UdpProof, AHoleIsSeenOverASlowLink) {
    World world;
    world.one_way = 300ms;
    world.wants_nonce = "nonce";
    world.gets_in = [](const Endpoint& from) { return from == kOther; };
    world.use_stun(kPort);
    EXPECT_EQ(world.prove().proof, Proof::Claimed);
}

TEST(UdpProof, SurvivesLostDatagrams) {
    World world;
    world.gets_in = anybody;
    world.use_stun();
    world.loses = 2;
    ASSERT_TRUE(world.prepare());
    world.loses = 3;
    EXPECT_EQ(world.prove().proof, Proof::Proved);
    EXPECT_EQ(world.sim.now() - world.asked, 700ms + 2 * kOneWay);
}

TEST(UdpProof, RefutesWhatLetsNobodyInWhileTheServerIsSeenToSend) {
    World world;
    world.use_stun();
    const auto& verdict = world.prove();
    EXPECT_EQ(verdict.proof, Proof::Refuted);
    EXPECT_EQ(verdict.level, ProofLevel::None);
    // Knocks in vain, the control's round trips, knocks in vain.
    EXPECT_EQ(world.sim.now() - world.asked, 2 * UdpProof::kKnockLimit + 4 * kOneWay);
}

TEST(UdpProof, NothingIsRefutedByASingleFailure) {
    World world;
    int tried = 0;
    world.gets_in = [&](const Endpoint&) { return ++tried > 4; }; // the first four knocks are lost
    world.use_stun();
    expect_proved(world.prove(), ProofLevel::KnownEndpoint);
}

TEST(UdpProof, NothingIsRefutedByAServerThatSendsToNoOtherPort) {
    World world;
    world.use_stun();
    ASSERT_TRUE(world.prepare());
    world.dead = true;
    const auto& verdict = world.prove();
    EXPECT_EQ(verdict.proof, Proof::Claimed);
    EXPECT_EQ(verdict.evidence, "the STUN server 25.0.1.1:3478 does not answer any more");
}

TEST(UdpProof, AFilterThatLetsOnlyTheServerInIsAWeakerProof) {
    World world;
    world.gets_in = [](const Endpoint& from) { return from == kServer; };
    world.use_stun();
    expect_proved(world.prove(), ProofLevel::KnownEndpoint);
}

TEST(UdpProof, AServerThatIgnoresResponsePortProvesNothing) {
    World world;
    world.ignores_response_port = true;
    world.refuses_change = 420;
    world.use_stun();
    const auto& verdict = world.prove();
    EXPECT_EQ(verdict.proof, Proof::Claimed);
    EXPECT_EQ(
        verdict.evidence,
        "the STUN server 25.0.1.1:3478 ignores RESPONSE-PORT: it answers the port that asked");
}

TEST(UdpProof, AServerWithoutSecondAddressKnocksFromItsOtherPort) {
    for (const bool lies : {false, true}) {
        World world;
        world.gets_in = anybody;
        world.has_other = lies;
        world.claims_own_address = lies;
        world.use_stun();
        const auto& verdict = world.prove();
        EXPECT_EQ(verdict.proof, Proof::Proved) << lies;
        EXPECT_EQ(verdict.level, ProofLevel::NewPort) << lies;
    }
}

TEST(UdpProof, AServerThatRefusesToChangeKnocksItself) {
    World world;
    world.gets_in = anybody;
    world.refuses_change = 400;
    world.use_stun();
    expect_proved(world.prove(), ProofLevel::KnownEndpoint);
}

TEST(UdpProof, ASilentSecondAddressIsNoRefutation) {
    World world;
    world.gets_in = anybody;
    world.other_is_silent = true;
    world.use_stun();
    expect_proved(world.prove(), ProofLevel::KnownEndpoint);
}

TEST(UdpProof, SomebodyElsesTrafficToTheOtherAddressWeakensTheProof) {
    for (const auto& [sent_to, level] :
         {std::pair{kOther, ProofLevel::KnownEndpoint},
          std::pair{Endpoint{kOther.address, 3478}, ProofLevel::NewPort}}) {
        World world;
        world.gets_in = anybody;
        world.use_stun(0, {sent_to});
        EXPECT_EQ(world.prove().level, level);
    }
}

TEST(UdpProof, AHolePunchedBeforeTheMappingProvesNothing) {
    World world;
    world.gets_in = [](const Endpoint& from) { return from == kOther; };
    world.use_stun(kPort);
    const auto& verdict = world.prove();
    EXPECT_EQ(verdict.proof, Proof::Claimed);
    EXPECT_NE(verdict.evidence.find("before there was this mapping"), std::string::npos)
        << verdict.evidence;
}

TEST(UdpProof, KnocksInVainBeforeTheMappingThenProvesIt) {
    World world;
    world.use_stun(kPort);
    ASSERT_TRUE(world.prepare());
    EXPECT_EQ(world.sim.now() - world.started, 2 * kOneWay + UdpProof::kEarlyLimit);
    world.gets_in = anybody;
    EXPECT_EQ(world.prove().level, ProofLevel::NewAddress);
}

TEST(UdpProof, FollowsANonce) {
    World world;
    world.gets_in = anybody;
    world.wants_nonce = "0123456789abcdef";
    world.use_stun();
    EXPECT_EQ(world.prove().proof, Proof::Proved);
}

TEST(UdpProof, DoesNotFollowNoncesForEver) {
    World world;
    world.gets_in = anybody;
    world.wants_nonce = "0";
    world.changes_nonce = true;
    world.use_stun();
    EXPECT_EQ(world.prove().proof, Proof::Claimed);
}

TEST(UdpProof, ARefusingServerProvesNothing) {
    World world;
    world.refuses_port = 403;
    world.use_stun();
    const auto& verdict = world.prove();
    EXPECT_EQ(verdict.proof, Proof::Claimed);
    EXPECT_NE(verdict.evidence.find("403"), std::string::npos) << verdict.evidence;
}

TEST(UdpProof, ADeadServerIsGivenUpAtTheVeryInstant) {
    World world;
    world.dead = true;
    world.use_stun();
    EXPECT_FALSE(world.prepare());
    ASSERT_TRUE(world.proof->result());
    EXPECT_EQ(world.proof->result()->evidence, "the STUN server 25.0.1.1:3478 does not answer");
    EXPECT_EQ(world.sim.now() - world.started, StunVantage::kReadyLimit);
}

TEST(UdpProof, AServerThatSeesAnotherAddressCannotKnockAtOurs) {
    World world;
    world.gets_in = anybody;
    world.seen = IpAddress::v4(0x19009999);
    world.use_stun();
    const auto& verdict = world.prove();
    EXPECT_EQ(verdict.proof, Proof::Claimed);
    EXPECT_NE(verdict.evidence.find("25.0.153.153"), std::string::npos) << verdict.evidence;
}

TEST(UdpProof, IgnoresStrangersAtTheListener) {
    World world;
    world.use_stun();
    ASSERT_TRUE(world.prepare());
    const Endpoint stranger{IpAddress::v4(0x19000302), 1};
    world.deliver(ProofSocket::Listener, stranger, {1, 2, 3});
    world.deliver(ProofSocket::Listener, stranger,
                  stun::encode({.kind = stun::Class::Success, .transaction = {1, 2, 3}}));
    EXPECT_EQ(world.prove().proof, Proof::Refuted);
}

TEST(UdpProof, ARewrittenSourceIsNoNewAddress) {
    World world;
    world.use_stun();
    ASSERT_TRUE(world.prepare());
    const Endpoint gateway{IpAddress::v4(0xC0A80101), 1024};
    // The knock's id is in the request to the server: a gateway that passes it on knows it too.
    world.proof->prove(world.sim.now(), kExternal);
    std::optional<KnockId> id;
    while (const auto sent = world.proof->poll_transmit()) {
        id = stun::decode(sent->datagram.payload)->transaction;
    }
    ASSERT_TRUE(id);
    world.proof->handle_datagram(world.sim.now(), ProofSocket::Listener, gateway,
                                 stun::encode({.kind = stun::Class::Success, .transaction = *id}));
    ASSERT_TRUE(world.proof->result());
    EXPECT_EQ(world.proof->result()->proof, Proof::Proved);
    EXPECT_EQ(world.proof->result()->level, ProofLevel::KnownEndpoint);
}

TEST(TurnProof, ProvesFromARelayedPortNeverContacted) {
    World world;
    world.gets_in = anybody;
    world.use_turn();
    const auto& verdict = world.prove();
    EXPECT_EQ(verdict.proof, Proof::Proved);
    EXPECT_EQ(verdict.level, ProofLevel::NewPort);
    EXPECT_EQ(world.turn.permitted, std::vector<Endpoint>({{kWan, 0}}));
}

TEST(TurnProof, RefutesWhileTheRelayIsSeenToSend) {
    World world;
    world.use_turn();
    EXPECT_EQ(world.prove().proof, Proof::Refuted);
}

TEST(TurnProof, AHolePunchedBeforeTheMappingProvesNothing) {
    World world;
    world.gets_in = anybody; // endpoint-independent filtering, and the port has sent something
    world.use_turn(kPort);
    EXPECT_EQ(world.prove().proof, Proof::Claimed);
}

TEST(TurnProof, AWrongPasswordProvesNothing) {
    World world;
    world.turn.password = "another";
    world.use_turn();
    EXPECT_FALSE(world.prepare());
    EXPECT_EQ(world.proof->result()->proof, Proof::Claimed);
}

TEST(TurnProof, EndsItsAllocation) {
    World world;
    world.gets_in = anybody;
    world.use_turn();
    world.prove();
    world.sim.run_until([&] { return world.turn.refreshed.has_value(); });
    EXPECT_EQ(world.turn.refreshed, Lifetime(0));
}

} // namespace
} // namespace natterjack
