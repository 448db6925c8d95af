// SPDX-License-Identifier: MIT
#include <chrono>
#include <optional>

#include <net/if.h>

#include <gtest/gtest.h>

#include "tests/support/loop_runner.hpp"
#include "tests/support/netns.hpp"
#include "traversal/hop_trace.hpp"

namespace natterjack::test {
namespace {

using namespace std::chrono_literals;

IpAddress address(const char* text) {
    return *IpAddress::parse(text);
}

const Path kPath{.gateway = kGateway, .source = kHost, .interface = if_nametoindex(kHostLink)};

std::vector<IpAddress> routers(const HopList& list) {
    std::vector<IpAddress> out;
    for (const auto& hop : list.hops) out.push_back(hop.router);
    return out;
}

std::optional<Result<HopList>> trace(const IpAddress& target, Duration limit = 5s,
                                     HopSearch::Options options = {}, const Path& path = kPath) {
    LoopRunner runner;
    std::optional<Result<HopList>> out;
    const HopTrace trace(runner.loop(), path, target, net::now() + limit, options,
                         [&](Result<HopList> result) { out = std::move(result); });
    EXPECT_FALSE(out); // never before returning
    EXPECT_TRUE(runner.run_until([&] { return out.has_value(); }));
    return out;
}

TEST(HopTrace, NamesTheRoutersOfTwoInARow) {
    const OuterRouter outer;
    const auto result = trace(OuterRouter::kPublic);
    ASSERT_TRUE(result && *result) << result->error().message;
    // The outer router is the target itself: the inner one is all that stands in front of it.
    EXPECT_EQ(routers(**result), std::vector{kGateway});
    EXPECT_EQ((*result)->end, HopList::End::Reached);
}

TEST(HopTrace, NamesTheRouterWhereTheWayEnds) {
    const OuterRouter outer;
    // The outer router knows no way to anywhere else, and says so.
    const auto result = trace(address("192.0.0.9"));
    ASSERT_TRUE(result && *result);
    EXPECT_EQ(routers(**result), (std::vector{kGateway, outer.lan()}));
    EXPECT_EQ((*result)->end, HopList::End::Refused);
}

TEST(HopTrace, NamesTheRouterWhereAHopLimitEnds) {
    const OuterRouter outer;
    {
        const InNetwork in_outer(outer.network());
        ip("route add default via " + outer.wan().to_string()); // round and round
    }
    const auto result = trace(address("192.0.0.9"), 5s, {.max_hops = 2});
    ASSERT_TRUE(result && *result);
    EXPECT_EQ(routers(**result), (std::vector{kGateway, outer.lan()}));
    EXPECT_EQ((*result)->end, HopList::End::Open);
}

TEST(HopTrace, SpeaksIpv6) {
    const OuterRouter outer;
    ip("route add default via fd77::1");
    const auto result =
        trace(address("2a00:113::9"), 5s, {},
              {.gateway = gateway_v6(), .source = host_v6(), .interface = kPath.interface});
    ip("route del default via fd77::1");
    ASSERT_TRUE(result && *result);
    EXPECT_EQ(routers(**result), (std::vector{gateway_v6(), address("fd78::1")}));
    EXPECT_EQ((*result)->end, HopList::End::Refused);
}

TEST(HopTrace, EndsAtItsTimeWhereNobodyAnswers) {
    const OuterRouter outer;
    {
        const InRouter in_router;
        ip("route add blackhole 192.0.0.9"); // dropped without a word
    }
    const auto started = net::now();
    const auto result = trace(address("192.0.0.9"), 300ms);
    {
        const InRouter in_router;
        ip("route del blackhole 192.0.0.9");
    }
    ASSERT_TRUE(result && *result);
    EXPECT_TRUE((*result)->hops.empty());
    EXPECT_GE(net::now() - started, 300ms);
}

TEST(HopTrace, TakesNoSilenceOfTheOwnLinkForAHop) {
    // Nobody has this address: the kernel itself says so, after asking for it.
    const auto result = trace(address("192.168.77.77"), 300ms);
    ASSERT_TRUE(result && *result);
    EXPECT_TRUE((*result)->hops.empty());
    EXPECT_EQ((*result)->end, HopList::End::Open);
}

TEST(HopTrace, SaysWhenThereIsNoWay) {
    ip("route del default via 192.168.77.1");
    const auto result = trace(address("192.0.0.9"), 5s, {}, {.source = kHost});
    ip("route add default via 192.168.77.1");
    ASSERT_TRUE(result);
    ASSERT_FALSE(*result);
    EXPECT_EQ(result->error().code, Errc::Network);
}

TEST(HopTrace, MayBeCancelled) {
    LoopRunner runner;
    bool called = false;
    {
        const HopTrace trace(runner.loop(), kPath, address("192.0.0.9"), net::now() + 1ms, {},
                             [&](const Result<HopList>&) { called = true; });
    }
    runner.run_for(20ms);
    EXPECT_FALSE(called);
}

} // namespace
} // namespace natterjack::test
