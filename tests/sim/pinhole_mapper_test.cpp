// SPDX-License-Identifier: MIT
#include <optional>

#include <gtest/gtest.h>

#include "tests/support/loop_runner.hpp"
#include "tests/support/scripted_mapper.hpp"
#include "traversal/pinhole_mapper.hpp"

namespace natterjack {
namespace {

using test::fire;
using test::ScriptedHouse;

const Error kDisowned{Errc::Refused, "not yours"};

/// PCP, and IGD beside it.
class PinholeMapperTest : public testing::Test {
protected:
    PinholeMapperTest() { make_mapper(house_.parts().make_mapper); }
    ~PinholeMapperTest() override {
        mapper_.reset();
        house_.confirm_removals();
        runner_.run_pending();
    }

    void make_mapper(const MakeMapper& second) {
        const Path path{.gateway = ScriptedHouse::kGateway, .source = ScriptedHouse::kHost};
        mapper_ = std::make_unique<PinholeMapper>(
            runner_.loop(), second, path,
            house_.parts().make_mapper(Strategy::Pcp, runner_.loop(), path));
    }

    void unmap(Duration patience = kUndoLimit) {
        mapper_->unmap({.strategy = Strategy::Pcp,
                        .internal = {ScriptedHouse::kHost, 6667},
                        .external = {ScriptedHouse::kHost, 6667},
                        .lifetime = Lifetime(7200),
                        .gateway = ScriptedHouse::kGateway,
                        .nonce = {7}},
                       net::now() + patience,
                       [this](Result<void> answer) { answer_ = std::move(answer); });
    }

    /// The router cuts the lifetime to two minutes, and not more.
    void refuse_and_shorten() {
        fire(pcp().unmap, kDisowned);
        ASSERT_TRUE(pcp().request.renew);
        EXPECT_EQ(pcp().request.renew->nonce[0], 7);
        EXPECT_EQ(pcp().request.lifetime, Lifetime(1));
        auto shorter = house_.grant(Strategy::Pcp, "192.168.1.2:6667");
        shorter.lifetime = Lifetime(120);
        fire(pcp().map, shorter);
    }

    void expect_refusal() {
        ASSERT_TRUE(answer_ && !*answer_);
        EXPECT_EQ(answer_->error().code, Errc::Refused);
        EXPECT_EQ(answer_->error().message, "not yours; it ends by itself in 120 s");
    }

    ScriptedHouse::Calls& pcp() { return house_.at(Strategy::Pcp); }
    ScriptedHouse::Calls& igd() { return house_.at(Strategy::Igd); }

    test::LoopRunner runner_;
    ScriptedHouse house_;
    std::unique_ptr<Mapper> mapper_;
    std::optional<Result<void>> answer_;
};

TEST_F(PinholeMapperTest, DeletesByTheProtocolThatOpened) {
    unmap();
    fire(pcp().unmap, Result<void>());
    EXPECT_TRUE(answer_ && *answer_);
    EXPECT_EQ(igd().alive, 0);
    EXPECT_EQ(pcp().maps, 0);
}

TEST_F(PinholeMapperTest, DeletesByItsNumberWhatTheRouterDoesNotLetGo) {
    unmap();
    refuse_and_shorten();
    EXPECT_EQ(igd().request.internal, (Endpoint{ScriptedHouse::kHost, 6667}));
    EXPECT_FALSE(igd().request.renew);
    fire(igd().map, house_.grant(Strategy::Igd, "192.168.1.2:6667"));
    fire(igd().unmap, Result<void>());
    EXPECT_FALSE(answer_);
    EXPECT_EQ(pcp().unmaps, 2);
    fire(pcp().unmap, Error{Errc::NotFound, "no such mapping"});
    EXPECT_TRUE(answer_ && *answer_);
}

TEST_F(PinholeMapperTest, DoesNotBelieveThatTheOtherTableIsTheSame) {
    unmap();
    refuse_and_shorten();
    fire(igd().map, house_.grant(Strategy::Igd, "192.168.1.2:6667"));
    fire(igd().unmap, Result<void>());
    fire(pcp().unmap, kDisowned);
    expect_refusal();
}

TEST_F(PinholeMapperTest, LooksTwiceForARouterThatMayBeBusy) {
    unmap();
    refuse_and_shorten();
    fire(igd().map, Error{Errc::Timeout, "nobody answered"});
    EXPECT_FALSE(answer_);
    fire(igd().map, house_.grant(Strategy::Igd, "192.168.1.2:6667"));
    fire(igd().unmap, Result<void>());
    fire(pcp().unmap, Result<void>());
    EXPECT_TRUE(answer_ && *answer_);
}

TEST_F(PinholeMapperTest, LooksNotAgainWhenThereIsNoTimeLeft) {
    unmap(Duration(0));
    refuse_and_shorten();
    fire(igd().map, Error{Errc::Timeout, "nobody answered"});
    expect_refusal();
    EXPECT_EQ(igd().maps, 1);
}

TEST_F(PinholeMapperTest, TakesNoForAnAnswer) {
    unmap();
    refuse_and_shorten();
    fire(igd().map, Error{Errc::Refused, "pinholes are not allowed"});
    expect_refusal();
    EXPECT_EQ(igd().maps, 1);
}

TEST_F(PinholeMapperTest, SaysForHowLongItStaysWhereThereIsNoOtherWay) {
    unmap();
    refuse_and_shorten();
    fire(igd().map, Error{Errc::Timeout, "nobody answered"});
    fire(igd().map, Error{Errc::Timeout, "nobody answered"});
    expect_refusal();
    EXPECT_EQ(igd().unmaps, 0);
    ASSERT_TRUE(mapper_->remainder());
    EXPECT_EQ(mapper_->remainder()->lifetime, Lifetime{120});
}

TEST_F(PinholeMapperTest, SaysSoTooWhereThisBuildHasNoOtherWay) {
    make_mapper([](Strategy, const Loop&, const Path&) { return nullptr; });
    unmap();
    refuse_and_shorten();
    expect_refusal();
}

TEST_F(PinholeMapperTest, LeavesARouterAloneThatIsSilent) {
    unmap();
    fire(pcp().unmap, Error{Errc::Timeout, "nobody answered"});
    ASSERT_TRUE(answer_ && !*answer_);
    EXPECT_EQ(answer_->error().code, Errc::Timeout);
    EXPECT_EQ(pcp().maps + igd().maps, 0);
}

} // namespace
} // namespace natterjack
