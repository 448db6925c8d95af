// SPDX-License-Identifier: MIT
#include "proto/changed_answer.hpp"

#include <algorithm>
#include <utility>

namespace natterjack {

namespace {

// Five transmissions, 0 to 750 ms: a silence must not be one lost packet, and at 2 % loss each way
// five lost round trips are one in ten million.
constexpr RetransmitTimer::Policy kRepeat{.first_wait = Duration(50), .max_sends = 5};
// A server that answers from two endpoints sends both answers at once.
constexpr Duration kGrace{40};

constexpr std::size_t kPlain = 0;
constexpr std::size_t kChanged = 1;

} // namespace

ChangedAnswer::ChangedAnswer(const Setup& setup, StunConversation::MakeId make_id)
    : setup_(setup), stun_(std::move(make_id)) {
}

void ChangedAnswer::start(TimePoint now) {
    stun_.ask({.to = setup_.control ? setup_.expected : setup_.server}, now, setup_.patience,
              kRepeat);
}

void ChangedAnswer::handle_datagram(const Endpoint& from, ByteView payload, TimePoint now) {
    if (result_) return;
    stun_.handle_datagram(from, payload, now);
    advance(now);
}

void ChangedAnswer::handle_timeout(TimePoint now) {
    if (result_) return;
    stun_.handle_timeout(now);
    advance(now);
}

std::optional<TimePoint> ChangedAnswer::deadline() const {
    if (result_) return std::nullopt;
    return grace_ ? grace_ : stun_.deadline();
}

void ChangedAnswer::advance(TimePoint now) {
    if (stun_.size() == kChanged) {
        if (!stun_.is_settled(kPlain)) return;
        const auto contact = stun_.question(kPlain).to;
        const auto& answers = stun_.answers(kPlain);
        const auto answer = std::find_if(answers.begin(), answers.end(),
                                         [&](const auto& each) { return each.from == contact; });
        const auto mapped = answer == answers.end() ? Result<Endpoint>(Error{})
                                                    : stun::mapped_address(answer->message);
        if (!mapped) {
            result_ = Outcome::NoContact;
            return;
        }
        StunConversation::Question question{.to = setup_.server, .change = setup_.change};
        if (setup_.control) question.response_port = mapped->port;
        stun_.ask(question, now, setup_.patience, kRepeat);
        return;
    }
    if (!stun_.is_settled(kChanged)) return;
    if (!stun_.answers(kChanged).empty()) {
        if (!grace_) grace_ = now + kGrace;
        if (now < *grace_) return;
    }
    result_ = judge();
}

ChangedAnswer::Outcome ChangedAnswer::judge() const {
    const auto& answers = stun_.answers(kChanged);
    const auto came_from = [&](const Endpoint& endpoint) {
        return std::any_of(answers.begin(), answers.end(),
                           [&](const auto& each) { return each.from == endpoint; });
    };
    if (answers.empty()) return Outcome::Silent;
    if (std::any_of(answers.begin(), answers.end(),
                    [](const auto& each) { return each.message.kind == stun::Class::Error; })) {
        return Outcome::Refused;
    }
    const bool changed = came_from(setup_.expected);
    if (came_from(setup_.server)) return changed ? Outcome::Twice : Outcome::NotChanged;
    return changed ? Outcome::Arrived : Outcome::Elsewhere;
}

namespace {

using Outcome = ChangedAnswer::Outcome;
using Quality = ServerReport::Rfc5780;

/// What an answer that is not the wanted one says about the server; empty: nothing.
std::optional<Quality> fault_in(const std::optional<Outcome>& outcome) {
    if (!outcome) return std::nullopt;
    switch (*outcome) {
    case Outcome::NotChanged: return Quality::Ignores;
    case Outcome::Twice: return Quality::AnswersTwice;
    case Outcome::Refused: return Quality::Refuses;
    case Outcome::Elsewhere: return Quality::SameAddress;
    case Outcome::Arrived:
    case Outcome::Silent:
    case Outcome::NoContact: return std::nullopt;
    }
    return std::nullopt;
}

const char* words_for(Quality quality) {
    switch (quality) {
    case Quality::Ignores: return "the server answers from where it was asked";
    case Quality::AnswersTwice: return "the server answers from both of its endpoints";
    case Quality::Refuses: return "the server refuses to answer from elsewhere";
    default: return "the server answers from an endpoint that it did not name";
    }
}

/// Of two outcomes the one that says more: a fault of the server, then an answer, then a silence.
std::optional<Outcome> told_more(const std::optional<Outcome>& first,
                                 const std::optional<Outcome>& second) {
    const auto rank = [](const std::optional<Outcome>& outcome) {
        if (fault_in(outcome)) return 4;
        if (outcome == Outcome::Arrived) return 3;
        if (outcome == Outcome::Silent) return 2;
        return outcome ? 1 : 0;
    };
    return rank(second) > rank(first) ? second : first;
}

Finding<FilteringBehaviour> unknown(std::string evidence) {
    return {FilteringBehaviour::Unknown, Confidence::Inconclusive, std::move(evidence)};
}

} // namespace

bool are_divided(const std::optional<Outcome>& first, const std::optional<Outcome>& second) {
    return first != second && (first == Outcome::Arrived || second == Outcome::Arrived) &&
           (first == Outcome::Silent || second == Outcome::Silent);
}

FilteringOutcomes settle(const AskedAgain& asked) {
    const auto& [first, second, third] = asked;
    FilteringOutcomes out;
    for (const auto question : {&FilteringOutcomes::address, &FilteringOutcomes::port}) {
        out.*question = are_divided(first.*question, second.*question)
                            ? third.*question
                            : told_more(first.*question, second.*question);
    }
    for (const auto control :
         {&FilteringOutcomes::address_control, &FilteringOutcomes::port_control})
        out.*control = told_more(first.*control, second.*control);
    return out;
}

FilteringJudgement judge_filtering(const FilteringOutcomes& outcomes) {
    FilteringJudgement out;
    for (const auto& each :
         {outcomes.address, outcomes.port, outcomes.address_control, outcomes.port_control}) {
        if (const auto fault = fault_in(each)) {
            out.server = *fault;
            out.filtering = {FilteringBehaviour::Unknown, Confidence::UnsupportedByServer,
                             words_for(*fault)};
            return out;
        }
    }
    if (!outcomes.address || outcomes.address == Outcome::NoContact) {
        out.filtering = unknown("the server did not answer");
        return out;
    }
    if (outcomes.address == Outcome::Arrived) {
        out.server = Quality::Qualified;
        out.filtering = {FilteringBehaviour::EndpointIndependent, Confidence::Proved,
                         "an answer came in from an address never contacted"};
        return out;
    }
    const bool address_shown = outcomes.address_control == Outcome::Arrived;
    const bool port_shown = outcomes.port_control == Outcome::Arrived;
    out.server = address_shown ? Quality::Qualified : Quality::Claims;
    if (outcomes.port == Outcome::Arrived) {
        if (address_shown) {
            out.filtering = {FilteringBehaviour::AddressDependent, Confidence::Proved,
                             "another port of the server came in, its other address did not, "
                             "though it was seen to send"};
            return out;
        }
        out.wants_control = !outcomes.address_control;
        out.filtering = unknown("another port of the server came in; its other address did not, "
                                "and was not seen to send");
        return out;
    }
    if (outcomes.port != Outcome::Silent) {
        out.filtering = unknown("the server did not answer");
        return out;
    }
    if (address_shown && port_shown) {
        out.filtering = {FilteringBehaviour::AddressAndPortDependent, Confidence::Proved,
                         "nothing came in from the server's other port and address, though both "
                         "were seen to send"};
        return out;
    }
    out.wants_control = !outcomes.address_control || !outcomes.port_control;
    out.filtering =
        unknown("no answer from elsewhere: it was filtered, or the server did not send it");
    return out;
}

bool is_credible_other(const Endpoint& server, const Endpoint& other) {
    const auto& address = other.address;
    return address != server.address && other.port != server.port && other.port != 0 &&
           address.is_v4() == server.address.is_v4() && !address.is_unspecified() &&
           !address.is_multicast() && address.is_loopback() == server.address.is_loopback() &&
           (address.is_public() || !server.address.is_public());
}

} // namespace natterjack
