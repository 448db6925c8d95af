// SPDX-License-Identifier: MIT
#include <map>

#include <gtest/gtest.h>

#include "proto/hop_search.hpp"
#include "tests/support/simulator.hpp"

namespace natterjack {
namespace {

using namespace std::chrono_literals;

const IpAddress kTarget = IpAddress::v4(0x19000001);
const IpAddress kHome = IpAddress::v4(0xC0A80001);
const IpAddress kBuilding = IpAddress::v4(0x0A000001);
const IpAddress kProvider = IpAddress::v4(0x64400001);

/// A row of routers; those with address 0.0.0.0 are silent. The target stands behind the last.
struct Way {
    std::vector<IpAddress> routers;
    bool target_answers = true;
    bool refused_by_last = false;   ///< The last router knows no way to the target.
    Duration one_hop{10};           ///< There and back, for each hop.
    std::map<int, int> losses = {}; ///< Hop limit -> how many of its probes to lose first.
};

class Traced {
public:
    Traced(Way way, Duration limit, HopSearch::Options options = {})
        : way_(std::move(way)),
          search_(kTarget, sim_.now() + limit, options),
          started_(sim_.now()) {
        search_.start(started_);
        pump();
        sim_.run_until([&] { return search_.result().has_value(); });
    }

    [[nodiscard]] const HopList& result() const { return *search_.result(); }
    [[nodiscard]] auto took() const { return sim_.now() - started_; }
    [[nodiscard]] std::vector<IpAddress> routers() const {
        std::vector<IpAddress> out;
        for (const auto& hop : result().hops) out.push_back(hop.router);
        return out;
    }
    [[nodiscard]] int sent(int hop_limit) const {
        const auto found = sent_.find(hop_limit);
        return found == sent_.end() ? 0 : found->second;
    }

private:
    void pump() {
        while (const auto probe = search_.poll_transmit()) travel(*probe);
        if (const auto deadline = search_.deadline()) {
            sim_.at(*deadline, [&] {
                search_.handle_timeout(sim_.now());
                pump();
            });
        }
    }

    void travel(const HopSearch::Probe& probe) {
        ++sent_[probe.hop_limit];
        if (way_.losses[probe.hop_limit]-- > 0) return;
        const int length = static_cast<int>(way_.routers.size());
        const int reaches = std::min(probe.hop_limit, length + 1);
        if (reaches > length && !way_.target_answers) return;
        const bool refused = way_.refused_by_last && reaches >= length;
        const auto at = refused ? length : reaches;
        sim_.after(at * way_.one_hop, [this, probe, at, refused, length] {
            if (at > length) {
                search_.handle_port_unreachable(probe.to);
            } else if (refused) {
                search_.handle_unreachable(probe.to, way_.routers.back(), sim_.now());
            } else {
                const auto& router = way_.routers[static_cast<std::size_t>(at - 1)];
                if (!router.is_unspecified()) {
                    search_.handle_time_exceeded(probe.to, router, sim_.now());
                }
            }
            pump();
        });
    }

    test::Simulator sim_;
    Way way_;
    HopSearch search_;
    TimePoint started_;
    std::map<int, int> sent_;
};

TEST(HopSearch, FindsTheWholeWayInTheTimeOfItsLongestHop) {
    const Traced trace({.routers = {kHome, kBuilding}}, 2s);
    EXPECT_EQ(trace.routers(), (std::vector{kHome, kBuilding}));
    EXPECT_EQ(trace.result().end, HopList::End::Reached);
    EXPECT_EQ(trace.took(), 30ms);
    EXPECT_EQ(trace.result().hops[0].distance, 1);
    EXPECT_EQ(trace.result().hops[1].distance, 2);
    EXPECT_EQ(trace.result().hops[1].round_trip, 20ms);
}

TEST(HopSearch, StopsAtItsLastHop) {
    const Traced trace({.routers = {kHome, kBuilding, kProvider, kProvider, kProvider}}, 2s,
                       {.max_hops = 2});
    EXPECT_EQ(trace.routers(), (std::vector{kHome, kBuilding}));
    EXPECT_EQ(trace.result().end, HopList::End::Open);
    EXPECT_EQ(trace.took(), 20ms);
    EXPECT_EQ(trace.sent(3), 0);
}

TEST(HopSearch, MayBeginFurtherOff) {
    const Traced trace({.routers = {kHome, kBuilding, kProvider}}, 2s,
                       {.first_hop = 2, .max_hops = 2});
    ASSERT_EQ(trace.routers(), std::vector{kBuilding});
    EXPECT_EQ(trace.result().hops[0].distance, 2);
    EXPECT_EQ(trace.sent(1), 0);
    const Traced near({.routers = {}}, 2s, {.first_hop = 2, .max_hops = 3});
    EXPECT_TRUE(near.result().hops.empty());
    EXPECT_EQ(near.result().end, HopList::End::Reached);
}

TEST(HopSearch, RepeatsWhatWasLost) {
    const Traced trace({.routers = {kHome, kBuilding}, .losses = {{1, 2}, {2, 1}}}, 2s);
    EXPECT_EQ(trace.routers(), (std::vector{kHome, kBuilding}));
    EXPECT_EQ(trace.took(), 310ms); // the third send of the first
    EXPECT_EQ(trace.sent(1), 3);
    EXPECT_EQ(trace.sent(2), 2);
    EXPECT_EQ(trace.result().hops[0].round_trip, 10ms); // of the probe that got through
}

TEST(HopSearch, KeepsThePlaceOfASilentRouter) {
    const Traced trace({.routers = {kHome, IpAddress(), kProvider}}, 1s);
    EXPECT_EQ(trace.routers(), (std::vector{kHome, IpAddress(), kProvider}));
    EXPECT_EQ(trace.result().end, HopList::End::Reached);
    EXPECT_EQ(trace.took(), 1s);
    EXPECT_EQ(trace.sent(2), 4); // 0, 100, 300, 700 ms
    EXPECT_EQ(trace.sent(1), 1);
}

TEST(HopSearch, LeavesOutSilentRoutersBehindWhichNobodyAnswers) {
    const Traced trace({.routers = {kHome, IpAddress(), IpAddress()}, .target_answers = false}, 1s);
    EXPECT_EQ(trace.routers(), (std::vector{kHome}));
    EXPECT_EQ(trace.result().end, HopList::End::Open);
}

TEST(HopSearch, EndsWhereTheWayIsRefused) {
    const Traced trace({.routers = {kHome, kBuilding}, .refused_by_last = true}, 1s);
    EXPECT_EQ(trace.routers(), (std::vector{kHome, kBuilding}));
    EXPECT_EQ(trace.result().end, HopList::End::Refused);
    EXPECT_EQ(trace.took(), 20ms);
}

TEST(HopSearch, CountsOnceARouterThatLetsOneDieAndRefusesTheNext) {
    const TimePoint start{1h};
    HopSearch search(kTarget, start + 1s, {.max_hops = 3});
    search.start(start);
    search.handle_unreachable({kTarget, 33436}, kBuilding, start);
    search.handle_time_exceeded({kTarget, 33435}, kBuilding, start);
    search.handle_time_exceeded({kTarget, 33434}, kHome, start);
    ASSERT_TRUE(search.result());
    ASSERT_EQ(search.result()->hops.size(), 2U);
    EXPECT_EQ(search.result()->end, HopList::End::Refused);
}

TEST(HopSearch, NeedsNoRouterBetweenNeighbours) {
    const Traced trace({.routers = {}}, 1s);
    EXPECT_TRUE(trace.result().hops.empty());
    EXPECT_EQ(trace.result().end, HopList::End::Reached);
    EXPECT_EQ(trace.took(), 10ms);
}

TEST(HopSearch, GivesUpAtTheVeryInstant) {
    const Traced trace({.routers = {IpAddress(), IpAddress()}, .target_answers = false}, 1s);
    EXPECT_TRUE(trace.result().hops.empty());
    EXPECT_EQ(trace.took(), 1s);
}

TEST(HopSearch, IgnoresWhatIsNotAboutItsProbes) {
    const TimePoint start{1h};
    HopSearch search(kTarget, start + 1s, {.max_hops = 2});
    search.start(start);
    const auto stranger = IpAddress::v4(0x19000009);
    for (const Endpoint& to : {Endpoint{stranger, 33434}, Endpoint{kTarget, 33433},
                               Endpoint{kTarget, 33436}, Endpoint{kTarget, 0}}) {
        search.handle_time_exceeded(to, stranger, start);
        search.handle_unreachable(to, stranger, start);
        search.handle_port_unreachable(to);
    }
    search.handle_time_exceeded({kTarget, 33434}, IpAddress(), start);
    search.handle_unreachable({kTarget, 33434}, IpAddress(), start);
    EXPECT_FALSE(search.result());
    search.handle_time_exceeded({kTarget, 33434}, kHome, start);
    search.handle_time_exceeded({kTarget, 33434}, stranger, start); // the first word counts
    search.handle_time_exceeded({kTarget, 33435}, kBuilding, start);
    ASSERT_TRUE(search.result());
    EXPECT_EQ(search.result()->hops[0].router, kHome);
    search.handle_unreachable({kTarget, 33434}, stranger, start); // late: changes nothing
    EXPECT_EQ(search.result()->hops[0].router, kHome);
    EXPECT_FALSE(search.deadline());
    EXPECT_FALSE(search.poll_transmit());
}

} // namespace
} // namespace natterjack
