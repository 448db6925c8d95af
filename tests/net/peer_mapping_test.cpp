// SPDX-License-Identifier: MIT
// The port that a session has its gateway map: how it is signalled, kept and given back.
#include <algorithm>
#include <set>

#include "tests/support/fake_5351.hpp"
#include "tests/support/fake_stun.hpp"
#include "tests/support/peer_pair.hpp"
#include "wire/signal_json.hpp"

namespace natterjack::test {
namespace {

/// One session behind a gateway that maps, and all that it has signalled.
class PeerMapping : public testing::Test {
protected:
    PeerMapping() { gateway_.behaviour.external = IpAddress::v4(0x19007101); }

    void start(PeerOptions options = {}) {
        options.stun_servers = {stun_.name().host + ":" + std::to_string(stun_.name().port)};
        auto made = PeerSession::create(runner_.loop(), options,
                                        {.send = [this](const std::string& line) { hear(line); }});
        ASSERT_TRUE(made) << made.error().message;
        session_ = *std::move(made);
    }

    void hear(const std::string& line) {
        const auto message = signal::decode(line);
        ASSERT_TRUE(message);
        if (const auto* const candidate = std::get_if<signal::Candidate>(&*message)) {
            if (candidate->candidate.empty()) return;
            auto decoded = sdp::decode_candidate(candidate->candidate);
            ASSERT_TRUE(decoded) << line;
            signalled_.push_back(*std::move(decoded));
            return;
        }
        const auto& description = std::get<signal::Description>(*message);
        const auto decoded = sdp::decode_description(description.sdp, description.kind);
        ASSERT_TRUE(decoded) << line;
        signalled_.insert(signalled_.end(), decoded->candidates.begin(), decoded->candidates.end());
    }

    /// What was signalled with this address; nullptr: nothing.
    [[nodiscard]] const sdp::Candidate* find(const IpAddress& address) const {
        const auto found = std::find_if(signalled_.begin(), signalled_.end(),
                                        [&](const auto& each) { return each.address == address; });
        return found == signalled_.end() ? nullptr : &*found;
    }
    [[nodiscard]] bool wait_for(const IpAddress& address) {
        return runner_.run_until([&] { return find(address) != nullptr; });
    }

    LoopRunner runner_;
    Fake5351 gateway_{runner_.loop()};
    FakeStun stun_{runner_.loop()};
    std::vector<sdp::Candidate> signalled_;
    std::optional<PeerSession> session_;
};

TEST_F(PeerMapping, IsSignalledBetweenHostAndReflexive) {
    start();
    ASSERT_TRUE(wait_for(gateway_.behaviour.external));
    ASSERT_TRUE(wait_for(FakeStun::kSeen));
    const auto* const mapped = find(gateway_.behaviour.external);
    const auto* const host = find(kHost);
    const auto* const reflexive = find(FakeStun::kSeen);
    ASSERT_NE(host, nullptr);
    EXPECT_EQ(mapped->type, sdp::CandidateType::ServerReflexive);
    EXPECT_EQ(mapped->priority >> 24U, 105U) << "the type preference";
    EXPECT_EQ(mapped->priority & 0xffU, 255U) << "component 1";
    EXPECT_EQ(mapped->related, (Endpoint{kHost, host->port})) << "raddr and rport: the base";
    EXPECT_EQ(mapped->port, gateway_.mappings().front().external_port);
    EXPECT_EQ(gateway_.mappings().front().key.internal_port, host->port);
    EXPECT_GT(host->priority, mapped->priority);
    EXPECT_GT(mapped->priority, reflexive->priority);
    // RFC 8445 section 5.1.1.3: another type or another server is another foundation.
    EXPECT_EQ(
        (std::set<std::string>{mapped->foundation, host->foundation, reflexive->foundation}).size(),
        3U);
}

TEST_F(PeerMapping, IsRemovedWhenTheSessionIsClosed) {
    start();
    ASSERT_TRUE(wait_for(gateway_.behaviour.external));
    session_->close();
    ASSERT_TRUE(runner_.run_until([&] { return gateway_.mappings().empty(); }));
}

TEST_F(PeerMapping, IsRemovedWhenTheSessionIsDestroyed) {
    start();
    ASSERT_TRUE(wait_for(gateway_.behaviour.external));
    session_.reset();
    ASSERT_TRUE(runner_.run_until([&] { return gateway_.mappings().empty(); }));
}

TEST_F(PeerMapping, IsRemovedWhenTheSessionFails) {
    start();
    ASSERT_TRUE(wait_for(gateway_.behaviour.external));
    const auto offer = signal::encode(signal::Description{
        sdp::Kind::Offer,
        sdp::encode({.ufrag = "glare",
                     .password = "glareglareglareglareglare",
                     .fingerprints = {{sdp::Hash::Sha256, std::vector<std::uint8_t>(32)}}})});
    ASSERT_TRUE(session_->receive(offer)); // both offer
    ASSERT_TRUE(runner_.run_until([&] { return gateway_.mappings().empty(); }));
    EXPECT_EQ(session_->info().state, PeerState::Failed);
}

TEST_F(PeerMapping, IsKeptRenewed) {
    gateway_.behaviour.lifetime = Lifetime(8);
    start();
    ASSERT_TRUE(wait_for(gateway_.behaviour.external));
    const auto asked = gateway_.requests().size();
    const auto port = gateway_.mappings().front().key.internal_port;
    ASSERT_TRUE(runner_.run_until([&] {
        const auto last = gateway_.last_pcp();
        return gateway_.requests().size() > asked && last &&
               std::holds_alternative<pcp::Map>(last->body) && last->lifetime > Lifetime(0) &&
               std::get<pcp::Map>(last->body).internal_port == port;
    }));
    ASSERT_EQ(gateway_.mappings().size(), 1U);
    EXPECT_EQ(gateway_.mappings().front().key.internal_port, port);
}

TEST_F(PeerMapping, IsNotAskedForWhenNotWanted) {
    PeerOptions options;
    options.map = false;
    start(options);
    ASSERT_TRUE(wait_for(FakeStun::kSeen));
    EXPECT_EQ(gateway_.requests().size(), 0U);
}

// Many gateways stay silent; the session's description went out long before.
TEST_F(PeerMapping, NobodyWaitsForASilentGateway) {
    gateway_.behaviour.lose_first = 1000;
    start();
    ASSERT_TRUE(wait_for(kHost));
    EXPECT_EQ(gateway_.mappings().size(), 0U);
    EXPECT_FALSE(session_->info().timings.gathered.has_value());
}

} // namespace
} // namespace natterjack::test
