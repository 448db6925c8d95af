// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "tests/support/house_fixture.hpp"
#include "traversal/outbound_flow.hpp"

namespace natterjack {
namespace {

using test::fire;
using test::ScriptedHouse;

const Endpoint kRemote{IpAddress::v4(0xCB007109), 4500};
constexpr auto kOutside = "25.0.113.7:40001";

class OutboundFlowTest : public test::HouseTest<OutboundFlow> {
protected:
    void start(FlowRequest request) {
        attempt_ = keep_flow(runner_.loop(), house_.parts(), std::move(request),
                             [this](Result<OutboundFlow, OpenFailure> result) {
                                 result_.emplace(std::move(result));
                             });
        runner_.run_pending();
    }
    void start() { start({.port = 5000, .remote = kRemote, .network = {.source = kHost}}); }

    [[nodiscard]] ScriptedHouse::Calls& pcp() { return house_.at(Strategy::Pcp); }
    void grant(const char* external) {
        auto mapping = house_.grant(Strategy::Pcp, external);
        mapping.remote = pcp().request.remote;
        mapping.granted_at = net::now();
        fire(pcp().map, std::move(mapping));
        runner_.run_pending();
    }

    static constexpr IpAddress kHost = ScriptedHouse::kHost;
};

TEST_F(OutboundFlowTest, IsAskedForAtOnceAndSaysHowItLooksFromOutside) {
    start();
    EXPECT_FALSE(pcp().probe); // there is nothing to choose from
    ASSERT_EQ(pcp().maps, 1);
    EXPECT_EQ(pcp().request.remote, kRemote);
    EXPECT_EQ(pcp().request.internal, (Endpoint{kHost, 5000}));
    EXPECT_EQ(pcp().request.external_port, 0);
    grant(kOutside);
    ASSERT_TRUE(result_ && *result_);
    const auto info = (*result_)->info();
    EXPECT_EQ(info.external.to_string(), kOutside);
    EXPECT_EQ(info.internal, (Endpoint{kHost, 5000}));
    EXPECT_EQ(info.remote, kRemote);
    EXPECT_EQ(info.lifetime, std::chrono::seconds(7200));
    EXPECT_TRUE(info.is_whole_way);
}

TEST_F(OutboundFlowTest, IsNotTheWholeWayWhereAnotherNatFollows) {
    start();
    grant("192.168.11.2:40001");
    ASSERT_TRUE(result_ && *result_);
    EXPECT_FALSE((*result_)->info().is_whole_way);
    EXPECT_EQ(pcp().maps, 1); // and nobody beyond is asked to let anybody in
}

TEST_F(OutboundFlowTest, IsRenewedAndTellsWhenItLooksOtherwise) {
    start();
    grant(kOutside);
    ASSERT_TRUE(result_ && *result_);
    std::vector<std::string> told;
    (*result_)->on_changed([&](Opening::Change, const FlowInfo&, const FlowInfo& after) {
        told.push_back(after.external.to_string());
    });
    house_.keeper->check_everything();
    ASSERT_TRUE(runner_.run_until([this] { return pcp().maps == 2; }));
    ASSERT_TRUE(pcp().request.renew);
    EXPECT_EQ(pcp().request.renew->external.to_string(), kOutside);
    EXPECT_EQ(pcp().request.remote, kRemote);
    grant("25.0.113.8:40001");
    EXPECT_EQ(told, std::vector<std::string>{"25.0.113.8:40001"});
}

TEST_F(OutboundFlowTest, IsGivenBackWhenItsOwnerGoes) {
    start();
    grant(kOutside);
    ASSERT_TRUE(result_ && *result_);
    result_.reset();
    runner_.run_pending();
    EXPECT_EQ(pcp().unmaps, 1);
}

TEST_F(OutboundFlowTest, IsLeftToItsLifetimeWhenReleased) {
    start();
    grant(kOutside);
    (*result_)->release();
    result_.reset();
    runner_.run_pending();
    EXPECT_EQ(pcp().unmaps, 0);
}

TEST_F(OutboundFlowTest, FailsAsTheGatewayRefuses) {
    start();
    fire(pcp().map, Error{Errc::Unsupported, "no PEER", 4});
    runner_.run_pending();
    ASSERT_TRUE(result_ && !*result_);
    EXPECT_EQ(result_->error().error.code, Errc::Unsupported);
}

TEST_F(OutboundFlowTest, WantsAPortAndARemotePeer) {
    for (const auto& request :
         {FlowRequest{.remote = kRemote, .network = {.source = kHost}},
          FlowRequest{.port = 5000, .remote = {IpAddress::v4(0xCB007109), 0}},
          FlowRequest{.port = 5000, .remote = {IpAddress(), 1}},
          FlowRequest{.port = 5000, .remote = {IpAddress::v4(0xE0000001), 1}}}) {
        result_.reset();
        start(request);
        ASSERT_TRUE(result_ && !*result_);
        EXPECT_EQ(result_->error().error.code, Errc::InvalidArgument);
        EXPECT_EQ(pcp().maps, 0);
    }
}

TEST_F(OutboundFlowTest, TellsNobodyAnythingOnceCancelled) {
    attempt_ = keep_flow(runner_.loop(), house_.parts(), {},
                         [](const Result<OutboundFlow, OpenFailure>&) { FAIL(); });
    attempt_ = {};
    runner_.run_pending();
    start();
    attempt_ = {};
    runner_.run_pending();
    EXPECT_FALSE(pcp().map);
    EXPECT_FALSE(result_);
}

} // namespace
} // namespace natterjack
