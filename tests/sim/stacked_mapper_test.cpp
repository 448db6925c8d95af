// SPDX-License-Identifier: MIT
#include <optional>

#include <gtest/gtest.h>

#include "tests/support/loop_runner.hpp"
#include "tests/support/scripted_mapper.hpp"
#include "traversal/stacked_mapper.hpp"

namespace natterjack {
namespace {

using test::fire;
using test::ScriptedHouse;

constexpr auto kBetween = "10.0.0.2:7000";
constexpr auto kOutside = "25.0.113.7:6667";
constexpr IpAddress kOuter = IpAddress::v4(0x0A000001);
const Error kRefused{Errc::Refused, "no"};
const Error kMissing{Errc::NotFound, "no such mapping"};

/// PCP inside, NAT-PMP beyond.
class StackedMapperTest : public testing::Test {
protected:
    StackedMapperTest() {
        const auto make = house_.parts().make_mapper;
        const Path path{.gateway = ScriptedHouse::kGateway, .source = ScriptedHouse::kHost};
        mapper_ = std::make_unique<StackedMapper>(runner_.loop(), make, path,
                                                  make(Strategy::Pcp, runner_.loop(), path),
                                                  OuterGateway{Strategy::NatPmp, kOuter});
    }
    ~StackedMapperTest() override {
        mapper_.reset();
        house_.confirm_removals();
        runner_.run_pending();
    }

    void map(std::optional<Mapping> renew = {}) {
        answer_.reset();
        mapper_->map({.internal = {ScriptedHouse::kHost, 6667},
                      .external_port = 6667,
                      .lifetime = Lifetime(600),
                      .renew = std::move(renew)},
                     net::now() + std::chrono::seconds(5),
                     [this](Result<Mapping> answer) { answer_ = std::move(answer); });
    }
    void grant_inner(const char* external = kBetween) {
        fire(inner().map, house_.grant(Strategy::Pcp, external));
    }
    void grant_outer(const char* external = kOutside) {
        fire(outer().map, house_.grant(Strategy::NatPmp, external, kOuter));
    }
    [[nodiscard]] Mapping mapped() {
        map();
        grant_inner();
        grant_outer();
        EXPECT_TRUE(answer_ && *answer_);
        return answer_ && *answer_ ? **answer_ : Mapping{};
    }
    ScriptedHouse::Calls& inner() { return house_.at(Strategy::Pcp); }
    ScriptedHouse::Calls& outer() { return house_.at(Strategy::NatPmp, kOuter); }

    test::LoopRunner runner_;
    ScriptedHouse house_;
    std::unique_ptr<Mapper> mapper_;
    std::optional<Result<Mapping>> answer_;
};

TEST_F(StackedMapperTest, LeadsTheOuterOnesPortToTheInnerOnes) {
    map();
    EXPECT_EQ(outer().maps, 0); // nobody knows yet where it is to lead
    grant_inner();
    EXPECT_EQ(outer().request.internal.to_string(), kBetween);
    EXPECT_EQ(outer().request.external_port, 6667);
    auto granted = house_.grant(Strategy::NatPmp, kOutside, kOuter);
    granted.lifetime = Lifetime(60);
    fire(outer().map, granted);
    ASSERT_TRUE(answer_ && *answer_);
    const auto& mapping = **answer_;
    EXPECT_EQ(mapping.external.to_string(), kOutside);
    EXPECT_EQ(mapping.internal, (Endpoint{ScriptedHouse::kHost, 6667}));
    EXPECT_EQ(mapping.gateway, ScriptedHouse::kGateway);
    EXPECT_EQ(mapping.lifetime, Lifetime(60)); // the first that ends ends both
    ASSERT_EQ(mapping.hops.size(), 2U);
    EXPECT_EQ(mapping.hops[0].external.to_string(), kBetween);
    EXPECT_EQ(mapping.hops[1].gateway, kOuter);
}

TEST_F(StackedMapperTest, TakesTheInnerMappingBackWhenTheOuterOneRefuses) {
    map();
    grant_inner();
    fire(outer().map, kRefused);
    ASSERT_TRUE(answer_ && !*answer_);
    EXPECT_EQ(answer_->error().code, Errc::Refused);
    EXPECT_NE(answer_->error().message.find("10.0.0.1"), std::string::npos);
    EXPECT_EQ(inner().unmaps, 1);
}

TEST_F(StackedMapperTest, RenewsBothAsTheyWere) {
    const auto first = mapped();
    map(first);
    ASSERT_TRUE(inner().request.renew);
    EXPECT_EQ(inner().request.renew->external.to_string(), kBetween);
    EXPECT_EQ(inner().request.external_port, 7000);
    grant_inner();
    ASSERT_TRUE(outer().request.renew);
    EXPECT_EQ(outer().request.renew->external.to_string(), kOutside);
    grant_outer();
    ASSERT_TRUE(answer_ && *answer_);
    EXPECT_EQ(inner().unmaps + outer().unmaps, 0);
}

TEST_F(StackedMapperTest, KeepsARenewedInnerMappingWhenTheOuterOneIsSilent) {
    map(mapped());
    grant_inner();
    fire(outer().map, Error{Errc::Timeout, "nobody answered"});
    ASSERT_TRUE(answer_ && !*answer_);
    EXPECT_EQ(inner().unmaps, 0);
}

TEST_F(StackedMapperTest, MakesTheOuterMappingAnewWhenTheAddressBetweenChanges) {
    map(mapped());
    grant_inner("10.0.0.9:7000");
    EXPECT_EQ(outer().unmaps, 1);
    EXPECT_FALSE(outer().request.renew);
    EXPECT_EQ(outer().request.internal.to_string(), "10.0.0.9:7000");
    EXPECT_EQ(outer().request.external_port, 6667);
    grant_outer();
    ASSERT_TRUE(answer_ && *answer_);
    EXPECT_EQ((*answer_)->hops[1].internal.to_string(), "10.0.0.9:7000");
}

TEST_F(StackedMapperTest, NeedsNoOuterMappingOnceTheInnerGatewayIsOnTheInternet) {
    map(mapped());
    grant_inner(kOutside);
    ASSERT_TRUE(answer_ && *answer_);
    EXPECT_EQ((*answer_)->external.to_string(), kOutside);
    EXPECT_TRUE((*answer_)->hops.empty());
    EXPECT_EQ(outer().maps, 1);
}

TEST_F(StackedMapperTest, RemovesBothAndSaysMissingOnlyWhenBothAre) {
    const auto mapping = mapped();
    struct Row {
        Result<void> inner;
        Result<void> outer;
        std::optional<Errc> error;
    };
    for (const auto& row :
         {Row{{}, {}, {}}, Row{kMissing, {}, {}}, Row{{}, kMissing, {}},
          Row{kMissing, kMissing, Errc::NotFound}, Row{{}, kRefused, Errc::Refused}}) {
        std::optional<Result<void>> removed;
        mapper_->unmap(mapping, net::now() + std::chrono::seconds(5),
                       [&](Result<void> answer) { removed = std::move(answer); });
        fire(outer().unmap, row.outer);
        EXPECT_FALSE(removed);
        fire(inner().unmap, row.inner);
        ASSERT_TRUE(removed);
        const auto error = *removed ? std::nullopt : std::optional(removed->error().code);
        EXPECT_EQ(error, row.error);
    }
}

TEST_F(StackedMapperTest, TakesTheInnerMappingBackWhenItGoesHalfWay) {
    map();
    grant_inner();
    mapper_.reset();
    EXPECT_EQ(inner().unmaps, 1);
    EXPECT_FALSE(answer_);
    house_.confirm_removals();
    runner_.run_pending();
    EXPECT_EQ(inner().alive, 0);
    EXPECT_EQ(outer().alive, 0);
}

} // namespace
} // namespace natterjack
