// SPDX-License-Identifier: MIT
// The chain behind two routers, with real sockets, a real NAT between the two and a gateway to play
// on each.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/chain_fixture.hpp"
#include "tests/support/fake_5351.hpp"
#include "tests/support/fake_igd.hpp"
#include "tests/support/netns.hpp"

namespace natterjack::test {
namespace {

using namespace std::chrono_literals;

/// A router that speaks one of the three protocols, and answers the others as one that does not.
class Gateway {
public:
    Gateway(const Loop& loop, const Place& place, Strategy speaks, const IpAddress& external) {
        if (speaks == Strategy::Igd) {
            igd = std::make_unique<FakeIgd>(loop, place);
            igd->manners.external_address = external.to_string();
            return;
        }
        server = std::make_unique<Fake5351>(loop, place);
        server->behaviour.external = external;
        server->behaviour.pcp = speaks == Strategy::Pcp;
        server->behaviour.natpmp = speaks == Strategy::NatPmp;
    }

    /// Where its mapping of that external port leads; empty: it has none.
    [[nodiscard]] std::optional<Endpoint> target(std::uint16_t external_port) const {
        if (igd) {
            const auto* entry = igd->find(Transport::Tcp, external_port);
            return entry ? std::optional(entry->internal) : std::nullopt;
        }
        for (const auto& entry : server->mappings()) {
            if (entry.external_port == external_port) {
                return Endpoint{entry.key.host, entry.key.internal_port};
            }
        }
        return std::nullopt;
    }
    [[nodiscard]] std::size_t size() const {
        return igd ? igd->table.size() : server->mappings().size();
    }

    std::unique_ptr<FakeIgd> igd;
    std::unique_ptr<Fake5351> server;
};

class TwoNats : public RealChain {
protected:
    void open(Duration deadline = 5s,
              std::vector<Strategy> strategies = {Strategy::Igd, Strategy::Pcp, Strategy::NatPmp}) {
        RealChain::open({.port = kPort, .transport = Transport::Tcp, .deadline = deadline},
                        std::move(strategies));
        ASSERT_TRUE(*result_) << result_->error().error.message;
    }

    [[nodiscard]] OpeningInfo info() const { return (*result_)->info(); }

    OuterRouter routers_;
};

struct Pair {
    Strategy inner;
    Strategy outer;
};

class EveryPair : public TwoNats, public testing::WithParamInterface<Pair> {};

TEST_P(EveryPair, OpensBothAndClosesBoth) {
    const auto [inner_speaks, outer_speaks] = GetParam();
    const Gateway inner(runner_.loop(), {}, inner_speaks, routers_.wan());
    const Gateway outer(runner_.loop(), routers_.place(), outer_speaks, OuterRouter::kPublic);
    open();
    const auto opened = info();
    EXPECT_EQ(opened.external, (Endpoint{OuterRouter::kPublic, kPort}));
    EXPECT_EQ(opened.internal, (Endpoint{kHost, kPort}));
    EXPECT_EQ(opened.reach, Reach::Anyone);
    EXPECT_EQ(opened.strategy, inner_speaks);
    EXPECT_TRUE(opened.evidence.empty());
    ASSERT_EQ(opened.hops.size(), 2U);
    EXPECT_EQ(opened.hops[0].strategy, inner_speaks);
    EXPECT_EQ(opened.hops[0].gateway, kGateway);
    EXPECT_EQ(opened.hops[0].external, (Endpoint{routers_.wan(), kPort}));
    EXPECT_EQ(opened.hops[1].strategy, outer_speaks);
    EXPECT_EQ(opened.hops[1].gateway, routers_.lan());
    EXPECT_EQ(opened.hops[1].internal, opened.hops[0].external);
    EXPECT_EQ(inner.target(kPort), (Endpoint{kHost, kPort}));
    EXPECT_EQ(outer.target(kPort), (Endpoint{routers_.wan(), kPort}));
    close();
    EXPECT_EQ(inner.size(), 0U);
    EXPECT_EQ(outer.size(), 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Protocols, EveryPair,
    testing::Values(Pair{Strategy::Igd, Strategy::Igd}, Pair{Strategy::Igd, Strategy::Pcp},
                    Pair{Strategy::Igd, Strategy::NatPmp}, Pair{Strategy::Pcp, Strategy::Igd},
                    Pair{Strategy::Pcp, Strategy::Pcp}, Pair{Strategy::Pcp, Strategy::NatPmp},
                    Pair{Strategy::NatPmp, Strategy::Igd}, Pair{Strategy::NatPmp, Strategy::Pcp},
                    Pair{Strategy::NatPmp, Strategy::NatPmp}),
    [](const auto& param) {
        auto name = std::string(to_string(param.param.inner)) + "_" +
                    std::string(to_string(param.param.outer));
        std::erase(name, '-');
        return name;
    });

TEST_F(TwoNats, SaysWhatStandsInTheWayWhenTheOuterOneGivesNothing) {
    const Gateway inner(runner_.loop(), {}, Strategy::Pcp, routers_.wan());
    open();
    const auto opened = info();
    EXPECT_EQ(opened.reach, Reach::BehindAnotherNat);
    EXPECT_EQ(opened.external, (Endpoint{routers_.wan(), kPort}));
    EXPECT_EQ(opened.hops.size(), 1U);
    ASSERT_EQ(opened.evidence.size(), 3U);
    EXPECT_NE(opened.evidence[0].find("10.78.0.2 is private"), std::string::npos);
    EXPECT_NE(opened.evidence[1].find("10.78.0.1, which is no public address either"),
              std::string::npos);
    EXPECT_NE(opened.evidence[2].find("no gateway beyond"), std::string::npos);
    EXPECT_NE(opened.note.find("forward the port by hand"), std::string::npos) << opened.note;
    EXPECT_EQ(inner.size(), 1U);
    close();
    EXPECT_EQ(inner.size(), 0U);
}

TEST_F(TwoNats, WaitsForAnOuterRouterThatHasShownItself) {
    const Gateway inner(runner_.loop(), {}, Strategy::Pcp, routers_.wan());
    const Gateway outer(runner_.loop(), routers_.place(), Strategy::Igd, OuterRouter::kPublic);
    outer.igd->manners.ssdp_delay = Duration(800);
    open();
    EXPECT_EQ(info().reach, Reach::Anyone);
    close();
    EXPECT_EQ(outer.size(), 0U);
}

TEST_F(TwoNats, TellsTheOuterOnesRefusal) {
    const Gateway inner(runner_.loop(), {}, Strategy::Pcp, routers_.wan());
    const Gateway outer(runner_.loop(), routers_.place(), Strategy::Pcp, OuterRouter::kPublic);
    outer.server->behaviour.map_result = pcp::ResultCode::NotAuthorized;
    open();
    const auto opened = info();
    EXPECT_EQ(opened.reach, Reach::BehindAnotherNat);
    EXPECT_NE(opened.evidence.back().find("10.78.0.1 refuses by pcp"), std::string::npos);
    EXPECT_EQ(outer.size(), 0U);
}

TEST_F(TwoNats, UsesNoOuterOneThatStandsBehindAThird) {
    const Gateway inner(runner_.loop(), {}, Strategy::Pcp, routers_.wan());
    const Gateway outer(runner_.loop(), routers_.place(), Strategy::Pcp, IpAddress::v4(0x64400009));
    open();
    EXPECT_EQ(info().reach, Reach::BehindAnotherNat);
    EXPECT_EQ(info().hops.size(), 1U);
    EXPECT_NE(info().evidence.back().find("yet another NAT"), std::string::npos);
    close();
    EXPECT_EQ(outer.size(), 0U);
    EXPECT_EQ(inner.size(), 0U);
}

TEST_F(TwoNats, FindsAPcpServerAtTheAnycastAddress) {
    const Gateway inner(runner_.loop(), {}, Strategy::Pcp, routers_.wan());
    {
        const InNetwork in_outer(routers_.network());
        ip("address add 192.0.0.9/32 dev lan1");
    }
    const Gateway outer(runner_.loop(), {routers_.network(), kPcpAnycast, "lan1"}, Strategy::Pcp,
                        OuterRouter::kPublic);
    open();
    EXPECT_EQ(info().reach, Reach::Anyone);
    ASSERT_EQ(info().hops.size(), 2U);
    EXPECT_EQ(info().hops[1].gateway, kPcpAnycast);
    close();
    EXPECT_EQ(outer.size(), 0U);
}

TEST_F(TwoNats, GuessesWhereTheOuterOneHidesItsHop) {
    const Gateway inner(runner_.loop(), {}, Strategy::Pcp, routers_.wan());
    const Gateway outer(runner_.loop(), routers_.place(), Strategy::NatPmp, OuterRouter::kPublic);
    {
        const InRouter in_router; // nothing of the trace gets beyond the first router
        ip("route add blackhole 192.0.0.9");
    }
    open();
    {
        const InRouter in_router;
        ip("route del blackhole 192.0.0.9");
    }
    EXPECT_EQ(info().reach, Reach::Anyone);
    EXPECT_EQ(info().hops.back().gateway, routers_.lan());
}

// The outer router's own rules hold: what it says may not lead us anywhere else.
TEST_F(TwoNats, FetchesNothingFromWhereTheOuterOneOnlyPoints) {
    const Gateway inner(runner_.loop(), {}, Strategy::Pcp, routers_.wan());
    const Gateway outer(runner_.loop(), routers_.place(), Strategy::Igd, OuterRouter::kPublic);
    const FakeIgd victim(runner_.loop()); // of our own network
    outer.igd->manners.location = victim.location();
    open(5s, {Strategy::Pcp, Strategy::Igd});
    EXPECT_EQ(info().reach, Reach::BehindAnotherNat);
    EXPECT_TRUE(outer.igd->requests.empty());
    EXPECT_EQ(outer.size(), 0U);
}

TEST_F(TwoNats, TakesBothBackWhenCancelledHalfWay) {
    const Gateway inner(runner_.loop(), {}, Strategy::Pcp, routers_.wan());
    const Gateway outer(runner_.loop(), routers_.place(), Strategy::Pcp, OuterRouter::kPublic);
    outer.server->behaviour.delay = 50ms;
    Chain chain(runner_.loop(), {Strategy::Pcp}, parts());
    auto attempt = chain.open({.port = kPort, .transport = Transport::Tcp},
                              [](const Result<Opening, OpenFailure>&) { FAIL(); });
    ASSERT_TRUE(runner_.run_until([&] { return outer.size() == 1; }));
    attempt = {};
    close();
    EXPECT_EQ(inner.size(), 0U);
    EXPECT_EQ(outer.size(), 0U);
}

TEST(OuterCandidates, AreNobodyThatAForgedHopMayChoose) {
    const Path path{.gateway = kGateway, .source = kHost, .prefix_length = 24};
    const auto candidates = [&](const char* wan, const char* hop) {
        const HopList way{.hops = {{.distance = 1, .router = kGateway},
                                   {.distance = 2, .router = IpAddress::parse(hop).value_or({})}}};
        std::vector<std::string> out;
        for (const auto& one : outer_candidates(path, *IpAddress::parse(wan), way)) {
            out.push_back(one.to_string());
        }
        return out;
    };
    using Names = std::vector<std::string>;
    EXPECT_EQ(candidates("10.0.0.2", "10.0.0.138"), Names{"10.0.0.138"});
    EXPECT_EQ(candidates("10.0.0.2", "172.16.9.9"), Names{"172.16.9.9"}); // numbered otherwise
    EXPECT_EQ(candidates("10.0.0.2", "-"), (Names{"10.0.0.1", "10.0.0.254"}));
    EXPECT_EQ(candidates("10.0.0.1", "-"), Names{"10.0.0.254"});
    EXPECT_EQ(candidates("10.0.0.2", "8.8.8.8"), (Names{"10.0.0.1", "10.0.0.254"}));
    EXPECT_EQ(candidates("10.0.0.2", "127.0.0.1"), (Names{"10.0.0.1", "10.0.0.254"}));
    EXPECT_EQ(candidates("10.0.0.2", "192.168.77.50"), (Names{"10.0.0.1", "10.0.0.254"}));
    EXPECT_EQ(candidates("10.0.0.2", "10.0.0.2"), (Names{"10.0.0.1", "10.0.0.254"}));
    EXPECT_EQ(candidates("25.0.113.7", "25.0.113.1"), Names{"25.0.113.1"});
    EXPECT_EQ(candidates("25.0.113.7", "25.0.114.1"), Names{});
}

} // namespace
} // namespace natterjack::test
