// SPDX-License-Identifier: MIT
/// \file
/// \brief Which stage of the chain maps, and when. Decisions only: no I/O, no clock.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/time.hpp"

namespace natterjack {

/// All stages ask at once; one maps. Order is preference, and preference has a price: a stage that
/// has not answered within its head start is passed over while it may still answer.
///
/// The caller tells what happened, then drains poll_action(), then sleeps until deadline() or until
/// something else happens:
///
///     start(now) -> { answered | failed | mapped | handle_timeout }* -> Report or GiveUp
///
/// After Report, a better stage that answers late gives one Move. Not thread-safe.
class Race {
public:
    struct StageRules {
        Duration head_start{300}; ///< How long worse stages wait for this one.
        /// Stages of one group lead out through the same gateway: when one of them ends behind
        /// another NAT, so would the rest.
        std::size_t group = 0;
        /// Taken only when every other stage has failed: an unproved public address.
        bool last_resort = false;
    };
    struct Action {
        enum class Kind {
            Map,    ///< Ask the stage for the mapping.
            Unmap,  ///< Take back the stage's mapping: a better one was found.
            Report, ///< The stage's mapping is the answer.
            Move,   ///< After Report: exchange the reported mapping for this stage's.
            GiveUp  ///< Nothing here maps.
        };
        Kind kind = Kind::GiveUp;
        std::size_t stage = 0;

        friend bool operator==(const Action&, const Action&) = default;
    };

    explicit Race(const std::vector<StageRules>& stages);

    void start(TimePoint now);
    /// The stage's service is there.
    void answered(std::size_t stage, TimePoint now);
    /// The stage is not what it was hoped to be: it becomes a last resort. Before answered().
    void demote(std::size_t stage) { stages_.at(stage).rules.last_resort = true; }
    /// The stage is out: silent, refused, or its mapping failed.
    void failed(std::size_t stage, TimePoint now);
    /// The stage's mapping stands. \a reaches_anyone: false behind another NAT, and when it was
    /// tried from outside and nothing got in.
    void mapped(std::size_t stage, TimePoint now, bool reaches_anyone);
    void handle_timeout(TimePoint now) { decide(now); }
    /// The caller's time is up: report the best there is, or give up.
    void expire();

    [[nodiscard]] std::optional<Action> poll_action();
    /// When to call handle_timeout(); empty: only news can change anything.
    [[nodiscard]] std::optional<TimePoint> deadline() const { return deadline_; }
    /// True once Report or GiveUp was said: a mapping that stands now is nobody's.
    [[nodiscard]] bool is_over() const { return over_; }
    /// True while the stage may still answer.
    [[nodiscard]] bool is_asking(std::size_t stage) const;

private:
    enum class State { Asking, Answered, Mapping, MappedBehind, Mapped, Failed };
    struct Stage {
        StageRules rules;
        State state = State::Asking;
    };

    void decide(TimePoint now);
    void report(std::size_t stage);
    [[nodiscard]] bool waits_for_better(std::size_t stage, TimePoint now);
    [[nodiscard]] bool is_pointless(std::size_t stage) const;
    [[nodiscard]] bool is_undecided() const;
    [[nodiscard]] std::optional<std::size_t> first_in(State state) const;
    void push(Action::Kind kind, std::size_t stage) { actions_.push_back({kind, stage}); }

    std::vector<Stage> stages_;
    std::vector<Action> actions_; // oldest first; at most a handful
    TimePoint started_;
    std::optional<TimePoint> deadline_;
    std::optional<std::size_t> reported_;
    bool moved_ = false;
    bool over_ = false;
};

} // namespace natterjack
