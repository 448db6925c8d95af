// SPDX-License-Identifier: MIT
// Leases and a gateway in virtual time: weeks pass in milliseconds.
#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "proto/epoch_check.hpp"
#include "proto/lease_board.hpp"

namespace natterjack {
namespace {

using namespace std::chrono_literals;
using Id = LeaseBoard::Id;
using Task = LeaseBoard::Task;

constexpr Duration kInterval = 60s;

/// A gateway that loses requests, forgets its table and refuses, and a keeper that does as its
/// board says. A look is a renewal, as with PCP and NAT-PMP, unless looks_only.
class House {
public:
    struct Manners {
        double loss = 0; ///< Of each datagram.
        bool dead = false;
        bool refuses = false;
        Lifetime lifetime{7200};
        Duration round_trip{2};
        int requests = 1; ///< Each task takes so many.
        bool looks_only = false;
        bool contradicts_itself = false; ///< Each answer makes one doubt the one before.
    };

    explicit House(unsigned seed = 1)
        : random_(seed), board(kInterval, [this] { return fraction_(random_); }) {}

    void open(Id id) {
        table[id] = now + manners.lifetime;
        board.add(id, now, manners.lifetime, {manners.requests, manners.requests});
        opened.insert(id);
    }

    void reboot() {
        table.clear();
        started_ = now;
    }

    /// Runs until \a end, whatever happens.
    void run_until(TimePoint end) {
        for (;;) {
            while (const auto action = board.poll(now)) act(*action);
            auto next = end;
            if (const auto deadline = board.deadline()) {
                if (*deadline <= now && *deadline < end) ++spins;
                next = std::min(next, *deadline);
            }
            if (!under_way_.empty()) next = std::min(next, under_way_.begin()->first);
            EXPECT_GE(next, now) << "the deadline lies in the past and nothing was to do";
            now = std::max(now, next);
            if (now >= end) return;
            while (!under_way_.empty() && under_way_.begin()->first <= now) {
                const auto [id, task] = under_way_.begin()->second;
                under_way_.erase(under_way_.begin());
                end_task(id, task);
            }
            ++wakeups;
        }
    }

    [[nodiscard]] std::size_t standing() const {
        return static_cast<std::size_t>(std::count_if(
            table.begin(), table.end(), [this](const auto& entry) { return entry.second > now; }));
    }

    /// The most requests in any second so far.
    [[nodiscard]] int peak() const { return peak_; }

    TimePoint now{100h};
    Manners manners;
    std::map<Id, TimePoint> table; // what the gateway has, and until when
    std::set<Id> opened;
    int renewals = 0;
    int looks = 0;
    int lapses = 0;
    int spins = 0;
    int wakeups = 0;
    std::vector<TimePoint> asked;

private:
    std::mt19937 random_;
    std::uniform_real_distribution<double> fraction_{0, 1};

public:
    LeaseBoard board;

private:
    void act(const LeaseBoard::Action& action) {
        if (action.task == Task::Lapse) {
            ++lapses;
            return;
        }
        ++(action.task == Task::Renew ? renewals : looks);
        asked.push_back(now);
        for (int i = 0; i < manners.requests; ++i) recent_.push_back(now);
        while (recent_.front() <= now - 1s) recent_.pop_front();
        peak_ = std::max(peak_, static_cast<int>(recent_.size()));
        const auto arrives = [&] { return fraction_(random_) >= manners.loss; };
        for (const auto sent : {0ms, 100ms, 300ms, 700ms, 1500ms, 3100ms}) { // retransmit.hpp
            if (manners.dead || !arrives() || !arrives()) continue;
            under_way_.emplace(now + sent + manners.round_trip,
                               std::pair(action.id, std::optional(action.task)));
            return;
        }
        under_way_.emplace(now + 3500ms, std::pair(action.id, std::nullopt));
    }

    void end_task(Id id, std::optional<Task> task) {
        if (!task) return board.silent(id, now);
        if (manners.refuses) return board.refused(id, now);
        if (*task == Task::Look && manners.looks_only && table.contains(id)) {
            return board.stands(id, now);
        }
        table[id] = now + manners.lifetime;
        board.granted(id, now, manners.lifetime);
        const auto epoch = std::chrono::duration_cast<std::chrono::seconds>(now - started_).count();
        const bool goes_on = epoch_.goes_on(now, Lifetime(static_cast<std::uint32_t>(epoch)));
        if (!goes_on || manners.contradicts_itself) board.doubt(now);
    }

    TimePoint started_{1h};
    EpochCheck epoch_{EpochCheck::Rule::Pcp};
    std::multimap<TimePoint, std::pair<Id, std::optional<Task>>> under_way_;
    std::deque<TimePoint> recent_;
    int peak_ = 0;
};

TEST(LeaseBoard, KeepsALeaseForAWeekWithATenthOfAllDatagramsLost) {
    for (const std::uint32_t lifetime : {60U, 600U, 7200U}) {
        House house(lifetime);
        house.manners.loss = 0.1;
        house.manners.looks_only = true;
        house.manners.lifetime = Lifetime(lifetime);
        house.open(1);
        house.run_until(house.now + 24h * 7);
        EXPECT_EQ(house.lapses, 0) << lifetime;
        EXPECT_EQ(house.standing(), 1U) << lifetime;
        EXPECT_EQ(house.spins, 0) << lifetime;
        // Every half life, give or take the jitter and the losses.
        const int expected = static_cast<int>(604800 / (lifetime / 2));
        EXPECT_GT(house.renewals, expected * 3 / 4) << lifetime;
        EXPECT_LT(house.renewals, expected * 5 / 4 + 10) << lifetime;
    }
}

TEST(LeaseBoard, KeepsALeaseForAWeekWithHalfOfAllDatagramsLost) {
    for (const std::uint32_t lifetime : {600U, 7200U}) {
        House house(lifetime);
        house.manners.loss = 0.5;
        house.manners.lifetime = Lifetime(lifetime);
        house.open(1);
        house.run_until(house.now + 24h * 7);
        EXPECT_EQ(house.lapses, 0) << lifetime;
        EXPECT_EQ(house.standing(), 1U) << lifetime;
    }
}

TEST(LeaseBoard, NoticesARebootWithinHalfTheCheckInterval) {
    for (unsigned seed = 0; seed < 50; ++seed) {
        House house(seed);
        for (Id id = 1; id <= 5; ++id) house.open(id);
        house.run_until(house.now + 1000s + seed * 977ms);
        house.reboot();
        ASSERT_EQ(house.standing(), 0U);
        house.run_until(house.now + kInterval / 2 + LeaseBoard::kSpread + 200ms);
        EXPECT_EQ(house.standing(), 5U) << seed;
    }
}

TEST(LeaseBoard, RestoresAThousandLeasesAfterARebootAtFiftyRequestsASecond) {
    for (const int requests : {1, 2, 4}) {
        House house;
        house.manners.requests = requests;
        house.manners.looks_only = true;
        for (Id id = 1; id <= 1000; ++id) {
            house.open(id);
            house.now += 20ms;
        }
        house.run_until(house.now + 600s);
        house.reboot();
        house.board.suspect(house.now, LeaseBoard::kSpread); // announced
        const auto announced = house.now;
        while (house.standing() < 1000 && house.now < announced + 1000s) {
            house.run_until(house.now + 1s);
        }
        EXPECT_EQ(house.standing(), 1000U);
        EXPECT_LE(house.now - announced, 27s * requests);
        EXPECT_LE(house.peak(), LeaseBoard::kMaxRate) << requests;
        EXPECT_EQ(house.spins, 0);
    }
}

TEST(LeaseBoard, SpreadsAThousandRenewalsAndSleepsInBetween) {
    House house;
    house.manners.looks_only = true;
    for (Id id = 1; id <= 1000; ++id) house.open(id); // all at one instant
    const auto opened = house.now;
    house.run_until(opened + 3599s);
    EXPECT_EQ(house.renewals, 0);
    EXPECT_LT(house.wakeups, 500); // two a look
    house.run_until(opened + 4600s);
    EXPECT_EQ(house.renewals, 1000);
    int busiest = 0;
    std::map<std::int64_t, int> seconds;
    for (const auto when : house.asked) {
        busiest = std::max(busiest, ++seconds[(when - opened) / 1s]);
    }
    EXPECT_LT(busiest, 12); // 1000 over 900 s
    EXPECT_EQ(house.lapses, 0);
}

TEST(LeaseBoard, KeepsAThousandShortLeasesWithinTheRate) {
    House house;
    house.manners.looks_only = true;
    house.manners.lifetime = Lifetime(60);
    for (Id id = 1; id <= 1000; ++id) house.open(id);
    house.run_until(house.now + 3600s);
    EXPECT_EQ(house.lapses, 0);
    EXPECT_EQ(house.standing(), 1000U);
    EXPECT_LE(house.peak(), LeaseBoard::kMaxRate);
}

TEST(LeaseBoard, AsksASilentGatewayWithOneLeaseAndEverSlower) {
    House house;
    for (Id id = 1; id <= 1000; ++id) house.open(id);
    house.manners.dead = true;
    house.asked.clear();
    const auto died = house.now;
    house.run_until(died + 7100s); // before they lapse, after all were due
    EXPECT_LT(house.asked.size(), 300U);
    for (std::size_t i = 1; i < house.asked.size(); ++i) {
        EXPECT_GE(house.asked[i] - house.asked[i - 1], LeaseBoard::kMinPause);
    }
    house.run_until(died + 7300s);
    EXPECT_EQ(house.lapses, 1000); // each is told once
    house.manners.dead = false;
    house.table.clear();
    house.run_until(house.now + kInterval + 30s); // the longest wait, and a thousand at our pace
    EXPECT_EQ(house.standing(), 1000U);
    EXPECT_LE(house.peak(), LeaseBoard::kMaxRate);
}

TEST(LeaseBoard, AsksAtOnceWhenASilentGatewayAnnouncesItself) {
    House house;
    house.open(1);
    house.manners.dead = true;
    house.run_until(house.now + 1h);
    house.manners.dead = false;
    house.reboot();
    house.run_until(house.now + 3600ms); // what is under way fails
    house.board.suspect(house.now, LeaseBoard::kSpread);
    house.run_until(house.now + 1100ms);
    EXPECT_EQ(house.standing(), 1U);
}

TEST(LeaseBoard, TakesEveryLifetimeThereIs) {
    struct Row {
        std::uint32_t lifetime;
        int most_renewals; // in a day
        int lapses;        // at most
    };
    for (const auto& row : {
             Row{0, 30, 0},         // without end: looked after
             Row{1, 21600, 21600},  // no renewal faster than every 4 s: it comes and goes
             Row{60, 2880, 0},      //
             Row{0xFFFFFFFF, 0, 0}, // due in 68 years
         }) {
        House house;
        house.manners.looks_only = true;
        house.manners.lifetime = Lifetime(row.lifetime);
        house.open(1);
        house.run_until(house.now + 24h);
        EXPECT_LE(house.renewals, row.most_renewals) << row.lifetime;
        EXPECT_LE(house.lapses, row.lapses) << row.lifetime;
        EXPECT_EQ(house.spins, 0) << row.lifetime;
        EXPECT_GE(house.looks, 2400) << row.lifetime;
    }
}

TEST(LeaseBoard, BacksOffWhenTheGatewayRefuses) {
    House house;
    house.manners.looks_only = true;
    house.open(1);
    house.manners.refuses = true;
    house.run_until(house.now + 24h);
    EXPECT_EQ(house.lapses, 1);
    EXPECT_LT(house.renewals, 150);
    const auto renewals = house.renewals;
    house.manners.refuses = false;
    house.run_until(house.now + 20 * 60s); // a quarter of an hour at most, and its jitter
    EXPECT_GT(house.renewals, renewals);
    EXPECT_EQ(house.standing(), 1U);
}

TEST(LeaseBoard, IsNotHurriedByAStormOfAnnouncements) {
    House house;
    for (Id id = 1; id <= 10; ++id) house.open(id);
    house.asked.clear();
    const auto began = house.now;
    for (int i = 0; i < 6000; ++i) { // a minute of forged ones, every 10 ms
        house.board.suspect(house.now, LeaseBoard::kSpread);
        house.run_until(house.now + 10ms);
    }
    house.run_until(house.now + 5s);
    const auto seconds = (house.now - began) / 1s;
    EXPECT_LE(static_cast<std::int64_t>(house.asked.size()), 10 * (seconds / 4 + 2));
}

TEST(LeaseBoard, IsNotDrivenByAGatewayThatContradictsItself) {
    House house;
    for (Id id = 1; id <= 10; ++id) house.open(id);
    house.manners.contradicts_itself = true;
    house.run_until(house.now + 10min);
    house.asked.clear();
    house.run_until(house.now + 1h);
    const auto rounds = 1h / LeaseBoard::kMaxPause + 1;
    const auto looks = 1h / (kInterval / 2 - kInterval / 8) + 1;
    EXPECT_LE(static_cast<std::int64_t>(house.asked.size()), 10 * rounds + looks);
    house.reboot(); // nothing tells this from what it says all the time
    house.run_until(house.now + LeaseBoard::kMaxPause + 2s);
    EXPECT_EQ(house.standing(), 10U);
    house.manners.contradicts_itself = false; // what it says makes sense again
    house.run_until(house.now + 10min);
    house.reboot();
    house.run_until(house.now + kInterval / 2 + 2s);
    EXPECT_EQ(house.standing(), 10U);
}

TEST(LeaseBoard, LooksAtEveryLeaseInTurn) {
    House house;
    house.manners.looks_only = true;
    for (Id id = 1; id <= 4; ++id) house.open(id);
    house.table.erase(3);
    house.run_until(house.now + 4 * kInterval / 2 + 1s);
    EXPECT_TRUE(house.table.contains(3));
}

TEST(LeaseBoard, ForgetsALeaseAtAnyMoment) {
    House house;
    for (Id id = 1; id <= 3; ++id) house.open(id);
    house.board.suspect(house.now, Duration(0));
    const auto first = house.board.poll(house.now);
    const auto second = house.board.poll(house.now);
    ASSERT_TRUE(first && second);
    house.board.remove(first->id); // under way
    house.board.depart(second->id);
    const auto third = house.board.poll(house.now);
    ASSERT_TRUE(third);
    EXPECT_NE(third->id, first->id);
    EXPECT_NE(third->id, second->id);
    house.board.stands(third->id, house.now);
    house.board.remove(third->id); // at rest
    EXPECT_TRUE(house.board.empty());
    EXPECT_FALSE(house.board.poll(house.now + 24h));
    EXPECT_FALSE(house.board.deadline());
}

TEST(LeaseBoard, LooksAtOneLeaseWhenSomebodyElseAnnouncesHimself) {
    House house;
    for (Id id = 1; id <= 100; ++id) house.open(id);
    house.run_until(house.now + 1s);
    const auto before = house.asked.size();
    const auto heard_at = house.now;
    for (int i = 0; i < 1000; ++i) { // for ten seconds, a hundred a second
        house.board.glance(house.now);
        house.run_until(house.now + 10ms);
    }
    ASSERT_GT(house.asked.size(), before);
    EXPECT_EQ(house.asked[before], heard_at);
    EXPECT_LE(house.asked.size(), before + 4); // every kMinPause
}

TEST(LeaseBoard, WhoIsRefusedIsNotLookedAtForHalfAMinute) {
    House house;
    house.open(1);
    house.board.shorten_interval(house.now, 2s);
    house.manners.refuses = true;
    house.run_until(house.now + 1h);
    ASSERT_GT(house.asked.size(), 50U);
    for (std::size_t i = 1; i < house.asked.size(); ++i) {
        EXPECT_GE(house.asked[i] - house.asked[i - 1], LeaseBoard::kRefusalPause);
        EXPECT_LE(house.asked[i] - house.asked[i - 1], LeaseBoard::kRefusalPause + 2s);
    }
    house.manners.refuses = false; // there is room again
    house.reboot();
    house.run_until(house.now + LeaseBoard::kRefusalPause + 2s);
    EXPECT_EQ(house.standing(), 1U);
}

TEST(LeaseBoard, WhoseLeaseIsOverAndIsRefusedAsksNoMoreThanEveryHalfMinute) {
    House house;
    house.manners.lifetime = Lifetime(20);
    house.open(1);
    house.manners.refuses = true;
    const auto end = house.now + 20s;
    house.run_until(house.now + 1h);
    std::vector<TimePoint> after;
    std::copy_if(house.asked.begin(), house.asked.end(), std::back_inserter(after),
                 [end](TimePoint when) { return when >= end; });
    ASSERT_GT(after.size(), 3U);
    for (std::size_t i = 1; i < after.size(); ++i) {
        EXPECT_GE(after[i] - after[i - 1], LeaseBoard::kRefusalPause);
    }
}

} // namespace
} // namespace natterjack
