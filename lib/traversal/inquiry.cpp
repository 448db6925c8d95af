// SPDX-License-Identifier: MIT
#include "traversal/inquiry.hpp"

#include <algorithm>
#include <utility>

#include "traversal/paths.hpp"

namespace natterjack {

StoryLine::Outcome outcome_of(const Error& error) {
    switch (error.code) {
    case Errc::Timeout:
    case Errc::NotFound: return StoryLine::Outcome::Silent;
    case Errc::Refused:
    case Errc::Conflict:
    case Errc::Unsupported: return StoryLine::Outcome::Refused;
    default: return StoryLine::Outcome::Failed;
    }
}

Inquiry::Inquiry(Loop loop, const ChainParts& parts, const NetworkChoice& choice,
                 std::vector<Strategy> mapping_strategies, Families families)
    : loop_(std::move(loop)),
      make_mapper_(parts.make_mapper),
      strategies_(std::move(mapping_strategies)),
      done_timer_(loop_) {
    const auto network = parts.read_network();
    if (!network) {
        ready_ = network.error();
        return;
    }
    const auto ipv6 = choose_ipv6_paths(*network, choice);
    if (families != Families::Ipv4) ipv6_paths_ = ipv6.value_or({});
    if (families == Families::Ipv6) {
        if (!ipv6) ready_ = ipv6.error();
        return;
    }
    const auto paths = choose_paths(*network, choice);
    if (!paths && ipv6_paths_.empty()) ready_ = paths.error();
    for (const Path& path : paths.value_or({})) {
        for (const Strategy strategy : strategies_) add(strategy, path);
    }
}

Inquiry::Member* Inquiry::add(Strategy strategy, const Path& path) {
    auto mapper = make_mapper_(strategy, loop_, path);
    if (!mapper) return nullptr;
    Member& member = members_.emplace_back();
    member.strategy = strategy;
    member.path = path;
    member.mapper = std::move(mapper);
    member.line.strategy = strategy;
    member.line.gateway = path.gateway;
    return &member;
}

void Inquiry::add_pinhole(const Mapping& pinhole) {
    const auto path = std::find_if(ipv6_paths_.begin(), ipv6_paths_.end(), [&](const Path& one) {
        return one.gateway == pinhole.gateway && one.source == pinhole.internal.address;
    });
    const bool asked =
        std::find(strategies_.begin(), strategies_.end(), pinhole.strategy) != strategies_.end();
    if (path == ipv6_paths_.end() || !asked) return;
    if (auto* member = add(pinhole.strategy, *path)) member->pinhole = pinhole;
}

bool Inquiry::is_on(const Member& member, const JournalEntry& entry) const {
    const Mapping& mapping = entry.mapping;
    const auto has_it = [&](const Member& other) {
        return other.path.gateway == mapping.gateway &&
               other.path.source == mapping.internal.address;
    };
    const bool is_elsewhere =
        !has_it(member) && std::any_of(members_.begin(), members_.end(), has_it);
    return member.path.gateway == mapping.gateway && !is_elsewhere &&
           may_be_same_hardware(entry.hardware, net::hardware_address_of(member.path.gateway,
                                                                         member.path.interface));
}

void Inquiry::ask(const std::function<void(Member&)>& question, std::function<void()> done) {
    done_ = std::move(done);
    pending_ = members_.size();
    if (pending_ == 0) {
        done_timer_.start_at(net::now(), [this] { std::exchange(done_, nullptr)(); });
        return;
    }
    for (Member& member : members_) {
        member.started = net::now();
        question(member);
    }
}

void Inquiry::settle(Member& member, StoryLine::Outcome outcome, std::string message) {
    member.line.outcome = outcome;
    member.line.message = std::move(message);
    member.line.took =
        std::chrono::duration_cast<std::chrono::milliseconds>(net::now() - member.started);
    if (--pending_ > 0) return;
    // On the loop's next turn: the caller may destroy this, and a mapper's handler is running.
    done_timer_.start_at(net::now(), [this] { std::exchange(done_, nullptr)(); });
}

void Inquiry::settle(Member& member, const Error& error) {
    settle(member, outcome_of(error), error.message);
}

Story Inquiry::story() const {
    Story out;
    for (const Member& member : members_) out.push_back(member.line);
    return out;
}

} // namespace natterjack
