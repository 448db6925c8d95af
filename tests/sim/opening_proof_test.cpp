// SPDX-License-Identifier: MIT
/// \file
/// \brief An opening that is tried from outside again: what it does about a dead mapping.
#include <gtest/gtest.h>

#include "support/loop_runner.hpp"
#include "support/scripted_mapper.hpp"
#include "traversal/opening_state.hpp"

namespace natterjack {
namespace {

using test::fire;
using test::ScriptedHouse;

constexpr const char* kOutside = "203.0.113.5:6667";

class OpeningProofTest : public testing::Test {
protected:
    void SetUp() override {
        lease_ = {.path = {.gateway = ScriptedHouse::kGateway, .source = ScriptedHouse::kHost},
                  .mapper = make(Strategy::Igd),
                  .make = [this] { return make(Strategy::Igd); },
                  .request = {.internal = {ScriptedHouse::kHost, 6667}}};
        lease_.mapping = grant(Strategy::Igd);
    }
    void TearDown() override {
        opening_.reset();
        runner_.run_pending();
    }

    [[nodiscard]] std::unique_ptr<Mapper> make(Strategy strategy) {
        return house_.parts().make_mapper(strategy, runner_.loop(),
                                          {.gateway = ScriptedHouse::kGateway});
    }
    [[nodiscard]] Mapping grant(Strategy strategy) {
        auto mapping = house_.grant(strategy, kOutside);
        mapping.internal = {ScriptedHouse::kHost, 6667};
        mapping.lifetime = Lifetime(7200);
        return mapping;
    }

    /// Opens. Each later proof waits in proof_ for its verdict.
    void open(std::vector<Strategy> strategies) {
        auto parts = house_.parts();
        OpeningInfo info{.internal = lease_.mapping.internal,
                         .external = lease_.mapping.external,
                         .strategy = Strategy::Igd,
                         .proof = proved_,
                         .gateway = ScriptedHouse::kGateway};
        opening_ = std::make_shared<OpeningState>(
            runner_.loop(), info,
            OpeningState::Parts{
                .appraise = [](const Mapping& mapping,
                               OpeningInfo& out) { out.external = mapping.external; },
                .journal = parts.journal,
                .keeper = parts.keeper_of(runner_.loop()),
                .relocate =
                    [this](const std::shared_ptr<OpeningState>&, const Mapping&,
                           std::optional<Strategy> avoided) {
                        avoided_ = avoided;
                        ++relocations_;
                        return std::make_shared<int>();
                    },
                .strategies = std::move(strategies),
                .prove =
                    [this](const Path&, const Mapping&, TimePoint,
                           std::function<void(ProofVerdict)> handler) {
                        proof_ = std::move(handler);
                        return std::make_shared<int>();
                    },
                .check_interval = Duration(1),
                .afresh_interval = afresh_interval_});
        opening_->on_changed(
            [this](Opening::Change, const OpeningInfo& before, const OpeningInfo& after) {
                changes_.emplace_back(before.proof, after.proof);
            });
        opening_->start(std::move(lease_));
    }

    /// Runs until \a done; the gateway says meanwhile that all stands.
    [[nodiscard]] bool run_until(const std::function<bool()>& done) {
        return runner_.run_until([&] {
            auto& igd = house_.at(Strategy::Igd);
            if (done()) return true;
            if (igd.map) fire(igd.map, grant(Strategy::Igd));
            return false;
        });
    }
    void judge(Proof proof) {
        ASSERT_TRUE(run_until([this] { return bool(proof_); }));
        std::exchange(proof_, nullptr)({.proof = proof, .level = {}, .evidence = "scripted"});
    }
    /// The dead mapping is deleted, and made again.
    void remake() {
        auto& igd = house_.at(Strategy::Igd);
        ASSERT_TRUE(run_until([&] { return bool(igd.unmap); }));
        fire(igd.unmap, Result<void>());
        ASSERT_TRUE(igd.map);
        fire(igd.map, grant(Strategy::Igd));
    }
    /// Dead, and three remakes do not help.
    void stay_dead() {
        for (int i = 0; i < ProofSchedule::kRemakes; ++i) {
            judge(Proof::Refuted);
            remake();
            judge(Proof::Refuted);
        }
    }

    using Changes = std::vector<std::pair<Proof, Proof>>;
    test::LoopRunner runner_;
    ScriptedHouse house_;
    Lease lease_;
    std::shared_ptr<OpeningState> opening_;
    std::function<void(ProofVerdict)> proof_;
    Changes changes_;
    std::optional<Strategy> avoided_;
    int relocations_ = 0;
    Proof proved_ = Proof::Proved;
    Duration afresh_interval_{60 * 60 * 1000};
};

TEST_F(OpeningProofTest, ADeadMappingIsDeletedAndMadeAgainAndTried) {
    open({Strategy::Igd});
    judge(Proof::Refuted);
    remake();
    judge(Proof::Proved);
    EXPECT_EQ(changes_,
              (Changes{{Proof::Proved, Proof::Refuted}, {Proof::Refuted, Proof::Proved}}));
    EXPECT_EQ(opening_->info().proof_evidence, "scripted");
    EXPECT_EQ(relocations_, 0);
}

TEST_F(OpeningProofTest, WhatCannotBeToldChangesNothing) {
    open({Strategy::Igd});
    judge(Proof::Claimed);
    judge(Proof::Claimed);
    EXPECT_EQ(changes_, Changes{});
    EXPECT_EQ(opening_->info().proof, Proof::Proved);
    EXPECT_EQ(house_.at(Strategy::Igd).unmaps, 0);
}

TEST_F(OpeningProofTest, RemakesInVainLeadToTheOtherStrategies) {
    open({Strategy::Igd, Strategy::Pcp});
    stay_dead();
    auto& igd = house_.at(Strategy::Igd);
    ASSERT_TRUE(run_until([&] { return bool(igd.unmap); }));
    EXPECT_EQ(relocations_, 0); // both may write into one table, so the dead one goes first
    fire(igd.unmap, Result<void>());
    ASSERT_EQ(relocations_, 1);
    EXPECT_EQ(avoided_, Strategy::Igd);
    Lease found{.path = {.gateway = ScriptedHouse::kGateway},
                .mapper = make(Strategy::Pcp),
                .make = [this] { return make(Strategy::Pcp); },
                .request = {},
                .mapping = grant(Strategy::Pcp)};
    opening_->settle_in(std::move(found), [](const Mapping&, OpeningInfo&) {}, {});
    EXPECT_EQ(opening_->info().strategy, Strategy::Pcp);
    EXPECT_EQ(opening_->info().proof, Proof::Claimed);
    judge(Proof::Proved);
    EXPECT_EQ(opening_->info().proof, Proof::Proved);
}

TEST_F(OpeningProofTest, WhereNoOtherStrategyServesTheMappingIsMadeAgain) {
    open({Strategy::Igd, Strategy::Pcp});
    stay_dead();
    auto& igd = house_.at(Strategy::Igd);
    ASSERT_TRUE(run_until([&] { return bool(igd.unmap); }));
    fire(igd.unmap, Result<void>());
    ASSERT_EQ(relocations_, 1);
    opening_->could_not_move({Errc::NotFound, "nobody"});
    remake();
    EXPECT_EQ(opening_->info().strategy, Strategy::Igd);
}

TEST_F(OpeningProofTest, WithoutAnotherStrategyItStaysWhereItIs) {
    open({Strategy::Igd, Strategy::Ice});
    stay_dead();
    judge(Proof::Refuted);
    remake();
    EXPECT_EQ(relocations_, 0);
    EXPECT_EQ(changes_, (Changes{{Proof::Proved, Proof::Refuted}}));
}

TEST_F(OpeningProofTest, ARenewalOnlyRenewsWhatIsProved) {
    afresh_interval_ = Duration(0);
    open({Strategy::Igd});
    opening_->renew();
    EXPECT_TRUE(house_.at(Strategy::Igd).map);
    EXPECT_FALSE(house_.at(Strategy::Igd).unmap);
}

TEST_F(OpeningProofTest, ARenewalMakesAnOldUpnpMappingAfreshThatNobodyTries) {
    afresh_interval_ = Duration(0);
    proved_ = Proof::Claimed;
    open({Strategy::Igd});
    opening_->renew();
    EXPECT_FALSE(house_.at(Strategy::Igd).map);
    ASSERT_TRUE(house_.at(Strategy::Igd).unmap);
    fire(house_.at(Strategy::Igd).unmap, Result<void>());
    EXPECT_TRUE(house_.at(Strategy::Igd).request.renew);
    EXPECT_TRUE(house_.at(Strategy::Igd).map);
}

TEST_F(OpeningProofTest, ARenewalLeavesAYoungMappingInPlace) {
    proved_ = Proof::Claimed;
    open({Strategy::Igd});
    opening_->renew();
    EXPECT_TRUE(house_.at(Strategy::Igd).map);
    EXPECT_FALSE(house_.at(Strategy::Igd).unmap);
}

TEST_F(OpeningProofTest, AnOpeningThatIsClosedIsNotTriedAnyMore) {
    open({Strategy::Igd});
    ASSERT_TRUE(run_until([this] { return bool(proof_); }));
    proof_ = nullptr;
    opening_->close([](const Result<void>&) {});
    fire(house_.at(Strategy::Igd).unmap, Result<void>());
    runner_.run_for(Duration(30));
    EXPECT_FALSE(proof_);
}

} // namespace
} // namespace natterjack
