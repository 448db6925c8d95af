// SPDX-License-Identifier: MIT
#include "traversal/chain_attempt.hpp"

#include <algorithm>
#include <utility>

#include "traversal/inquiry.hpp"
#include "traversal/paths.hpp"
#include "traversal/undo.hpp"

namespace natterjack {

namespace {

// For deleting what leads to our former address.
constexpr Duration kClearLimit{1000};

// Names what was asked, and nothing that was not.
std::string nobody_answers(const std::vector<Strategy>& asked) {
    std::string names;
    int left = static_cast<int>(asked.size());
    for (const Strategy strategy : asked) {
        --left;
        if (strategy == Strategy::Direct) continue;
        if (!names.empty()) names += left > 0 ? ", " : " or ";
        names += strategy == Strategy::Igd   ? "UPnP IGD"
                 : strategy == Strategy::Pcp ? "PCP"
                                             : "NAT-PMP";
    }
    if (names.empty()) return "this host has no public address of its own: ask a gateway instead";
    return "nothing here opens ports: no gateway answers " + names +
           "; switch it on in the router, or forward the port by hand";
}

std::string to_sentence(const Service& service) {
    std::string text = "answers";
    if (!service.product.empty()) text += " (" + service.product + ")";
    return text;
}

template<class Stage>
bool has(const std::vector<Strategy>& strategies, const Stage& stage) {
    return std::find(strategies.begin(), strategies.end(), stage.strategy) != strategies.end();
}

} // namespace

ChainAttempt::ChainAttempt(Loop loop, std::vector<Strategy> strategies, ChainParts parts,
                           OpenRequest request, Traversal::Handler handler, Purpose purpose)
    : loop_(std::move(loop)),
      strategies_(std::move(strategies)),
      parts_(std::move(parts)),
      request_(std::move(request)),
      purpose_(std::move(purpose)),
      handler_(std::move(handler)),
      race_timer_(loop_),
      deadline_timer_(loop_),
      view_timer_(loop_) {
}

void ChainAttempt::start_again(std::weak_ptr<OpeningState> opening, Mapping former) {
    opening_ = std::move(opening);
    former_ = std::move(former);
    moving_ = true;
    start();
}

void ChainAttempt::start() {
    if (!handler_ && !moving_) return; // cancelled before it began
    started_ = net::now();
    keeper_ = parts_.keeper_of(loop_);
    if (const auto ready = lay_out_stages(); !ready) {
        refusal_ = ready.error();
        race_timer_.start_at(started_, [this] { give_up(); }); // never inside start_again()
        return;
    }
    deadline_ = started_ + request_.deadline; // valid by now: no overflow
    deadline_timer_.start_at(deadline_, [this] {
        const auto self = shared_from_this();
        if (const auto late = std::exchange(waiting_for_view_, std::nullopt)) settle(*late);
        race_->expire();
        pump();
    });
    prefer_what_stands();
    std::vector<Race::StageRules> rules;
    for (const Stage& stage : stages_) {
        const auto group = static_cast<std::size_t>(
            std::find_if(
                stages_.begin(), stages_.end(),
                [&](const Stage& other) { return is_same_gateway(other.path, stage.path); }) -
            stages_.begin());
        const bool direct = stage.strategy == Strategy::Direct;
        auto& rule = rules.emplace_back();
        rule.group = group;
        // Proved, our own address is the first choice.
        rule.last_resort = (direct && !request_.prove) || stage.strategy == Strategy::Ice;
        rule.head_start = direct ? ChainProofs::kDirectHeadStart : parts_.head_start;
        // Whoever was silent the last time need not be waited for; it may still answer.
        const auto* memory = stage.path.memory.get();
        if (!direct && memory != nullptr && !memory->answered.empty() &&
            !has(memory->answered, stage)) {
            rule.head_start = Duration(0);
        }
    }
    race_.emplace(rules);
    if (!clear_away()) begin_race();
}

void ChainAttempt::begin_race() {
    race_->start(started_);
    look_from_outside();
    prepare_proofs();
    for (std::size_t i = 0; i < stages_.size(); ++i) ask(i);
    pump();
}

// Our address has changed, and the gateway leads the port to the old one. While that entry stands
// the port cannot be had, so it goes first. The other protocols let nobody delete but the old
// address, and by IPv6 each has pinholes of its own.
bool ChainAttempt::clear_away() {
    if (!former_ || former_->strategy != Strategy::Igd || purpose_.share) return false;
    const auto found = std::find_if(stages_.begin(), stages_.end(), [&](const Stage& stage) {
        return stage.strategy == Strategy::Igd && stage.path.gateway == former_->gateway &&
               stage.path.source != former_->internal.address;
    });
    if (found == stages_.end() || request_.internal_address) return false;
    found->mapper->unmap(former_->hops.empty() ? *former_ : former_->hops.front(),
                         net::now() + kClearLimit,
                         [this](const Result<void>&) { // NOLINT(*escape*)
                             const auto self = shared_from_this();
                             begin_race();
                         });
    return true;
}

void ChainAttempt::look_from_outside() {
    const bool ipv4 = request_.families == Families::Ipv4; // no NAT hides an IPv6 address
    if (stun_servers_.empty() || stages_.empty() || !ipv4) return;
    view_ = std::make_unique<OutsideView>(
        loop_, stages_.front().path, stun_servers_, std::min(deadline_, started_ + kSilence),
        [this](std::optional<IpAddress> seen) { handle_view(seen); });
}

void ChainAttempt::handle_view(std::optional<IpAddress> seen) {
    const auto self = shared_from_this();
    const auto ended = std::move(view_); // its handler is running
    around_->seen = seen;
    if (const auto index = std::exchange(waiting_for_view_, std::nullopt)) {
        judge(*index);
    } else if (const auto opening = opening_.lock()) {
        opening->appraise_again();
    }
}

void ChainAttempt::prepare_proofs() {
    // Who would try it is not among those that are let in.
    if (!request_.prove || request_.internal_address || !request_.only_from.empty()) return;
    proofs_ = std::make_unique<ChainProofs>(
        loop_,
        ChainProofs::Setup{.transport = request_.transport,
                           .port = request_.port,
                           .external_port =
                               request_.external_port != 0 ? request_.external_port : request_.port,
                           .stun = stun_servers_,
                           .turn = turn_servers_,
                           .deadline = deadline_ - kAnswerSlack});
    for (std::size_t i = 0; i < stages_.size(); ++i) {
        if (stages_[i].strategy != Strategy::Direct) continue;
        proofs_->prove_direct(stages_[i].path, [this, i](ProofVerdict verdict) {
            const auto self = shared_from_this();
            Stage& stage = stages_[i];
            note_proof(stage, std::move(verdict));
            if (stage.proof->proof != Proof::Proved) race_->demote(i);
            race_->answered(i, net::now());
            pump();
        });
    }
    for (const Stage& stage : stages_) {
        if (stage.strategy == Strategy::Ice) continue;
        proofs_->prepare(stage.path, is_open_already(stage.path));
    }
}

// A mapping that we have made before and that still stands lets knocks in, and rightly so.
bool ChainAttempt::is_open_already(const Path& path) const {
    const auto entries = parts_.journal.read(std::chrono::system_clock::now());
    return std::any_of(entries.begin(), entries.end(), [&](const JournalEntry& entry) {
        return entry.mapping.transport == request_.transport &&
               entry.mapping.internal == Endpoint{path.source, request_.port};
    });
}

Result<void> ChainAttempt::lay_out_stages() {
    if (auto valid = validate(request_); !valid) return valid;
    if (strategies_.empty()) {
        return Error{Errc::Unsupported, "this build has none of the strategies that were named"};
    }
    // A flow goes out; nobody needs to be asked whether it gets in.
    if (purpose_.remote) return lay_out_gateways();
    if (request_.stun_servers.empty() || (request_.prove && request_.turn_servers.empty())) {
        auto servers = parts_.read_servers();
        if (!servers) return servers.error();
        if (request_.stun_servers.empty()) request_.stun_servers = servers->stun;
        if (request_.turn_servers.empty()) request_.turn_servers = servers->turn;
    }
    for (const auto& server : request_.turn_servers) {
        auto parsed = parse_turn_server(server);
        if (!parsed) return parsed.error();
        turn_servers_.push_back(*std::move(parsed));
    }
    for (const auto& server : request_.stun_servers) {
        auto parsed = parse_host_port(server, stun::kServerPort);
        if (!parsed) return parsed.error();
        stun_servers_.push_back(*std::move(parsed));
    }
    return lay_out_gateways();
}

Result<void> ChainAttempt::lay_out_gateways() {
    const auto network = parts_.read_network();
    if (!network) return network.error();
    const auto add_stage = [&](std::unique_ptr<Mapper> mapper, const Path& path) {
        if (!mapper) return; // not part of this build
        Stage& stage = stages_.emplace_back();
        stage.rank = stages_.size() - 1;
        stage.strategy = mapper->strategy();
        stage.mapper = std::move(mapper);
        stage.path = path;
        stage.line.strategy = stage.strategy;
        stage.line.gateway = path.gateway;
        stage.line.message = "no answer yet";
    };
    const auto add = [&](Strategy strategy, const Path& path) {
        add_stage(parts_.make_mapper(strategy, loop_, path), path);
    };
    const auto wanted = [&](Strategy strategy) {
        return std::find(strategies_.begin(), strategies_.end(), strategy) != strategies_.end();
    };
    const bool ipv4 = request_.families == Families::Ipv4;
    auto paths = ipv4 ? choose_paths(*network, request_.network)
                      : choose_ipv6_paths(*network, request_.network);
    if (!paths && paths.error().code != Errc::NoNetwork) return paths.error();
    for (Path& path : paths.value_or({})) {
        path.memory = keeper_->memory_of(path, parts_.journal);
        for (const Strategy strategy : strategies_) {
            if (strategy == Strategy::NatPmp && !ipv4) continue; // it has no IPv6
            if (is_a_gateways(strategy)) add(strategy, path);
        }
    }
    // What the host itself can be reached by, without a gateway.
    const bool own =
        ipv4 && !request_.internal_address && !request_.network.gateway && !purpose_.remote;
    if (own && wanted(Strategy::Direct)) {
        for (const Path& path : public_addresses(*network, request_.network)) {
            add(Strategy::Direct, path);
        }
    }
    // An invitation is to a peer, wherever it is.
    if (own && wanted(Strategy::Ice) && parts_.make_ice && request_.only_from.empty()) {
        add_stage(parts_.make_ice(loop_, request_), {});
    }
    if (stages_.empty() && !paths) return paths.error();
    return {};
}

void ChainAttempt::ask(std::size_t index) {
    Stage& stage = stages_[index];
    if (proofs_ && stage.strategy == Strategy::Direct) return; // its proof is its answer
    const bool single_question = stage.strategy != Strategy::Igd && stage.strategy != Strategy::Ice;
    if (stages_.size() == 1 && single_question) {
        race_->answered(index, started_); // nothing to choose from: ask for the mapping itself
        return;
    }
    // An IGD that answered the search may take its time to describe itself.
    const auto until = single_question ? std::min(deadline_, started_ + kSilence) : deadline_;
    stage.mapper->probe(until, [this, index](const Result<Service>& answer) { // NOLINT(*escape*)
        handle_probe(index, answer);
    });
}

void ChainAttempt::handle_probe(std::size_t index, const Result<Service>& answer) {
    const auto self = shared_from_this();
    Stage& stage = stages_[index];
    stage.line.took = elapsed();
    if (answer) {
        stage.line.outcome = StoryLine::Outcome::Spare;
        stage.line.message = to_sentence(*answer);
        learn(stage);
        race_->answered(index, net::now());
    } else {
        note_failure(stage, answer.error());
        race_->failed(index, net::now());
    }
    pump();
}

// Which protocols a gateway speaks, for the next time.
void ChainAttempt::learn(const Stage& stage) {
    auto* memory = stage.path.memory.get();
    if (memory == nullptr || has(memory->answered, stage)) return;
    memory->answered.push_back(stage.strategy);
    if (!opening_.expired()) keeper_->remember(stage.path, parts_.journal);
}

void ChainAttempt::pump() {
    while (const auto action = race_->poll_action()) act(*action);
    if (const auto next = race_->deadline()) {
        race_timer_.start_at(*next, [this] {
            const auto self = shared_from_this();
            race_->handle_timeout(net::now());
            pump();
        });
    } else {
        race_timer_.stop();
    }
}

void ChainAttempt::act(const Race::Action& action) {
    switch (action.kind) {
    case Race::Action::Kind::Map: map(action.stage); return;
    case Race::Action::Kind::Unmap: take_back(stages_[action.stage]); return;
    case Race::Action::Kind::Report: report(action.stage); return;
    case Race::Action::Kind::Move:
        if (const auto opening = opening_.lock()) opening->move_to(lease_of(action.stage), story());
        return;
    case Race::Action::Kind::GiveUp: give_up(); return;
    }
}

void ChainAttempt::take_back(Stage& stage) {
    stage.granted = false;
    remove_in_background(loop_, std::move(stage.mapper), stage.mapping);
}

void ChainAttempt::give_up() {
    if (!moving_) {
        answer(OpenFailure{verdict(), story()});
        return;
    }
    end_soon();
    if (const auto opening = opening_.lock()) opening->could_not_move(verdict());
}

void ChainAttempt::end_soon() {
    deadline_timer_.stop();
    proofs_.reset();                       // the port is the application's
    loop_.post([weak = weak_from_this()] { // not now: this may be running inside a mapper's handler
        if (const auto self = weak.lock()) self->dismiss_idle();
    });
}

void ChainAttempt::answer(Result<Opening, OpenFailure> result) {
    end_soon();
    if (auto handler = std::exchange(handler_, nullptr)) handler(std::move(result));
}

// After the answer only a better stage that may still come is of use.
void ChainAttempt::dismiss_idle() {
    const bool answered = !opening_.expired();
    if (!answered) view_.reset();
    for (std::size_t i = 0; i < stages_.size(); ++i) {
        if (!answered || !race_->is_asking(i)) stages_[i].mapper.reset();
    }
}

void ChainAttempt::cancel() {
    handler_ = nullptr;
    if (!moving_ && opening_.lock()) return; // answered: what still runs belongs to the opening
    race_timer_.stop();
    deadline_timer_.stop();
    view_timer_.stop();
    view_.reset();
    outer_search_.reset();
    proofs_.reset();
    for (Stage& stage : stages_) {
        if (stage.granted) take_back(stage);
    }
    stages_.clear();
}

void ChainAttempt::note_failure(Stage& stage, const Error& error) {
    stage.line.outcome = outcome_of(error);
    stage.line.message = error.message;
    // A refusal is a reason that a person can do something about, that of the best stage first, as
    // it could have done most; else the first fault.
    const bool refused = stage.line.outcome == StoryLine::Outcome::Refused;
    if (refused && (!refusal_ || stage.rank < refused_by_)) {
        refusal_ = error;
        refused_by_ = stage.rank;
    }
    if (stage.line.outcome == StoryLine::Outcome::Failed && !fault_) fault_ = error;
}

Story ChainAttempt::story() const {
    Story out;
    for (const Stage& stage : stages_) out.push_back(stage.line);
    out.insert(out.end(), outer_story_.begin(), outer_story_.end());
    return out;
}

std::chrono::milliseconds ChainAttempt::elapsed() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(net::now() - started_);
}

Error ChainAttempt::verdict() const {
    if (refusal_) return *refusal_;
    if (fault_) return *fault_;
    if (net::now() >= deadline_) {
        return {Errc::Timeout, "no gateway answered within the deadline of " +
                                   std::to_string(request_.deadline.count()) + " ms"};
    }
    return {Errc::NotFound, nobody_answers(strategies_)};
}

} // namespace natterjack
