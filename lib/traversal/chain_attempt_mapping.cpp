// SPDX-License-Identifier: MIT
// One stage's mapping: asking for it, what it is worth, and the opening that comes of it.
#include <algorithm>
#include <utility>

#include "traversal/chain_attempt.hpp"
#include "traversal/inquiry.hpp"

namespace natterjack {

namespace {

// How long a mapping that stands waits for the STUN servers' opinion, counted from the start: as
// long as a stage waits for a better one.
constexpr Duration kViewHeadStart{300};
// One stage's mapping may not eat the time of all that come after it.
constexpr Duration kMapLimit{3000};

std::vector<RemotePeers> of_family(std::vector<RemotePeers> peers, const IpAddress& own) {
    std::erase_if(peers, [&](const RemotePeers& one) { return one.prefix.is_v4() != own.is_v4(); });
    return peers;
}

} // namespace

void ChainAttempt::map(std::size_t index) {
    if (!proofs_ || !is_a_gateways(stages_[index].strategy)) {
        ask_for_mapping(index);
        return;
    }
    proofs_->before_mapping(stages_[index].path, [this, index](bool needed) {
        const auto self = shared_from_this();
        if (!handler_) return; // answered meanwhile
        if (needed) {
            ask_for_mapping(index);
        } else {
            race_->failed(index, net::now()); // its line says that it would have served
        }
        pump();
    });
}

void ChainAttempt::ask_for_mapping(std::size_t index) {
    Stage& stage = stages_[index];
    if (!inherit(stage)) {
        race_->failed(index, net::now());
        return; // pump() is on its way to what follows
    }
    const bool unasked =
        stages_.size() == 1 && stage.strategy != Strategy::Igd && stage.strategy != Strategy::Ice;
    const bool early = unasked && !proofs_;
    const auto until = std::min(deadline_, early ? started_ + kSilence
                                                 : net::now() + (unasked ? kSilence : kMapLimit));
    stage.mapper->map(request_for(stage), until, [this, index](Result<Mapping> answer) {
        handle_mapping(index, std::move(answer));
    });
}

Mapping ChainAttempt::wanted_of(const Stage& stage) const {
    return {.strategy = stage.strategy,
            .transport = request_.transport,
            .internal = request_for(stage).internal,
            .gateway = stage.path.gateway,
            .remote = purpose_.remote};
}

// Our own other opening of the same port keeps what it has.
bool ChainAttempt::is_left_to_us(const Stage& stage, const JournalEntry& entry) const {
    const auto port = entry.mapping.external.port;
    const bool fits = request_.any_external_port || request_for(stage).external_port == port;
    return fits && entry.owner != keeper_->process();
}

// A port that an earlier run opened is to stay the one that it is, although a protocol that was too
// late for it then would be asked first now: what stands is renewed.
void ChainAttempt::prefer_what_stands() {
    const auto now = std::chrono::system_clock::now();
    const auto entries = parts_.journal.read(now);
    if (entries.empty()) return;
    std::stable_partition(stages_.begin(), stages_.end(), [&](const Stage& stage) {
        if (!is_a_gateways(stage.strategy)) return false;
        const auto wanted = wanted_of(stage);
        return std::any_of(entries.begin(), entries.end(), [&](const JournalEntry& entry) {
            return is_same_mapping(entry.mapping, wanted) && is_left_to_us(stage, entry) &&
                   may_be_same_hardware(
                       entry.hardware,
                       net::hardware_address_of(stage.path.gateway, stage.path.interface));
        });
    });
    for (std::size_t i = 0; i < stages_.size(); ++i) stages_[i].rank = i;
}

// What an earlier run, or this opening on its earlier way, has left there is taken over, with its
// secret. False: a live process has it.
bool ChainAttempt::inherit(Stage& stage) {
    if (!is_a_gateways(stage.strategy)) return true;
    const auto wanted = wanted_of(stage);
    if (former_ && is_same_mapping(*former_, wanted)) {
        stage.inherited = former_;
    } else {
        const auto hardware = net::hardware_address_of(stage.path.gateway, stage.path.interface);
        auto claim = parts_.journal.claim(wanted, hardware, keeper_->process(),
                                          std::chrono::system_clock::now());
        const auto& owner = claim.entry.owner;
        if (claim.ownership == Ownership::Foreign) {
            note_failure(stage, {Errc::Conflict, "port " + std::to_string(request_.port) +
                                                     " is kept open by process " +
                                                     std::to_string(owner.pid) + " (" +
                                                     owner.program + "): stop that one first"});
            return false;
        }
        if (claim.ownership == Ownership::Inherited && is_left_to_us(stage, claim.entry)) {
            stage.inherited = std::move(claim.entry.mapping);
        }
    }
    if (stage.inherited) {
        // What our own gateway has of it, by the service as it was discovered now.
        if (!stage.inherited->hops.empty()) stage.inherited = stage.inherited->hops.front();
        stage.inherited->control_url.clear();
    }
    return true;
}

void ChainAttempt::handle_mapping(std::size_t index, Result<Mapping> answer) {
    const auto self = shared_from_this();
    Stage& stage = stages_[index];
    stage.line.took = elapsed();
    if (!answer && std::exchange(stage.inherited, std::nullopt) &&
        outcome_of(answer.error()) == StoryLine::Outcome::Refused) {
        former_.reset();
        stage.mapper->map(
            request_for(stage), std::min(deadline_, net::now() + kMapLimit),
            [this, index](Result<Mapping> afresh) { handle_mapping(index, std::move(afresh)); });
        return;
    }
    if (!answer) {
        note_failure(stage, answer.error());
        race_->failed(index, net::now());
        pump();
        return;
    }
    learn(stage);
    stage.mapping = *std::move(answer);
    stage.granted = true;
    if (race_->is_over()) { // came in the very turn of the deadline: the caller was told otherwise
        take_back(stage);
        return;
    }
    note_opened(stage.mapping, stage.line);
    if (stage.proof) note_proof(stage, *std::exchange(stage.proof, std::nullopt));
    if (view_ && net::now() < started_ + kViewHeadStart) {
        waiting_for_view_ = index;
        view_timer_.start_at(started_ + kViewHeadStart, [this] {
            if (const auto late = std::exchange(waiting_for_view_, std::nullopt)) judge(*late);
        });
        return;
    }
    judge(index);
}

void ChainAttempt::judge(std::size_t index) {
    view_timer_.stop();
    if (may_look_beyond(stages_[index])) {
        look_beyond(index);
    } else {
        settle(index);
    }
}

bool ChainAttempt::may_look_beyond(const Stage& stage) const {
    const auto& external = stage.mapping.external.address;
    return parts_.trace_hops && !purpose_.remote && is_a_gateways(stage.strategy) &&
           !external.is_unspecified() &&
           reach_of(external, around_->seen) == Reach::BehindAnotherNat;
}

void ChainAttempt::look_beyond(std::size_t index) {
    const Stage& stage = stages_[index];
    outer_search_ = std::make_unique<OuterSearch>(
        loop_, parts_.make_mapper, parts_.trace_hops,
        OuterSearch::Question{.path = stage.path,
                              .inner = stage.mapping,
                              .wish = request_for(stage),
                              .strategies = strategies_,
                              .seen = around_->seen,
                              .started = started_,
                              .deadline = deadline_ - kAnswerSlack},
        [this, index](OuterSearch::Answer answer) { handle_outer(index, std::move(answer)); });
}

void ChainAttempt::handle_outer(std::size_t index, OuterSearch::Answer answer) {
    const auto self = shared_from_this();
    const auto ended = std::move(outer_search_); // its handler is running
    Stage& stage = stages_[index];
    outer_story_.insert(outer_story_.end(), answer.story.begin(), answer.story.end());
    around_->beyond = std::move(answer.evidence);
    if (answer.found) {
        stage.outer = answer.found->gateway;
        stage.mapping = stack(stage.mapping, answer.found->mapping);
        stage.mapper = std::make_unique<StackedMapper>(loop_, parts_.make_mapper, stage.path,
                                                       std::move(stage.mapper), *stage.outer);
    }
    settle(index);
}

void ChainAttempt::settle(std::size_t index) {
    const Stage& stage = stages_[index];
    const auto& external = stage.mapping.external;
    const bool may_be_proved = proofs_ && is_a_gateways(stage.strategy) &&
                               reach_of(external.address, around_->seen) == Reach::Anyone;
    if (!may_be_proved || net::now() >= deadline_ - kAnswerSlack) return finish(index);
    proofs_->prove(stage.path, external, [this, index](ProofVerdict verdict) {
        const auto self = shared_from_this();
        note_proof(stages_[index], std::move(verdict));
        finish(index);
    });
}

void ChainAttempt::note_proof(Stage& stage, ProofVerdict verdict) {
    stage.line.took = elapsed();
    if (!stage.granted) { // direct: proved before it is taken
        stage.line.outcome = StoryLine::Outcome::Spare;
        stage.line.message = stage.path.source.to_string() + " is this host's own";
    }
    stage.line.message += "; " + std::string(to_string(verdict.proof)) + ": " + verdict.evidence;
    stage.proof = std::move(verdict);
}

void ChainAttempt::finish(std::size_t index) {
    const auto self = shared_from_this();
    const Stage& stage = stages_[index];
    const bool refuted = stage.proof && stage.proof->proof == Proof::Refuted;
    // An invited peer is more than nobody: what an invitation gives need not be better.
    const bool reaches = stage.mapping.invitation ||
                         reach_of(stage.mapping.external.address, around_->seen) == Reach::Anyone;
    race_->mapped(index, net::now(), reaches && !refuted);
    pump();
}

void ChainAttempt::report(std::size_t index) {
    Stage& stage = stages_[index];
    keeper_->remember(stage.path, parts_.journal);
    keeper_->sweep(
        stage.path, parts_.journal,
        [make = parts_.make_mapper, loop = loop_, path = stage.path](const Mapping& orphan) {
            return make_mapper_for(orphan, make, loop, path);
        });
    deadline_timer_.stop();
    bool more_may_come = view_ != nullptr;
    for (std::size_t i = 0; i < index; ++i) more_may_come = more_may_come || race_->is_asking(i);
    if (moving_) {
        end_soon();
        if (const auto opening = opening_.lock()) {
            opening->settle_in(lease_of(index), appraisal(), story());
        }
        return;
    }
    OpeningInfo info{.transport = request_.transport,
                     .internal = stage.mapping.internal,
                     .strategy = stage.strategy,
                     .gateway = stage.path.gateway,
                     .description = request_.description,
                     .story = story()};
    if (stage.proof && stage.strategy == Strategy::Direct) {
        stage.mapping.note = "nothing was mapped: this host's own address is public";
    }
    appraisal()(stage.mapping, info);
    add_proof(stage, info);
    // What is proved stays as it is: a move would make a claim of it.
    const bool may_move = more_may_come && info.proof != Proof::Proved;
    auto state = std::make_shared<OpeningState>(loop_, std::move(info), opening_parts());
    state->start(lease_of(index));
    opening_ = state;
    if (may_move) state->attach(shared_from_this());
    answer(Opening(std::move(state)));
}

void ChainAttempt::add_proof(const Stage& stage, OpeningInfo& info) const {
    if (stage.proof) {
        info.proof = stage.proof->proof;
        info.proof_level = stage.proof->level;
        info.proof_evidence = stage.proof->evidence;
    } else if (request_.prove) {
        info.proof_evidence =
            request_.internal_address     ? "not tried: the port leads to another host"
            : !request_.only_from.empty() ? "not tried: the servers that could are not let in"
            : info.reach == Reach::BehindAnotherNat
                ? "not tried: the mapping ends behind another NAT"
            : stage.mapping.invitation ? "not tried: nobody gets in but a peer that is invited"
                                       : "not tried: the deadline was too near";
    }
}

Appraisal ChainAttempt::appraisal() const {
    return [around = around_](const Mapping& mapping, OpeningInfo& out) {
        appraise(mapping, *around, out);
    };
}

// While the opening lives.
StartProof ChainAttempt::repeated_proof() const {
    if (!request_.prove || request_.internal_address || !request_.only_from.empty()) return nullptr;
    return
        [loop = loop_, transport = request_.transport, stun = stun_servers_, turn = turn_servers_,
         around = around_](const Path& path, const Mapping& mapping, TimePoint deadline,
                           std::function<void(ProofVerdict)> handler) -> std::shared_ptr<void> {
            if (reach_of(mapping.external.address, around->seen) != Reach::Anyone) return nullptr;
            auto prover = std::make_shared<Prover>(loop,
                                                   Prover::Request{.transport = transport,
                                                                   .internal = mapping.internal,
                                                                   .interface = path.interface,
                                                                   .application_only = true,
                                                                   .stun = stun,
                                                                   .turn = turn},
                                                   deadline);
            prover->prove(mapping.external, std::move(handler));
            return prover;
        };
}

OpeningState::Parts ChainAttempt::opening_parts() const {
    const auto relocate =
        [loop = loop_, strategies = strategies_, parts = parts_, request = request_,
         purpose = purpose_](const std::shared_ptr<OpeningState>& opening, const Mapping& former,
                             std::optional<Strategy> avoided) -> std::shared_ptr<void> {
        auto others = strategies;
        if (avoided) others.erase(std::find(others.begin(), others.end(), *avoided));
        auto again = request;
        if (auto share = purpose.share) {
            if (const auto network = parts.read_network()) {
                again.network.source = share->pick(*network);
            }
        }
        again.prove = false; // the application has the port by now
        // The same number outside as before, if it can be had.
        if (!again.any_external_port) again.external_port = former.external.port;
        auto attempt = std::make_shared<ChainAttempt>(loop, others, parts, again, nullptr, purpose);
        attempt->start_again(opening, former);
        return {attempt.get(), [attempt](void*) { attempt->cancel(); }};
    };
    return {.appraise = appraisal(),
            .journal = parts_.journal,
            .keeper = keeper_,
            .relocate = relocate,
            .strategies = strategies_,
            .prove = repeated_proof(),
            .network = request_.network,
            .share = purpose_.share,
            .check_interval = request_.check_interval};
}

MappingRequest ChainAttempt::request_for(const Stage& stage) const {
    return {.transport = request_.transport,
            .internal = {request_.internal_address.value_or(stage.path.source), request_.port},
            .external_port = request_.any_external_port    ? std::uint16_t{0}
                             : request_.external_port != 0 ? request_.external_port
                                                           : request_.port,
            .exact = request_.exact,
            .lifetime = std::chrono::duration_cast<Lifetime>(request_.lifetime),
            .description = request_.description,
            .only_from = of_family(request_.only_from, stage.path.source),
            .remote = purpose_.remote,
            .renew = stage.inherited};
}

Lease ChainAttempt::lease_of(std::size_t index) {
    Stage& stage = stages_[index];
    stage.granted = false;
    stage.inherited.reset();
    // A better stage that comes late is a protocol of a gateway whose outer one is known already.
    for (const Stage& other : stages_) {
        if (stage.outer || !other.outer || !is_same_gateway(other.path, stage.path)) continue;
        stage.outer = other.outer;
        stage.mapper = std::make_unique<StackedMapper>(loop_, parts_.make_mapper, stage.path,
                                                       std::move(stage.mapper), *stage.outer);
    }
    const auto make = [make = parts_.make_mapper, make_ice = parts_.make_ice, request = request_,
                       strategy = stage.strategy, loop = loop_, path = stage.path,
                       outer = stage.outer]() -> std::unique_ptr<Mapper> {
        if (strategy == Strategy::Ice) return make_ice(loop, request);
        auto mapper = make(strategy, loop, path);
        if (!outer) return mapper;
        return std::make_unique<StackedMapper>(loop, make, path, std::move(mapper), *outer);
    };
    return {.path = stage.path,
            .mapper = std::move(stage.mapper),
            .make = make,
            .request = request_for(stage),
            .mapping = stage.mapping};
}

} // namespace natterjack
