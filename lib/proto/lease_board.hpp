// SPDX-License-Identifier: MIT
/// \file
/// \brief All leases that we have with one gateway: which to see to, and when. Sans-IO.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/time.hpp"
#include "proto/lease_schedule.hpp"

namespace natterjack {

/// Renews each lease in time, looks now and then whether the gateway still has what it granted, and
/// sees to all of them when it may have lost them. However many there are, the gateway never gets
/// more than kMaxRate requests a second, and while it is silent only one lease asks, ever slower.
///
/// The caller owns time: it drains poll(), does what it says, reports how that ended, and sleeps
/// until deadline():
///
///     add(...) -> { poll(now) -> granted | stands | refused | silent }* -> remove(...)
///
/// Not thread-safe. Never calls back into the caller.
class LeaseBoard {
public:
    using Id = std::uint64_t;

    /// Requests a second to one gateway: a home router serves several hundred, but it serves all
    /// hosts of the house.
    static constexpr int kMaxRate = 50;
    /// Renewals under way at one time. Each may repeat its question four times in its first second
    /// (retransmit.hpp), NAT-PMP two questions: still within kMaxRate.
    static constexpr std::size_t kMaxUnderWay = 4;
    /// How long the leases' restoration is spread after a loss, so that the hosts of a house do not
    /// ask their gateway all at once when it comes back.
    static constexpr Duration kSpread{1000};
    /// All leases are not seen to again within this time, whatever anybody announces.
    static constexpr Duration kMinPause{4000};
    /// ... nor within this, when it is the answers to the last look at all of them that raise the
    /// next doubt: the pause grows to this then.
    static constexpr Duration kMaxPause{120000};
    /// Whoever was refused, as by a gateway whose table is full, is not looked at sooner, nor does
    /// it ask sooner once its lease is over: what RFC 6887 section 7.4 calls a short lifetime
    /// error.
    static constexpr Duration kRefusalPause{30000};

    enum class Task : std::uint8_t {
        Renew, ///< Ask for the mapping again.
        Look,  ///< Find out whether it still stands.
        Lapse  ///< Its lifetime is over without a renewal. Needs no report.
    };
    struct Action {
        Task task = Task::Renew;
        Id id = 0;

        friend bool operator==(const Action&, const Action&) = default;
    };
    /// Requests that a task takes, on average.
    struct Cost {
        int renew = 1;
        int look = 1;
    };

    /// \a check_interval: a gateway that lost its tables without a word is noticed within half of
    /// it. \a random: 0 to 1, for each call anew.
    LeaseBoard(Duration check_interval, std::function<double()> random)
        : check_interval_(check_interval), random_(std::move(random)) {}

    /// A lease was granted at \a now.
    void add(Id id, TimePoint now, Lifetime lifetime, Cost cost);
    void remove(Id id);

    /// How a task ended. A renewal, also one that a look turned into, was granted.
    void granted(Id id, TimePoint now, Lifetime lifetime);
    /// A look found all well.
    void stands(Id id, TimePoint now);
    /// The gateway said no.
    void refused(Id id, TimePoint now);
    /// The gateway said nothing.
    void silent(Id id, TimePoint now);

    /// The gateway may have lost everything: looks at every lease, within \a spread as far as
    /// kMaxRate allows.
    void suspect(TimePoint now, Duration spread);

    /// An answer of the gateway does not go with those before. As suspect(), but ever later while
    /// each look at all of them ends in the next doubt: some gateways have a clock that stands
    /// still, or two uplinks and name the one or the other. False: nothing new, an answer to such a
    /// look, or soon after it.
    bool doubt(TimePoint now);

    /// The gateway may have lost everything, or it was another one: looks at one lease.
    void glance(TimePoint now);

    /// This lease is to be seen to at once, as its own place on the network has changed.
    void hurry(Id id, TimePoint now);
    /// This lease has left for another gateway: its silence says nothing about the others.
    void depart(Id id);
    /// From now on, if that is shorter than before.
    void shorten_interval(TimePoint now, Duration check_interval);

    /// What to do now; empty: nothing until deadline().
    [[nodiscard]] std::optional<Action> poll(TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const;
    /// The last question was not answered.
    [[nodiscard]] bool is_gateway_silent() const { return retry_.has_value(); }
    [[nodiscard]] bool empty() const { return leases_.empty(); }

private:
    struct Lease {
        LeaseSchedule schedule;
        Cost cost;
        TimePoint due; ///< In step with due_, unless under way.
        bool under_way = false;
        bool suspected = false; ///< What is due, or under way, is a look.
        bool again = false;     ///< Suspected while under way.
        TimePoint quiet_until;  ///< Was refused.
    };
    using Queue = std::set<std::pair<TimePoint, Id>>;

    void suspect_after(Duration pause, TimePoint now, Duration spread);
    void plan(Id id, Lease& lease, TimePoint due);
    void end_task(Lease& lease);
    void answered(TimePoint now);
    void settle(Id id, Lease& lease, TimePoint now);
    [[nodiscard]] Action begin(Id id, Task task, TimePoint now);
    [[nodiscard]] std::optional<Id> next_to_look_at(TimePoint now) const;
    [[nodiscard]] TimePoint next_look(TimePoint now);

    Duration check_interval_;
    std::function<double()> random_;
    std::map<Id, Lease> leases_;
    Queue due_;  ///< Of leases that are not under way.
    Queue ends_; ///< Of leases whose end has not been told.
    std::size_t under_way_ = 0;
    TimePoint paid_until_; ///< At our pace, what was asked so far lasts until then.
    std::optional<TimePoint> look_;
    Id looked_at_ = 0; ///< Last; they take turns.
    std::optional<TimePoint> suspected_;
    std::optional<TimePoint> glanced_;
    std::optional<std::pair<TimePoint, Duration>> suspect_again_; // when, and its spread
    Duration doubt_pause_{kMinPause};
    bool doubted_again_ = false;     // since all were suspected last
    std::optional<TimePoint> retry_; ///< Not empty: the gateway is silent until then.
    Duration patience_{kMinPause};
};

} // namespace natterjack
