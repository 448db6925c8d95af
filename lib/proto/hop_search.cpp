// SPDX-License-Identifier: MIT
#include "proto/hop_search.hpp"

#include <algorithm>
#include <utility>

namespace natterjack {

HopSearch::HopSearch(IpAddress target, TimePoint give_up_at, Options options)
    : target_(target), options_(options), give_up_at_(give_up_at), timer_(options.repeats) {
    for (int distance = options_.first_hop; distance <= options_.max_hops; ++distance) {
        places_.push_back({.hop = {.distance = distance}, .sent_at = {}});
    }
}

void HopSearch::start(TimePoint now) {
    timer_.start(now, give_up_at_);
    send_unanswered(now);
}

void HopSearch::send_unanswered(TimePoint now) {
    for (auto& place : places_) {
        if (!place.hop.router.is_unspecified()) continue;
        place.sent_at = now;
        const auto port = static_cast<std::uint16_t>(options_.first_port + place.hop.distance - 1);
        outbox_.push_back({{target_, port}, place.hop.distance});
    }
}

HopSearch::Place* HopSearch::place_of(const Endpoint& to) {
    const int distance = to.port - options_.first_port + 1;
    const bool known = !result_ && to.address == target_ && distance >= options_.first_hop &&
                       distance < options_.first_hop + static_cast<int>(places_.size());
    return known ? &places_[static_cast<std::size_t>(distance - options_.first_hop)] : nullptr;
}

void HopSearch::answer(Place& place, const IpAddress& from, TimePoint now) {
    place.hop.router = from;
    place.hop.round_trip =
        std::chrono::duration_cast<std::chrono::microseconds>(now - place.sent_at);
}

void HopSearch::handle_time_exceeded(const Endpoint& to, const IpAddress& from, TimePoint now) {
    auto* place = place_of(to);
    if (!place || from.is_unspecified() || !place->hop.router.is_unspecified()) return;
    answer(*place, from, now);
    finish_if_complete();
}

void HopSearch::handle_port_unreachable(const Endpoint& to) {
    if (const auto* place = place_of(to)) end_at(place->hop.distance - 1, HopList::End::Reached);
}

void HopSearch::handle_unreachable(const Endpoint& to, const IpAddress& from, TimePoint now) {
    auto* place = place_of(to);
    if (!place || from.is_unspecified()) return;
    answer(*place, from, now);
    end_at(place->hop.distance, HopList::End::Refused);
}

/// Every probe that lives longer than the way is answered in the same manner; the shortest tells
/// how long the way is.
void HopSearch::end_at(int distance, HopList::End end) {
    places_.resize(static_cast<std::size_t>(std::max(0, distance - options_.first_hop + 1)));
    std::erase_if(outbox_, [&](const Probe& probe) { return probe.hop_limit > distance; });
    end_ = end;
    finish_if_complete();
}

void HopSearch::finish_if_complete() {
    const bool complete = std::none_of(places_.begin(), places_.end(), [](const Place& place) {
        return place.hop.router.is_unspecified();
    });
    if (complete) finish();
}

void HopSearch::handle_timeout(TimePoint now) {
    if (result_) return;
    switch (timer_.expire(now)) {
    case RetransmitTimer::Verdict::Wait: return;
    case RetransmitTimer::Verdict::Resend: send_unanswered(now); return;
    case RetransmitTimer::Verdict::GiveUp: finish(); return;
    }
}

std::optional<HopSearch::Probe> HopSearch::poll_transmit() {
    if (outbox_.empty()) return std::nullopt;
    const auto probe = outbox_.front();
    outbox_.pop_front();
    return probe;
}

void HopSearch::finish() {
    timer_.stop();
    outbox_.clear();
    HopList list{.hops = {}, .end = end_};
    for (const auto& place : places_) list.hops.push_back(place.hop);
    // Who lets one probe die and refuses the next is one router.
    const auto count = list.hops.size();
    if (end_ == HopList::End::Refused && count > 1 &&
        list.hops[count - 1].router == list.hops[count - 2].router) {
        list.hops.pop_back();
    }
    while (end_ == HopList::End::Open && !list.hops.empty() &&
           list.hops.back().router.is_unspecified()) {
        list.hops.pop_back();
    }
    result_ = std::move(list);
}

} // namespace natterjack
