// SPDX-License-Identifier: MIT
/// \file
/// \brief An opening that is released while something is under way for it.
#include <cstdlib>

#include <gtest/gtest.h>

#include "tests/support/loop_runner.hpp"
#include "tests/support/scripted_mapper.hpp"
#include "traversal/opening_state.hpp"

namespace natterjack {
namespace {

using test::fire;
using test::ScriptedHouse;

class OpeningReleaseTest : public testing::Test {
protected:
    [[nodiscard]] static std::string make_directory() {
        std::string pattern = testing::TempDir() + "release-XXXXXX";
        return mkdtemp(pattern.data());
    }

    void open(Duration afresh_interval = std::chrono::hours(1)) {
        opening_ = std::make_shared<OpeningState>(
            runner_.loop(), OpeningInfo{},
            OpeningState::Parts{.appraise = [](const Mapping&, OpeningInfo&) {},
                                .journal = parts_.journal,
                                .keeper = parts_.keeper_of(runner_.loop()),
                                .relocate = {},
                                .strategies = {},
                                .prove = {},
                                .network = {},
                                .share = {},
                                .afresh_interval = afresh_interval});
        opening_->on_changed([this](auto, const auto&, const auto&) { ++changes_; });
        opening_->start({.path = {.gateway = ScriptedHouse::kGateway},
                         .mapper = make(),
                         .make = [this] { return make(); },
                         .request = {.internal = {ScriptedHouse::kHost, 6667}},
                         .mapping = grant(7200)});
    }
    /// As its owner does it: nobody holds it any more.
    void release() {
        opening_->release();
        OpeningState::abandon(std::move(opening_));
        runner_.run_pending();
    }
    /// The end of the program.
    [[nodiscard]] std::vector<JournalEntry> left() {
        house_.keeper.reset();
        parts_.keeper_of = {};
        return parts_.journal.read(std::chrono::system_clock::now());
    }

    [[nodiscard]] std::unique_ptr<Mapper> make() {
        return parts_.make_mapper(Strategy::Igd, runner_.loop(),
                                  {.gateway = ScriptedHouse::kGateway});
    }
    [[nodiscard]] Mapping grant(std::uint32_t lifetime) {
        auto mapping = house_.grant(Strategy::Igd, "203.0.113.5:6667");
        mapping.internal = {ScriptedHouse::kHost, 6667};
        mapping.lifetime = Lifetime(lifetime);
        mapping.granted_at = net::now();
        return mapping;
    }
    ScriptedHouse::Calls& igd() { return house_.at(Strategy::Igd); }

    test::LoopRunner runner_;
    ScriptedHouse house_;
    ChainParts parts_ = house_.parts(make_directory());
    std::shared_ptr<OpeningState> opening_;
    int changes_ = 0;
};

TEST_F(OpeningReleaseTest, ARenewalUnderWayIsNotRepeatedAndNothingIsDeleted) {
    open();
    opening_->renew();
    ASSERT_TRUE(igd().map);
    release();
    ASSERT_TRUE(igd().map) << "its answer tells how long the mapping stays";
    fire(igd().map, grant(9000));
    runner_.run_pending();
    EXPECT_EQ(igd().alive, 0);
    EXPECT_EQ(igd().unmaps, 0);
    EXPECT_EQ(igd().maps, 1);
    EXPECT_EQ(changes_, 0);
    const auto entries = left();
    ASSERT_EQ(entries.size(), 1U);
    EXPECT_EQ(entries[0].mapping.lifetime, Lifetime(9000));
    EXPECT_EQ(entries[0].owner.pid, 0) << "nobody renews it";
}

TEST_F(OpeningReleaseTest, ARenewalThatFailsChangesNothing) {
    open();
    opening_->renew();
    release();
    fire(igd().map, Error{Errc::Timeout, "nobody answered"});
    runner_.run_pending();
    EXPECT_EQ(igd().alive, 0);
    EXPECT_EQ(igd().unmaps, 0);
    const auto entries = left();
    ASSERT_EQ(entries.size(), 1U);
    EXPECT_EQ(entries[0].mapping.lifetime, Lifetime(7200));
}

TEST_F(OpeningReleaseTest, WhatWasDeletedToBeMadeAgainIsMadeAgain) {
    open(Duration(0));
    opening_->renew();
    ASSERT_TRUE(igd().unmap);
    release();
    ASSERT_TRUE(igd().unmap);
    fire(igd().unmap, Result<void>());
    ASSERT_TRUE(igd().map);
    fire(igd().map, grant(7200));
    runner_.run_pending();
    EXPECT_EQ(igd().alive, 0);
    EXPECT_EQ(igd().unmaps, 1);
    EXPECT_EQ(left().size(), 1U);
}

TEST_F(OpeningReleaseTest, ALookUnderWayIsNotFollowedByARenewal) {
    open();
    opening_->look(); // by this mapper it is a renewal
    release();
    fire(igd().map, Error{Errc::NotFound, "the gateway has it no more"});
    runner_.run_pending();
    EXPECT_EQ(igd().maps, 1);
    EXPECT_EQ(igd().alive, 0);
}

} // namespace
} // namespace natterjack
