// SPDX-License-Identifier: MIT
/// \file
/// \brief The inside of an Opening: renews its mapping, reports changes, removes it at the end.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <natterjack/loop.hpp>
#include <natterjack/opening.hpp>
#include <natterjack/traversal.hpp>

#include "net/loop.hpp"
#include "strategies/mapper.hpp"
#include "traversal/address_share.hpp"
#include "traversal/journal.hpp"
#include "traversal/lease_keeper.hpp"
#include "traversal/proof_watch.hpp"

namespace natterjack {

/// A mapper, what it got, and what to ask it for when renewing. Without a mapper (`direct`) there
/// is nothing to renew.
struct Lease {
    Path path;
    std::unique_ptr<Mapper> mapper;
    std::function<std::unique_ptr<Mapper>()> make; ///< Another mapper for the same gateway.
    MappingRequest request;
    Mapping mapping;
};

/// Judges a mapping: fills external, reach, note and lifetime of \a info.
using Appraisal = std::function<void(const Mapping& mapping, OpeningInfo& info)>;

/// Starts the search for another way, which ends in a call of settle_in() or could_not_move()
/// unless what it returns is dropped before.
/// Never by \a avoided.
using Relocation =
    std::function<std::shared_ptr<void>(const std::shared_ptr<OpeningState>& opening,
                                        const Mapping& former, std::optional<Strategy> avoided)>;

/// Shared by the Opening and by the work under way for it. Belongs to the loop's thread, but for
/// info(), on_changed() and abandon().
class OpeningState final : public LeaseKeeper::Client,
                           public std::enable_shared_from_this<OpeningState> {
public:
    /// What an opening needs besides its lease.
    struct Parts {
        Appraisal appraise;
        Journal journal;
        std::shared_ptr<LeaseKeeper> keeper;
        Relocation relocate;
        std::vector<Strategy> strategies;  ///< That relocate may use.
        StartProof prove;                  ///< Empty: nobody wants the opening tried from outside.
        NetworkChoice network;             ///< Which ways would do.
        std::optional<AddressShare> share; ///< By IPv6: says so instead.
        Duration check_interval{60000};    ///< See OpenRequest.
        /// A UPnP mapping that nobody tries from outside is deleted and made again so often, on its
        /// renewal. Gateways are known that list one, accept its renewal and forward nothing for a
        /// month; the gap costs a few milliseconds.
        Duration afresh_interval{60 * 60 * 1000};
    };

    OpeningState(Loop loop, OpeningInfo info, Parts parts);
    ~OpeningState() override;
    OpeningState(const OpeningState&) = delete;
    OpeningState& operator=(const OpeningState&) = delete;

    /// Takes \a lease over and keeps it alive. Once, right after construction.
    void start(Lease lease);
    /// Exchanges the mapping for one by \a better: the old one is removed, the new one made, and if
    /// that fails the old one is made again. One Moved event on success, when \a story, of the
    /// attempt that found it, becomes the opening's.
    void move_to(Lease better, Story story);
    /// What the appraisal knows has changed. One Moved event if that makes a difference.
    void appraise_again();
    /// The relocation's answer: the opening is where \a lease says from now on.
    void settle_in(Lease lease, Appraisal appraise, const Story& story);
    void could_not_move(const Error& error);
    /// Work that lives as long as the opening: the chain's stages that may still answer.
    void attach(std::shared_ptr<void> work) { attached_ = std::move(work); }

    void close(std::function<void(Result<void>)> done);
    void release();

    // Any thread.
    [[nodiscard]] OpeningInfo info() const;
    void on_changed(Opening::ChangeHandler handler);
    /// What an `ice` opening carries, for its first asker; null for all others.
    [[nodiscard]] std::shared_ptr<peer::Session> take_session();
    /// The Opening was destroyed: no handler any more, and the mapping goes. Takes the Opening's
    /// reference along, so that the last one is dropped on the loop.
    static void abandon(std::shared_ptr<OpeningState> self);
    [[nodiscard]] const Loop& loop() const { return loop_; }

    // LeaseKeeper::Client
    void renew() override;
    void look() override;
    void lapse() override;
    [[nodiscard]] bool has_lost_its_way(const net::Network& network) override;
    void suspect() override;
    void neighbour_revived(Strategy strategy) override;

private:
    /// What the next task of the keeper is for, other than its name says.
    enum class Errand : std::uint8_t { None, Remake, Leave };

    void hold_session();
    void enroll();
    void dismiss();
    [[nodiscard]] bool run_errand();
    [[nodiscard]] bool is_due_afresh() const;
    void run(Errand errand);
    void ask_again(bool restored);
    void remake();
    void leave();
    void look_for_another_way(std::optional<Strategy> avoided = {});
    void settle_proof(Proof proof);
    void handle_proof(const ProofVerdict& verdict, ProofSchedule::Step step);
    void handle_renewal(Result<Mapping> result, bool restored);
    void handle_look(Result<Mapping> result);
    [[nodiscard]] MappingRequest renewal() const;
    void take(Mapping mapping);
    void report(Opening::Change change, const OpeningInfo& before);
    void map_better();
    void retell();
    void handle_move(Result<Mapping> result);
    void finish_close(const Result<void>& result);
    void finish_release(Result<Mapping> result);
    void write_journal();
    void erase_from_journal(const Mapping& mapping);
    void forget(const Mapping& mapping);
    [[nodiscard]] bool is_left_behind(const Path& path) const;
    void leave_behind(const Mapping& former);

    Loop loop_;
    Parts parts_;
    std::optional<LeaseKeeper::Id> enrolled_;
    Lease lease_;
    Lease better_; // during a move
    Story better_story_;
    std::shared_ptr<void> attached_;
    std::vector<std::function<void(Result<void>)>> closing_;
    bool busy_ = false; // a renewal or a move is under way
    bool lost_ = false;
    bool is_journalled_ = false;
    TimePoint made_at_{}; // not only renewed
    Errand errand_ = Errand::None;
    std::unique_ptr<ProofWatch> proof_watch_; // when there are proofs
    bool doubted_ = false;                    // unless a proof says that it works, it is made again
    /// There is no use in asking where the lease came from: the next task looks for another way.
    bool homeless_ = false;
    std::shared_ptr<void> relocation_; // under way
    enum class Phase { Open, Closing, Closed, Released } phase_ = Phase::Open;
    std::function<void()> released_; ///< While what was under way then comes to its end.

    mutable std::mutex mutex_; // guards those below
    std::shared_ptr<peer::Session> session_;
    OpeningInfo info_;
    Opening::ChangeHandler handler_;
};

} // namespace natterjack
