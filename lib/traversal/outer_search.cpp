// SPDX-License-Identifier: MIT
#include "traversal/outer_search.hpp"

#include <algorithm>
#include <utility>

#include "traversal/appraisal.hpp"
#include "traversal/hop_trace.hpp"
#include "traversal/inquiry.hpp"
#include "traversal/undo.hpp"

namespace natterjack {

namespace {

// A router answers within its round trip, or has lost the probe: then a repeat may be heard.
constexpr Duration kTraceLimit{350};
// As long as three questions (0, 100, 300 ms) and the time to answer the last.
constexpr Duration kSilence{600};
// For the second router by IGD, if it is somebody's own: it may be busy, and has a description to
// hand out.
constexpr Duration kOwnRouterSilence{1500};
constexpr Duration kMapLimit{3000}; // see chain_attempt.cpp
constexpr unsigned kUsualPrefix = 24;

IpAddress neighbour_of(const IpAddress& wan, std::uint8_t last_byte) {
    return IpAddress::v4((wan.to_v4() & 0xFFFFFF00U) | last_byte);
}

} // namespace

TraceHops trace_second_hop() {
    return [](const Loop& loop, const Path& path, const IpAddress& target, TimePoint give_up_at,
              std::function<void(Result<HopList>)> handler) -> std::shared_ptr<void> {
        // Ours is known; and routers that limit how much ICMP they send have said some by now.
        constexpr int kSecond = 2;
        return std::make_shared<HopTrace>(
            loop, path, target, give_up_at,
            HopSearch::Options{.first_hop = kSecond, .max_hops = kSecond}, std::move(handler));
    };
}

std::vector<IpAddress> outer_candidates(const Path& path, const IpAddress& wan,
                                        const HopList& way) {
    const auto may_be = [&](const IpAddress& address) {
        const bool somebody = address.is_v4() && !address.is_unspecified() &&
                              !address.is_loopback() && !address.is_multicast();
        const bool ours = address == path.gateway || address == path.source || address == wan ||
                          same_network(address, path.source, path.prefix_length);
        const bool near = !address.is_public() || same_network(address, wan, kUsualPrefix);
        return somebody && !ours && near;
    };
    for (const Hop& hop : way.hops) {
        if (hop.distance == 2 && may_be(hop.router)) return {hop.router};
    }
    std::vector<IpAddress> out;
    if (wan.is_public()) return out; // the neighbours there are strangers
    constexpr std::uint8_t kFirst = 1;
    constexpr std::uint8_t kLast = 254;
    for (const auto last_byte : {kFirst, kLast}) {
        const auto guess = neighbour_of(wan, last_byte);
        if (may_be(guess)) out.push_back(guess);
    }
    return out;
}

OuterSearch::OuterSearch(Loop loop, MakeMapper make, const TraceHops& trace, Question question,
                         Handler handler)
    : loop_(std::move(loop)),
      make_(std::move(make)),
      question_(std::move(question)),
      handler_(std::move(handler)),
      race_timer_(loop_),
      deadline_timer_(loop_) {
    deadline_timer_.start_at(question_.deadline, [this] { finish(std::nullopt); });
    trace_ = trace(loop_, question_.path, kPcpAnycast,
                   std::min(question_.deadline, net::now() + kTraceLimit),
                   [this](const Result<HopList>& way) { handle_trace(way); });
}

OuterSearch::~OuterSearch() {
    for (Stage& stage : stages_) take_back(stage);
}

void OuterSearch::handle_trace(const Result<HopList>& way) {
    const auto ended = std::move(trace_); // its handler is running
    const HopList seen = way.value_or({});
    IpAddress own_router;
    for (const Hop& hop : seen.hops) {
        if (hop.distance != 2 || hop.router.is_unspecified()) continue;
        if (hop.router.is_private()) own_router = hop.router;
        evidence_.push_back("the second router on the way out is " + hop.router.to_string() +
                            (hop.router.is_public() ? "" : ", which is no public address either"));
    }
    for (const auto& gateway :
         outer_candidates(question_.path, question_.inner.external.address, seen)) {
        add_stages(gateway);
    }
    add_stage(Strategy::Pcp, kPcpAnycast);
    ask_all(own_router);
}

void OuterSearch::add_stages(const IpAddress& gateway) {
    for (const Strategy strategy : {Strategy::Igd, Strategy::Pcp, Strategy::NatPmp}) {
        add_stage(strategy, gateway);
    }
}

void OuterSearch::add_stage(Strategy strategy, const IpAddress& gateway) {
    const auto& wanted = question_.strategies;
    if (std::find(wanted.begin(), wanted.end(), strategy) == wanted.end()) return;
    auto mapper = make_(strategy, loop_,
                        path_beyond(question_.path, gateway, question_.inner.external.address));
    if (!mapper) return; // not part of this build
    Stage& stage = stages_.emplace_back();
    stage.gateway = {strategy, gateway};
    stage.mapper = std::move(mapper);
    stage.line.strategy = strategy;
    stage.line.gateway = gateway;
    stage.line.message = "no answer yet";
}

// Which protocol it is matters little here, so nobody waits long for a better one.
void OuterSearch::ask_all(const IpAddress& own_router) {
    constexpr Duration kHeadStart{100};
    const auto now = net::now();
    std::vector<Race::StageRules> rules;
    for (std::size_t i = 0; i < stages_.size(); ++i) {
        const auto same = [&](const Stage& other) {
            return other.gateway.address == stages_[i].gateway.address;
        };
        const auto first = std::find_if(stages_.begin(), stages_.end(), same);
        rules.push_back(
            {.head_start = kHeadStart, .group = static_cast<std::size_t>(first - stages_.begin())});
    }
    race_.emplace(rules);
    race_->start(now);
    for (std::size_t i = 0; i < stages_.size(); ++i) {
        const auto& gateway = stages_[i].gateway;
        const bool may_be_busy = gateway.strategy == Strategy::Igd && gateway.address == own_router;
        const auto until =
            std::min(question_.deadline, now + (may_be_busy ? kOwnRouterSilence : kSilence));
        stages_[i].mapper->probe(until,
                                 [this, i](const Result<Service>& answer) { // NOLINT(*escape*)
                                     handle_probe(i, answer);
                                 });
    }
    pump();
}

void OuterSearch::handle_probe(std::size_t index, const Result<Service>& answer) {
    Stage& stage = stages_[index];
    if (answer) {
        stage.line.outcome = StoryLine::Outcome::Spare;
        stage.line.message = "answers from beyond our gateway";
        race_->answered(index, net::now());
    } else {
        note_failure(stage, answer.error());
        race_->failed(index, net::now());
    }
    pump();
}

void OuterSearch::pump() {
    while (const auto action = race_->poll_action()) {
        switch (action->kind) {
        case Race::Action::Kind::Map: map(action->stage); break;
        case Race::Action::Kind::Unmap: take_back(stages_[action->stage]); break;
        case Race::Action::Kind::Report:
        case Race::Action::Kind::GiveUp: conclude(); return;
        case Race::Action::Kind::Move: break; // this search ends with its report
        }
    }
    if (const auto next = race_->deadline()) {
        race_timer_.start_at(*next, [this] {
            race_->handle_timeout(net::now());
            pump();
        });
    } else {
        race_timer_.stop();
    }
}

void OuterSearch::map(std::size_t index) {
    auto request = question_.wish;
    request.internal = question_.inner.external;
    request.only_from.clear(); // the inner gateway sees to that
    const auto until = std::min(question_.deadline, net::now() + kMapLimit);
    stages_[index].mapper->map(request, until, [this, index](Result<Mapping> answer) {
        handle_mapping(index, std::move(answer));
    });
}

void OuterSearch::handle_mapping(std::size_t index, Result<Mapping> answer) {
    Stage& stage = stages_[index];
    if (!answer) {
        note_failure(stage, answer.error());
        race_->failed(index, net::now());
        pump();
        return;
    }
    stage.mapping = *std::move(answer);
    note_opened(*stage.mapping, stage.line);
    stage.line.took =
        std::chrono::duration_cast<std::chrono::milliseconds>(net::now() - question_.started);
    const auto reach = reach_of(stage.mapping->external.address, question_.seen);
    race_->mapped(index, net::now(), reach == Reach::Anyone);
    pump();
}

void OuterSearch::note_failure(Stage& stage, const Error& error) const {
    stage.line.outcome = outcome_of(error);
    stage.line.message = error.message;
    stage.line.took =
        std::chrono::duration_cast<std::chrono::milliseconds>(net::now() - question_.started);
}

void OuterSearch::take_back(Stage& stage) {
    if (!stage.mapping) return;
    remove_in_background(loop_, std::move(stage.mapper),
                         *std::exchange(stage.mapping, std::nullopt));
}

// A mapping that ends before a third NAT is of no use to anybody.
void OuterSearch::conclude() {
    for (Stage& stage : stages_) {
        if (!stage.mapping) continue;
        const auto& external = stage.mapping->external.address;
        if (reach_of(external, question_.seen) == Reach::Anyone) {
            const Found found{stage.gateway, *std::exchange(stage.mapping, std::nullopt)};
            finish(found);
            return;
        }
        evidence_.push_back("the outer gateway " + stage.gateway.address.to_string() +
                            " would map, but stands behind yet another NAT: its external address "
                            "is " +
                            external.to_string());
        stage.line.outcome = StoryLine::Outcome::Spare;
    }
    finish(std::nullopt);
}

void OuterSearch::finish(std::optional<Found> found) {
    race_timer_.stop();
    deadline_timer_.stop();
    Answer answer{.found = std::move(found), .story = {}, .evidence = evidence_};
    for (const Stage& stage : stages_) answer.story.push_back(stage.line);
    if (!answer.found) {
        for (const Stage& stage : stages_) {
            if (stage.line.outcome == StoryLine::Outcome::Refused) {
                answer.evidence.push_back(
                    "the outer gateway " + stage.gateway.address.to_string() + " refuses by " +
                    std::string(to_string(stage.gateway.strategy)) + ": " + stage.line.message);
            }
        }
        const bool nobody = std::all_of(stages_.begin(), stages_.end(), [](const Stage& stage) {
            return stage.line.outcome == StoryLine::Outcome::Silent;
        });
        if (nobody) answer.evidence.emplace_back("no gateway beyond ours offers to map ports");
    }
    if (auto handler = std::exchange(handler_, nullptr))
        handler(std::move(answer)); // may destroy this
}

} // namespace natterjack
