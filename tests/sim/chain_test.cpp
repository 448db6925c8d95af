// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/house_fixture.hpp"

namespace natterjack {
namespace {

using test::fire;
using test::ScriptedHouse;

constexpr auto kOutside = "25.0.113.7:6667";
const std::vector<Strategy> kAll = {Strategy::Direct, Strategy::Igd, Strategy::Pcp,
                                    Strategy::NatPmp};
const std::vector<Strategy> kAllWithIce = {Strategy::Direct, Strategy::Igd, Strategy::Pcp,
                                           Strategy::NatPmp, Strategy::Ice};
const Error kSilent{Errc::Timeout, "nobody answered"};

class ChainTest : public test::HouseTest<Opening> {
protected:
    void start(OpenRequest request = {.port = 6667, .transport = Transport::Tcp},
               const std::vector<Strategy>& strategies = kAll) {
        chain_ = std::make_unique<Chain>(runner_.loop(), strategies, house_.parts(journal_));
        attempt_ = chain_->open(std::move(request), [this](Result<Opening, OpenFailure> result) {
            ++answers_;
            result_.emplace(std::move(result));
            if (on_answer_) on_answer_();
        });
        runner_.run_pending();
    }

    void fail_all_but(Strategy strategy) {
        for (const Strategy other : {Strategy::Igd, Strategy::Pcp, Strategy::NatPmp}) {
            if (other != strategy) fire(house_.at(other).probe, kSilent);
        }
    }

    [[nodiscard]] OpeningInfo opened() {
        EXPECT_TRUE(result_);
        if (!result_) return {};
        EXPECT_TRUE(*result_) << result_->error().error.message;
        return *result_ ? (*result_)->info() : OpeningInfo{};
    }

    /// Another run of the program: what the last one left is in the journal.
    void begin_anew() {
        result_.reset();
        attempt_ = {};
        chain_.reset();
        runner_.run_pending();
        house_.keeper.reset();
    }

    [[nodiscard]] static std::string make_directory() {
        std::string pattern = testing::TempDir() + "chain-XXXXXX";
        return mkdtemp(pattern.data());
    }

    std::string journal_; ///< Its directory; empty: there is none.
    std::unique_ptr<Chain> chain_;
    int answers_ = 0;
    std::function<void()> on_answer_; ///< Called in the turn of the answer.
};

TEST_F(ChainTest, AsksEverybodyAtOnceAndMapsWithOne) {
    start();
    EXPECT_TRUE(house_.at(Strategy::Igd).probe);
    EXPECT_TRUE(house_.at(Strategy::Pcp).probe);
    EXPECT_TRUE(house_.at(Strategy::NatPmp).probe);
    fire(house_.at(Strategy::Pcp).probe, Service{});
    fire(house_.at(Strategy::NatPmp).probe, Service{});
    EXPECT_EQ(house_.at(Strategy::Pcp).maps, 0); // IGD still has its head start
    fire(house_.at(Strategy::Igd).probe, Service{.external = {}, .product = "Router 1.0"});
    const auto& request = house_.at(Strategy::Igd).request;
    EXPECT_EQ(request.internal, (Endpoint{ScriptedHouse::kHost, 6667}));
    EXPECT_EQ(request.external_port, 6667);
    EXPECT_EQ(request.lifetime, Lifetime(7200));
    fire(house_.at(Strategy::Igd).map, house_.grant(Strategy::Igd, kOutside));
    const auto info = opened();
    EXPECT_EQ(info.external.to_string(), kOutside);
    EXPECT_EQ(info.strategy, Strategy::Igd);
    EXPECT_EQ(info.reach, Reach::Anyone);
    EXPECT_EQ(info.proof, Proof::Claimed);
    EXPECT_EQ(house_.at(Strategy::Pcp).maps + house_.at(Strategy::NatPmp).maps, 0);
    ASSERT_EQ(info.story.size(), 3U);
    EXPECT_EQ(info.story[0].outcome, StoryLine::Outcome::Opened);
    EXPECT_EQ(info.story[1].outcome, StoryLine::Outcome::Spare);
    EXPECT_EQ(answers_, 1);
}

TEST_F(ChainTest, PassesOnWhenTheGatewayRefuses) {
    start();
    fire(house_.at(Strategy::Igd).probe, Service{});
    fire(house_.at(Strategy::Pcp).probe, Service{});
    fire(house_.at(Strategy::NatPmp).probe, kSilent);
    fire(house_.at(Strategy::Igd).map, Error{Errc::Refused, "not allowed", 606});
    fire(house_.at(Strategy::Pcp).map, house_.grant(Strategy::Pcp, kOutside));
    const auto info = opened();
    EXPECT_EQ(info.strategy, Strategy::Pcp);
    EXPECT_EQ(info.story[0].outcome, StoryLine::Outcome::Refused);
    EXPECT_EQ(info.story[0].message, "not allowed");
}

TEST_F(ChainTest, OpensToNobodyElseThanThoseItIsToAdmit) {
    start(
        {.port = 6667,
         .transport = Transport::Tcp,
         .only_from = {*RemotePeers::parse("192.0.2.0/24"), *RemotePeers::parse("2001:db8::/32")}},
        kAllWithIce);
    EXPECT_FALSE(house_.ice().probe); // an invitation restricts nobody
    fire(house_.at(Strategy::Igd).probe, Service{});
    fire(house_.at(Strategy::Pcp).probe, Service{});
    fire(house_.at(Strategy::NatPmp).probe, Service{});
    const std::vector of_ipv4 = {*RemotePeers::parse("192.0.2.0/24")};
    EXPECT_EQ(house_.at(Strategy::Igd).request.only_from, of_ipv4);
    fire(house_.at(Strategy::Igd).map, cannot_restrict("this gateway's UPnP"));
    EXPECT_EQ(house_.at(Strategy::Pcp).request.only_from, of_ipv4);
    auto granted = house_.grant(Strategy::Pcp, kOutside);
    granted.only_from = of_ipv4;
    fire(house_.at(Strategy::Pcp).map, granted);
    EXPECT_EQ(opened().only_from, of_ipv4);
}

TEST_F(ChainTest, SaysThatNobodyHereCanRestrict) {
    start({.port = 6667, .only_from = {*RemotePeers::parse("192.0.2.0/24")}});
    for (const auto strategy : {Strategy::Igd, Strategy::Pcp, Strategy::NatPmp}) {
        fire(house_.at(strategy).probe, Service{});
    }
    for (const auto strategy : {Strategy::Igd, Strategy::Pcp, Strategy::NatPmp}) {
        fire(house_.at(strategy).map, cannot_restrict(std::string(to_string(strategy))));
    }
    ASSERT_TRUE(result_ && !*result_);
    EXPECT_EQ(result_->error().error.code, Errc::Unsupported);
    EXPECT_NE(result_->error().error.message.find("cannot restrict"), std::string::npos);
}

TEST_F(ChainTest, RefusesWhatRestrictsNobodyOrEverybody) {
    const RemotePeers everybody{.prefix = IpAddress(), .prefix_length = 0};
    const auto ipv6 = *RemotePeers::parse("2001:db8::/32");
    const std::vector<RemotePeers> too_many(33, *RemotePeers::parse("192.0.2.1"));
    for (const auto& only_from : {std::vector{everybody}, std::vector{ipv6}, too_many}) {
        result_.reset();
        start({.port = 6667, .only_from = only_from});
        ASSERT_TRUE(runner_.run_until([this] { return result_.has_value(); }));
        ASSERT_FALSE(*result_);
        EXPECT_EQ(result_->error().error.code, Errc::InvalidArgument);
    }
}

TEST_F(ChainTest, NamesOnlyTheProtocolsThatWereAsked) {
    start({.port = 6667}, {Strategy::Pcp});
    fire(house_.at(Strategy::Pcp).map, kSilent);
    ASSERT_TRUE(result_ && !*result_);
    const auto& message = result_->error().error.message;
    EXPECT_NE(message.find("PCP"), std::string::npos) << message;
    EXPECT_EQ(message.find("IGD"), std::string::npos) << message;
    result_.reset();
    start({.port = 6667}, {Strategy::Direct});
    ASSERT_TRUE(result_ && !*result_);
    EXPECT_EQ(result_->error().error.code, Errc::NotFound);
    EXPECT_NE(result_->error().error.message.find("public address"), std::string::npos);
}

TEST_F(ChainTest, SaysNothingHereOpensPortsWhenAllAreSilent) {
    start();
    fail_all_but(Strategy::Direct);
    ASSERT_TRUE(result_);
    ASSERT_FALSE(*result_);
    EXPECT_EQ(result_->error().error.code, Errc::NotFound);
    EXPECT_EQ(result_->error().story.size(), 3U);
    EXPECT_EQ(result_->error().story[2].outcome, StoryLine::Outcome::Silent);
}

TEST_F(ChainTest, ReportsTheRefusalWhenNothingElseAnswered) {
    start();
    fire(house_.at(Strategy::Igd).probe, Service{});
    fire(house_.at(Strategy::Pcp).probe, Error{Errc::Unsafe, "odd"});
    fire(house_.at(Strategy::NatPmp).probe, kSilent);
    fire(house_.at(Strategy::Igd).map, Error{Errc::Conflict, "taken by 192.168.1.9", 718});
    ASSERT_TRUE(result_ && !*result_);
    EXPECT_EQ(result_->error().error.code, Errc::Conflict);
    EXPECT_EQ(result_->error().error.detail, 718);
}

TEST_F(ChainTest, ReportsTheRefusalOfTheBestStageAlthoughItCameLast) {
    start();
    fire(house_.at(Strategy::Igd).probe, Service{});
    fire(house_.at(Strategy::Pcp).probe, Error{Errc::Refused, "not by PCP", 2});
    fire(house_.at(Strategy::NatPmp).probe, kSilent);
    fire(house_.at(Strategy::Igd).map, Error{Errc::Refused, "not by IGD", 606});
    ASSERT_TRUE(result_ && !*result_);
    EXPECT_EQ(result_->error().error.message, "not by IGD");
}

TEST_F(ChainTest, SaysThatAPrivateExternalAddressReachesNobody) {
    start();
    fail_all_but(Strategy::NatPmp);
    fire(house_.at(Strategy::NatPmp).probe, Service{});
    fire(house_.at(Strategy::NatPmp).map, house_.grant(Strategy::NatPmp, "100.64.0.9:6667"));
    const auto info = opened();
    EXPECT_EQ(info.reach, Reach::BehindAnotherNat);
    EXPECT_NE(info.note.find("carrier-grade"), std::string::npos) << info.note;
}

TEST_F(ChainTest, PrefersAGatewayThatReachesEverybodyAndRemovesTheOtherMapping) {
    const auto second = IpAddress::v4(0x0A000001);
    house_.network.interfaces.push_back(
        {.index = 3,
         .name = "lan1",
         .up = true,
         .addresses = {{.address = IpAddress::v4(0x0A000002), .prefix_length = 24}}});
    house_.network.default_routes.push_back(
        {.gateway = second, .interface = 3, .source = IpAddress::v4(0x0A000002), .metric = 9});
    start({.port = 6667}, {Strategy::NatPmp});
    fire(house_.at(Strategy::NatPmp).probe, Service{});
    fire(house_.at(Strategy::NatPmp).map, house_.grant(Strategy::NatPmp, "192.168.0.3:6667"));
    EXPECT_FALSE(result_); // the second gateway may still answer
    fire(house_.at(Strategy::NatPmp, second).probe, Service{});
    fire(house_.at(Strategy::NatPmp, second).map, house_.grant(Strategy::NatPmp, kOutside, second));
    EXPECT_EQ(opened().gateway, second);
    EXPECT_EQ(house_.at(Strategy::NatPmp).unmaps, 1);
}

TEST_F(ChainTest, AsksASingleProtocolForTheMappingItself) {
    start({.port = 6667}, {Strategy::Pcp});
    EXPECT_FALSE(
        house_.at(Strategy::Pcp).probe); // a question that decides nothing costs a round trip
    fire(house_.at(Strategy::Pcp).map, house_.grant(Strategy::Pcp, kOutside));
    EXPECT_EQ(opened().strategy, Strategy::Pcp);
}

TEST_F(ChainTest, ClaimsAPublicAddressOnlyAfterEverybodyElseFailed) {
    house_.network.interfaces[0].addresses.push_back(
        {.address = IpAddress::v4(0x19007109), .prefix_length = 24}); // 25.0.113.9
    start();
    auto& direct = house_.at(Strategy::Direct, IpAddress());
    fire(direct.probe, Service{});
    EXPECT_EQ(direct.maps, 0);
    fail_all_but(Strategy::Direct);
    EXPECT_EQ(direct.maps, 1);
    fire(direct.map, house_.grant(Strategy::Direct, "25.0.113.9:6667", IpAddress()));
    EXPECT_EQ(opened().strategy, Strategy::Direct);
}

TEST_F(ChainTest, MovesToABetterStageThatAnswersLateAndNeverDoubles) {
    journal_ = make_directory();
    const auto owned = [&] {
        std::vector<Strategy> out;
        for (const auto& each : Journal(journal_).read(std::chrono::system_clock::now())) {
            if (each.owner.pid != 0) out.push_back(each.mapping.strategy);
        }
        return out;
    };
    start({.port = 6667}, {Strategy::Igd, Strategy::NatPmp});
    fire(house_.at(Strategy::NatPmp).probe, Service{});
    ASSERT_TRUE(runner_.run_until([&] { return house_.at(Strategy::NatPmp).maps == 1; }));
    fire(house_.at(Strategy::NatPmp).map, house_.grant(Strategy::NatPmp, kOutside));
    ASSERT_EQ(opened().strategy, Strategy::NatPmp);
    std::vector<OpeningInfo> changes;
    (*result_)->on_changed(
        [&](Opening::Change change, const OpeningInfo& before, const OpeningInfo& after) {
            EXPECT_EQ(change, Opening::Change::Moved);
            EXPECT_EQ(before.strategy, Strategy::NatPmp);
            changes.push_back(after);
        });
    attempt_ = {}; // the answer is given; dropping the attempt must not end the opening's own work
    runner_.run_pending();
    fire(house_.at(Strategy::Igd).probe, Service{});
    EXPECT_EQ(house_.at(Strategy::Igd).maps, 0); // first the old one goes
    fire(house_.at(Strategy::NatPmp).unmap, Result<void>());
    runner_.run_pending();
    EXPECT_EQ(owned(), std::vector{Strategy::NatPmp}) << "nobody else may take the port meanwhile";
    fire(house_.at(Strategy::Igd).map, house_.grant(Strategy::Igd, kOutside));
    ASSERT_EQ(changes.size(), 1U);
    EXPECT_EQ(changes[0].strategy, Strategy::Igd);
    ASSERT_EQ(changes[0].story.size(), 2U);
    EXPECT_EQ(changes[0].story[0].outcome, StoryLine::Outcome::Opened);
    EXPECT_NE(changes[0].story[0].message.find("leads to"), std::string::npos);
    EXPECT_EQ(changes[0].story[1].outcome, StoryLine::Outcome::Spare);
    EXPECT_TRUE(runner_.run_until([&] { return owned() == std::vector{Strategy::Igd}; }));
}

TEST_F(ChainTest, KeepsTheOldMappingWhenTheBetterStageRefuses) {
    start({.port = 6667}, {Strategy::Igd, Strategy::NatPmp});
    fire(house_.at(Strategy::NatPmp).probe, Service{});
    ASSERT_TRUE(runner_.run_until([&] { return house_.at(Strategy::NatPmp).maps == 1; }));
    fire(house_.at(Strategy::NatPmp).map, house_.grant(Strategy::NatPmp, kOutside));
    fire(house_.at(Strategy::Igd).probe, Service{});
    fire(house_.at(Strategy::NatPmp).unmap, Result<void>());
    fire(house_.at(Strategy::Igd).map, Error{Errc::Refused, "no"});
    ASSERT_TRUE(runner_.run_until([&] { return house_.at(Strategy::NatPmp).maps == 2; }));
    fire(house_.at(Strategy::NatPmp).map, house_.grant(Strategy::NatPmp, kOutside));
    EXPECT_EQ(opened().strategy, Strategy::NatPmp);
}

TEST_F(ChainTest, CancelledAttemptNeverAnswersAndDropsItsMappers) {
    start();
    fire(house_.at(Strategy::Igd).probe, Service{});
    ASSERT_EQ(house_.at(Strategy::Igd).maps, 1);
    attempt_ = {};
    runner_.run_pending();
    EXPECT_EQ(answers_, 0);
    for (const Strategy strategy : kAll) EXPECT_EQ(house_.at(strategy).alive, 0);
}

TEST_F(ChainTest, CancelledAttemptRemovesAMappingThatAlreadyStands) {
    const auto second = IpAddress::v4(0xC0A80199);
    house_.network.default_routes.push_back(
        {.gateway = second, .interface = 2, .source = ScriptedHouse::kHost, .metric = 9});
    start({.port = 6667}, {Strategy::NatPmp});
    fire(house_.at(Strategy::NatPmp).probe, Service{});
    fire(house_.at(Strategy::NatPmp).map, house_.grant(Strategy::NatPmp, "192.168.0.3:6667"));
    ASSERT_FALSE(result_); // behind another NAT: the second gateway is waited for
    attempt_ = {};
    runner_.run_pending();
    ASSERT_EQ(house_.at(Strategy::NatPmp).unmaps, 1);
    fire(house_.at(Strategy::NatPmp).unmap, Result<void>());
    runner_.run_pending();
    EXPECT_EQ(house_.at(Strategy::NatPmp).alive, 0);
    EXPECT_EQ(answers_, 0);
}

TEST_F(ChainTest, TakesBackAMappingThatComesInTheTurnOfItsDeadline) {
    // As after a suspended laptop wakes up: the deadline and the gateway's answer are both there.
    on_answer_ = [this] {
        fire(house_.at(Strategy::Igd).map, house_.grant(Strategy::Igd, kOutside));
    };
    start({.port = 6667, .deadline = std::chrono::milliseconds(20)});
    fire(house_.at(Strategy::Igd).probe, Service{});
    ASSERT_EQ(house_.at(Strategy::Igd).maps, 1);
    ASSERT_TRUE(runner_.run_until([&] { return answers_ == 1; }));
    EXPECT_FALSE(*result_);
    ASSERT_EQ(house_.at(Strategy::Igd).unmaps, 1);
    fire(house_.at(Strategy::Igd).unmap, Result<void>());
    runner_.run_pending();
    EXPECT_EQ(house_.at(Strategy::Igd).alive, 0);
}

TEST_F(ChainTest, AttemptMayBeDestroyedInsideItsOwnHandler) {
    chain_ = std::make_unique<Chain>(runner_.loop(), kAll, house_.parts());
    attempt_ = chain_->open({.port = 1}, [this](const Result<Opening, OpenFailure>&) {
        ++answers_;
        attempt_ = {};
        chain_.reset();
    });
    runner_.run_pending();
    fail_all_but(Strategy::Direct);
    runner_.run_pending();
    EXPECT_EQ(answers_, 1);
    EXPECT_EQ(house_.at(Strategy::Igd).alive, 0);
}

TEST_F(ChainTest, ClosingRemovesTheMappingAndOnlyThenAnswers) {
    start();
    fire(house_.at(Strategy::Igd).probe, Service{});
    fire(house_.at(Strategy::Igd).map, house_.grant(Strategy::Igd, kOutside));
    bool closed = false;
    (*result_)->close([&](const Result<void>& result) { closed = result.has_value(); });
    runner_.run_pending();
    EXPECT_FALSE(closed);
    EXPECT_EQ(house_.at(Strategy::Igd).unmaps, 1);
    fire(house_.at(Strategy::Igd).unmap, Error{Errc::NotFound, "no such entry", 714});
    EXPECT_TRUE(closed); // gone is gone, whoever removed it
}

TEST_F(ChainTest, ClosingNeedsNobodyToTell) {
    start();
    fire(house_.at(Strategy::Igd).probe, Service{});
    fire(house_.at(Strategy::Igd).map, house_.grant(Strategy::Igd, kOutside));
    (*result_)->close({});
    runner_.run_pending();
    ASSERT_EQ(house_.at(Strategy::Igd).unmaps, 1);
    fire(house_.at(Strategy::Igd).unmap, Result<void>());
    bool closed = false;
    (*result_)->close([&](const Result<void>& result) { closed = result.has_value(); });
    runner_.run_pending();
    EXPECT_TRUE(closed);
    EXPECT_EQ(house_.at(Strategy::Igd).unmaps, 1);
}

TEST_F(ChainTest, DestroyingAnOpeningRemovesTheMapping) {
    start();
    fire(house_.at(Strategy::Igd).probe, Service{});
    fire(house_.at(Strategy::Igd).map, house_.grant(Strategy::Igd, kOutside));
    result_.reset();
    runner_.run_pending();
    ASSERT_EQ(house_.at(Strategy::Igd).unmaps, 1);
    fire(house_.at(Strategy::Igd).unmap, Result<void>());
    attempt_ = {};
    runner_.run_pending();
    EXPECT_EQ(house_.at(Strategy::Igd).alive, 0);
}

TEST_F(ChainTest, AReleasedOpeningLeavesTheMappingAlone) {
    start();
    fire(house_.at(Strategy::Igd).probe, Service{});
    fire(house_.at(Strategy::Igd).map, house_.grant(Strategy::Igd, kOutside));
    (*result_)->release();
    result_.reset();
    runner_.run_pending();
    EXPECT_EQ(house_.at(Strategy::Igd).unmaps, 0);
}

TEST_F(ChainTest, OpensAgainByTheProtocolThatHasThePort) {
    journal_ = make_directory();
    start();
    fire(house_.at(Strategy::Igd).probe, kSilent); // this time
    fire(house_.at(Strategy::Pcp).probe, Service{});
    auto granted = house_.grant(Strategy::Pcp, kOutside);
    granted.nonce = {7};
    fire(house_.at(Strategy::Pcp).map, granted);
    (*result_)->release();
    begin_anew();

    start();
    fire(house_.at(Strategy::Igd).probe, Service{});
    EXPECT_EQ(house_.at(Strategy::Igd).maps, 0); // would be another mapping of the same port
    fire(house_.at(Strategy::Pcp).probe, Service{});
    ASSERT_TRUE(house_.at(Strategy::Pcp).request.renew);
    EXPECT_EQ(house_.at(Strategy::Pcp).request.renew->nonce, granted.nonce);
    fire(house_.at(Strategy::Pcp).map, house_.grant(Strategy::Pcp, kOutside));
    EXPECT_EQ(opened().strategy, Strategy::Pcp);
    EXPECT_EQ(opened().external.to_string(), kOutside);
}

TEST_F(ChainTest, DoesNotWaitForAProtocolThatAKnownGatewayNeverAnswered) {
    journal_ = make_directory();
    ASSERT_TRUE(Journal(journal_).remember(
        {ScriptedHouse::kGateway, "", {.location = {}, .answered = {Strategy::Pcp}}},
        std::chrono::system_clock::now()));
    start();
    ASSERT_TRUE(house_.at(Strategy::Igd).probe); // it is asked all the same
    fire(house_.at(Strategy::Pcp).probe, Service{});
    ASSERT_EQ(house_.at(Strategy::Pcp).maps, 1);
    fire(house_.at(Strategy::Pcp).map, house_.grant(Strategy::Pcp, kOutside));
    EXPECT_EQ(opened().strategy, Strategy::Pcp);
}

TEST_F(ChainTest, OpensAnotherNumberByTheBestProtocolAlthoughThePortHasOne) {
    journal_ = make_directory();
    start({.port = 6667, .transport = Transport::Tcp}, {Strategy::Pcp});
    fire(house_.at(Strategy::Pcp).map, house_.grant(Strategy::Pcp, kOutside));
    (*result_)->release();
    begin_anew();

    start({.port = 6667, .transport = Transport::Tcp, .external_port = 7000});
    fire(house_.at(Strategy::Igd).probe, Service{});
    EXPECT_EQ(house_.at(Strategy::Igd).maps, 1); // does not wait for PCP
    EXPECT_FALSE(house_.at(Strategy::Igd).request.renew);
}

TEST_F(ChainTest, RefusesRequestsThatMakeNoSense) {
    struct BadRequest {
        const char* name;
        OpenRequest request;
    };
    for (const auto& row : {
             BadRequest{"port 0", {.port = 0}},
             BadRequest{"lifetime", {.port = 1, .lifetime = std::chrono::seconds(0)}},
             BadRequest{"deadline", {.port = 1, .deadline = std::chrono::milliseconds(0)}},
             BadRequest{"no deadline", {.port = 1, .deadline = std::chrono::milliseconds::max()}},
             BadRequest{"control character", {.port = 1, .description = "a\nb"}},
             BadRequest{"no description", {.port = 1, .description = ""}},
             BadRequest{"not UTF-8", {.port = 1, .description = "\xff"}},
             BadRequest{"no such interface", {.port = 1, .network = {.interface = "lan9"}}},
             BadRequest{"foreign source", {.port = 1, .network = {.source = IpAddress::v4(1)}}},
             BadRequest{"loopback host",
                        {.port = 1, .internal_address = IpAddress::v4(0x7F000001)}},
         }) {
        result_.reset();
        start(row.request);
        ASSERT_TRUE(result_ && !*result_) << row.name;
        EXPECT_EQ(result_->error().error.code, Errc::InvalidArgument) << row.name;
        EXPECT_FALSE(result_->error().error.message.empty()) << row.name;
    }
}

TEST_F(ChainTest, TheBlockingCallRefusesThemToo) {
    const auto result = natterjack::open({.port = 1, .deadline = std::chrono::milliseconds::max()});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().error.code, Errc::InvalidArgument);
}

TEST_F(ChainTest, SaysThatNoStrategyIsThere) {
    const auto chain = make_chain(runner_.loop(), {Strategy::Ice}); // of another library
    attempt_ = chain->open({.port = 6667}, [this](Result<Opening, OpenFailure> result) {
        result_.emplace(std::move(result));
    });
    runner_.run_pending();
    ASSERT_TRUE(result_ && !*result_);
    EXPECT_EQ(result_->error().error.code, Errc::Unsupported);
}

TEST_F(ChainTest, SaysThatThereIsNoNetwork) {
    house_.network.default_routes.clear();
    start();
    ASSERT_TRUE(result_ && !*result_);
    EXPECT_EQ(result_->error().error.code, Errc::NoNetwork);
}

TEST_F(ChainTest, InvitesAPeerWhenNothingHereMaps) {
    for (const auto reach : {Reach::InvitedPeer, Reach::Relayed}) {
        start({.port = 6667, .transport = Transport::Tcp}, kAllWithIce);
        fire(house_.ice().probe, Service{}); // knows at once, and has to wait
        fire(house_.at(Strategy::Igd).probe, kSilent);
        fire(house_.at(Strategy::Pcp).probe, kSilent);
        EXPECT_EQ(house_.ice().maps, 0);
        fire(house_.at(Strategy::NatPmp).probe, kSilent);
        ASSERT_EQ(house_.ice().maps, 1);
        EXPECT_EQ(house_.ice().request.transport, Transport::Tcp);
        fire(house_.ice().map, house_.invite(kOutside, reach));
        const auto info = opened();
        EXPECT_EQ(info.strategy, Strategy::Ice);
        EXPECT_EQ(info.reach, reach);
        EXPECT_EQ(info.external.to_string(), kOutside);
        EXPECT_TRUE(info.hops.empty());
        ASSERT_EQ(info.story.size(), 4U);
        EXPECT_EQ(info.story[3].strategy, Strategy::Ice);
        EXPECT_EQ(info.story[3].outcome, StoryLine::Outcome::Opened);
        TearDown();
        house_.ice() = {};
    }
}

TEST_F(ChainTest, DoesNotInviteWhileAGatewayMaps) {
    start({.port = 6667}, kAllWithIce);
    fire(house_.ice().probe, Service{});
    fire(house_.at(Strategy::Igd).probe, Service{});
    fire(house_.at(Strategy::Igd).map, house_.grant(Strategy::Igd, kOutside));
    EXPECT_EQ(opened().strategy, Strategy::Igd);
    EXPECT_EQ(opened().story.back().outcome, StoryLine::Outcome::Spare);
    EXPECT_EQ(house_.ice().maps, 0);
    runner_.run_pending();
    EXPECT_EQ(house_.ice().alive, 0); // nobody was told of it
}

TEST_F(ChainTest, InvitesAPeerRatherThanReachNobody) {
    start({.port = 6667}, {Strategy::NatPmp, Strategy::Ice});
    fire(house_.ice().probe, Service{});
    fire(house_.at(Strategy::NatPmp).probe, Service{});
    fire(house_.at(Strategy::NatPmp).map, house_.grant(Strategy::NatPmp, "100.64.0.7:6667"));
    fire(house_.ice().map, house_.invite(kOutside, Reach::InvitedPeer));
    EXPECT_EQ(opened().reach, Reach::InvitedPeer);
    EXPECT_EQ(house_.at(Strategy::NatPmp).unmaps, 1);
}

TEST_F(ChainTest, ReportsAPortBehindAnotherNatWhenNobodyCanBeInvited) {
    start({.port = 6667}, {Strategy::NatPmp, Strategy::Ice});
    fire(house_.at(Strategy::NatPmp).probe, Service{});
    fire(house_.at(Strategy::NatPmp).map, house_.grant(Strategy::NatPmp, "100.64.0.7:6667"));
    EXPECT_FALSE(result_);
    fire(house_.ice().probe, Error{Errc::NotFound, "no server is named"});
    EXPECT_EQ(opened().reach, Reach::BehindAnotherNat);
    EXPECT_EQ(opened().story[1].message, "no server is named");
}

TEST_F(ChainTest, ClosingEndsAnInvitation) {
    start({.port = 6667}, {Strategy::Igd, Strategy::Ice});
    fire(house_.ice().probe, Service{});
    fire(house_.at(Strategy::Igd).probe, kSilent);
    fire(house_.ice().map, house_.invite(kOutside, Reach::InvitedPeer));
    ASSERT_EQ(opened().strategy, Strategy::Ice);
    bool closed = false;
    (*result_)->close([&](const Result<void>& done) { closed = done.has_value(); });
    runner_.run_pending();
    ASSERT_EQ(house_.ice().unmaps, 1);
    fire(house_.ice().unmap, Result<void>());
    EXPECT_TRUE(closed);
}

TEST_F(ChainTest, ACancelledAttemptTakesItsInvitationBack) {
    start({.port = 6667}, {Strategy::Igd, Strategy::Ice});
    fire(house_.ice().probe, Service{});
    fire(house_.at(Strategy::Igd).probe, kSilent);
    ASSERT_EQ(house_.ice().maps, 1);
    attempt_.cancel();
    runner_.run_pending();
    EXPECT_EQ(house_.ice().alive, 0);
    EXPECT_EQ(answers_, 0);
}

} // namespace
} // namespace natterjack
