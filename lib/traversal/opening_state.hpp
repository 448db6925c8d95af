// SPDX-License-Identifier: MIT
/// \file
/// \brief The inside of an Opening: renews its mapping, reports changes, removes it at the end.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include <natterjack/loop.hpp>
#include <natterjack/opening.hpp>

#include "net/loop.hpp"
#include "proto/lease_schedule.hpp"
#include "strategies/mapper.hpp"
#include "traversal/journal.hpp"

namespace natterjack {

/// A mapper, what it got, and what to ask it for when renewing. Without a mapper (`direct`) there
/// is nothing to renew.
struct Lease {
    std::unique_ptr<Mapper> mapper;
    std::function<std::unique_ptr<Mapper>()> make; ///< Another mapper for the same gateway.
    MappingRequest request;
    Mapping mapping;
};

/// Judges a mapping: fills external, reach, note and lifetime of \a info.
using Appraisal = std::function<void(const Mapping& mapping, OpeningInfo& info)>;

/// Shared by the Opening and by the work under way for it. Belongs to the loop's thread, but for
/// info(), on_changed() and abandon().
class OpeningState : public std::enable_shared_from_this<OpeningState> {
public:
    OpeningState(Loop loop, OpeningInfo info, Appraisal appraise, Journal journal);

    /// Takes \a lease over and keeps it alive. Once, right after construction.
    void start(Lease lease);
    /// Exchanges the mapping for one by \a better: the old one is removed, the new one made, and if
    /// that fails the old one is made again. One Moved event on success.
    void move_to(Lease better);
    /// What the appraisal knows has changed. One Moved event if that makes a difference.
    void appraise_again();
    /// Work that lives as long as the opening: the chain's stages that may still answer.
    void attach(std::shared_ptr<void> work) { attached_ = std::move(work); }

    void close(std::function<void(Result<void>)> done);
    void release();

    // Any thread.
    [[nodiscard]] OpeningInfo info() const;
    void on_changed(Opening::ChangeHandler handler);
    /// The Opening was destroyed: no handler any more, and the mapping goes. Takes the Opening's
    /// reference along, so that the last one is dropped on the loop.
    static void abandon(std::shared_ptr<OpeningState> self);
    [[nodiscard]] const Loop& loop() const { return loop_; }

private:
    void schedule();
    void renew();
    void handle_renewal(Result<Mapping> result);
    void take(Mapping mapping);
    void report(Opening::Change change, const OpeningInfo& before);
    void map_better();
    void handle_move(Result<Mapping> result);
    void finish_close(const Result<void>& result);
    void write_journal();
    void erase_from_journal();

    Loop loop_;
    Appraisal appraise_;
    Journal journal_;
    net::Timer timer_;
    LeaseSchedule schedule_;
    Lease lease_;
    Lease better_; // during a move
    std::shared_ptr<void> attached_;
    std::vector<std::function<void(Result<void>)>> closing_;
    bool busy_ = false; // a renewal or a move is under way
    bool lost_ = false;
    enum class Phase { Open, Closing, Closed, Released } phase_ = Phase::Open;

    mutable std::mutex mutex_; // guards the two below
    OpeningInfo info_;
    Opening::ChangeHandler handler_;
};

} // namespace natterjack
