// SPDX-License-Identifier: MIT
/// \file
/// \brief One run of the chain, from the first question to the Opening.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/loop.hpp"
#include "traversal/address_share.hpp"
#include "traversal/appraisal.hpp"
#include "traversal/chain.hpp"
#include "traversal/chain_proofs.hpp"
#include "traversal/opening_state.hpp"
#include "traversal/outside_view.hpp"
#include "traversal/race.hpp"

namespace natterjack {

/// Belongs to the loop's thread. Lives as long as its Attempt; after the answer, as long as the
/// opening, for stages that may still answer.
class ChainAttempt : public std::enable_shared_from_this<ChainAttempt> {
public:
    /// What a caller of Traversal does not say.
    struct Purpose {
        std::optional<Endpoint> remote;    ///< A flow that goes out to it (Mapping::remote).
        std::optional<AddressShare> share; ///< By IPv6: request.network.source is of it.
    };

    ChainAttempt(Loop loop, std::vector<Strategy> strategies, ChainParts parts, OpenRequest request,
                 Traversal::Handler handler, Purpose purpose);

    void start();
    /// The same for an opening that has lost its gateway: the answer is OpeningState's settle_in()
    /// or could_not_move(). \a former: the mapping that it had.
    void start_again(std::weak_ptr<OpeningState> opening, Mapping former);
    /// Never calls the handler from now on; takes back what was asked for.
    void cancel();

private:
    /// "Nobody here" takes one second: four questions (0, 100, 300, 700 ms) and the time to answer
    /// the last. Whoever needs longer than that on its own link is broken.
    static constexpr Duration kSilence{1000};
    /// What is left of the deadline when the gateway beyond, or the proof, has had its time: for
    /// the answer itself.
    static constexpr Duration kAnswerSlack{50};

    struct Stage {
        std::size_t rank = 0; ///< In the order of preference.
        Strategy strategy = Strategy::Direct;
        Path path;
        std::unique_ptr<Mapper> mapper;
        Mapping mapping;
        std::optional<Mapping> inherited; ///< Of a former run or way; asked for by renewing it.
        bool granted = false;             ///< The mapping stands, and this attempt owns it.
        /// The gateway beyond that has its part in the mapping.
        std::optional<OuterGateway> outer;
        std::optional<ProofVerdict> proof; ///< When one was asked for, and could be.
        StoryLine line;
    };

    Result<void> lay_out_stages();
    Result<void> lay_out_gateways();
    void prefer_what_stands();
    bool clear_away();
    void begin_race();
    [[nodiscard]] Mapping wanted_of(const Stage& stage) const;
    [[nodiscard]] bool is_left_to_us(const Stage& stage, const JournalEntry& entry) const;
    [[nodiscard]] bool inherit(Stage& stage);
    void learn(const Stage& stage);
    void ask(std::size_t index);
    void handle_probe(std::size_t index, const Result<Service>& answer);
    void pump();
    void act(const Race::Action& action);
    void prepare_proofs();
    [[nodiscard]] bool is_open_already(const Path& path) const;
    void map(std::size_t index);
    void ask_for_mapping(std::size_t index);
    void handle_mapping(std::size_t index, Result<Mapping> answer);
    void judge(std::size_t index);
    [[nodiscard]] bool may_look_beyond(const Stage& stage) const;
    void look_beyond(std::size_t index);
    void handle_outer(std::size_t index, OuterSearch::Answer answer);
    void settle(std::size_t index);
    void note_proof(Stage& stage, ProofVerdict verdict);
    void finish(std::size_t index);
    void add_proof(const Stage& stage, OpeningInfo& info) const;
    void look_from_outside();
    void handle_view(std::optional<IpAddress> seen);
    void report(std::size_t index);
    void take_back(Stage& stage);
    void give_up();
    void end_soon();
    void answer(Result<Opening, OpenFailure> result);
    void dismiss_idle();
    void note_failure(Stage& stage, const Error& error);
    [[nodiscard]] MappingRequest request_for(const Stage& stage) const;
    [[nodiscard]] Appraisal appraisal() const;
    [[nodiscard]] StartProof repeated_proof() const;
    [[nodiscard]] OpeningState::Parts opening_parts() const;
    [[nodiscard]] Lease lease_of(std::size_t index);
    [[nodiscard]] Story story() const;
    [[nodiscard]] std::chrono::milliseconds elapsed() const;
    [[nodiscard]] Error verdict() const;

    Loop loop_;
    std::vector<Strategy> strategies_;
    ChainParts parts_;
    OpenRequest request_;
    Purpose purpose_;
    Traversal::Handler handler_;
    TimePoint started_;
    TimePoint deadline_;
    std::deque<Stage> stages_;
    std::optional<Race> race_;
    net::Timer race_timer_;
    net::Timer deadline_timer_;
    std::vector<HostPort> stun_servers_;
    std::unique_ptr<OutsideView> view_; // while it looks
    net::Timer view_timer_;             // ends a mapping's wait for it
    std::optional<std::size_t> waiting_for_view_;
    std::unique_ptr<OuterSearch> outer_search_; // while it looks
    Story outer_story_;
    std::vector<TurnServer> turn_servers_;
    std::unique_ptr<ChainProofs> proofs_; // when a proof was asked for
    /// Shared with the opening, which may outlive this.
    std::shared_ptr<Surroundings> around_ = std::make_shared<Surroundings>();
    std::optional<Error> refusal_; // of the best stage that answered and said no
    std::size_t refused_by_ = 0;   // its rank
    std::optional<Error> fault_;   // of the first stage that could not be believed
    std::weak_ptr<OpeningState> opening_;
    std::shared_ptr<LeaseKeeper> keeper_;
    std::optional<Mapping> former_; // of the opening that looks for another way
    bool moving_ = false;
};

} // namespace natterjack
