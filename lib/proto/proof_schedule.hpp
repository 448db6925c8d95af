// SPDX-License-Identifier: MIT
/// \file
/// \brief When to try an opening from outside again, and what to do about one that is dead. Holds
/// no timer and reads no clock.
#pragma once

#include <cstdint>
#include <optional>

#include <natterjack/opening.hpp>

#include "base/time.hpp"

namespace natterjack {

/// A gateway may list a mapping, renew it, and forward nothing. Only a proof from outside shows it,
/// so a proof is repeated: every kChecks check intervals, and soon after something has happened to
/// the gateway.
///
///     settled(...) -> { deadline() passes -> begun() -> judged(...) -> what it says }*
///
/// A dead mapping is deleted, made again and tried at once. If that does not help: again after a
/// check interval, and after two; then the opening is to leave for another strategy. All that
/// starts over after kChecks, twice as many, and so on up to kMaxInterval, for as long as nothing
/// helps.
class ProofSchedule {
public:
    static constexpr int kRemakes = 3;
    static constexpr int kChecks = 10;
    static constexpr Duration kMaxInterval{60 * 60 * 1000};
    /// For what is being looked at and restored first: LeaseBoard::kSpread, and the answers.
    static constexpr Duration kSettle{3000};

    enum class Step : std::uint8_t {
        Stay,
        Remake, ///< Delete the mapping and make it again, then call remade().
        Leave   ///< Try the other strategies, then call settled().
    };

    /// \a check_interval: see OpenRequest.
    explicit ProofSchedule(Duration check_interval)
        : check_interval_(check_interval), pause_(interval()) {}

    /// A way was found. \a proof: what is known of it.
    void settled(TimePoint now, Proof proof);
    /// Something may have happened to the gateway.
    void suspect(TimePoint now);
    void begun() { next_.reset(); }
    /// What came of it. \a jitter: 0 to 1, spreads the proofs of many openings. Only what was
    /// proved once is repaired: what never worked has another reason.
    [[nodiscard]] Step judged(TimePoint now, Proof proof, double jitter);
    void remade(TimePoint now) { next_ = now; }
    /// The last remake has revived it.
    [[nodiscard]] bool has_mended() const { return mended_; }

    /// When to try next; empty: a proof or a step is under way.
    [[nodiscard]] std::optional<TimePoint> deadline() const { return next_; }

private:
    void later(TimePoint now, double jitter);
    [[nodiscard]] Duration interval() const { return kChecks * check_interval_; }

    Duration check_interval_;
    Duration pause_; // after which all starts over
    std::optional<TimePoint> next_;
    bool proved_once_ = false;
    bool mended_ = false;
    bool tried_again_ = false; // the last remake was followed by a proof
    int remakes_ = 0;          // since it was proved last
};

} // namespace natterjack
