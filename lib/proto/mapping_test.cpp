// SPDX-License-Identifier: MIT
#include "proto/mapping_test.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace natterjack {

namespace {

using Rows = std::vector<MappingTest::Row>;

bool all_equal(const Rows& rows) {
    return std::all_of(rows.begin(), rows.end(),
                       [&](const auto& row) { return row.mapped == rows.front().mapped; });
}

bool first_changed(const Rows& rows) {
    const auto again =
        std::find_if(rows.begin(), rows.end(), [](const auto& row) { return row.again; });
    if (again == rows.end()) return false;
    return std::any_of(rows.begin(), rows.end(), [&](const auto& row) {
        return row.server == again->server && row.mapped != again->mapped;
    });
}

std::size_t addresses_in(const Rows& rows) {
    std::set<IpAddress> out;
    for (const auto& row : rows) out.insert(row.server.address);
    return out.size();
}

/// The one server whose view differs while all others, at least two addresses, agree.
std::optional<Endpoint> find_outlier(const Rows& rows) {
    for (const auto& suspect : rows) {
        Rows others;
        std::copy_if(rows.begin(), rows.end(), std::back_inserter(others),
                     [&](const auto& row) { return row.server != suspect.server; });
        if (others.size() < 2 || addresses_in(others) < 2 || !all_equal(others)) continue;
        if (others.front().mapped != suspect.mapped) return suspect.server;
    }
    return std::nullopt;
}

Finding<MappingBehaviour> inconclusive(std::string evidence) {
    return {MappingBehaviour::Unknown, Confidence::Inconclusive, std::move(evidence)};
}

std::string count(std::size_t number, const char* one, const char* many) {
    return std::to_string(number) + " " + (number == 1 ? one : many);
}

Finding<MappingBehaviour> judge_agreement(const Rows& rows, const Endpoint& local) {
    const auto addresses = addresses_in(rows);
    std::set<Endpoint> servers;
    for (const auto& row : rows) servers.insert(row.server);
    const auto who = count(servers.size(), "destination", "destinations") + " at " +
                     count(addresses, "address", "addresses");
    if (rows.front().mapped == local) {
        const auto sure = addresses > 1 ? Confidence::Proved : Confidence::Likely;
        return {MappingBehaviour::None, sure, "our own endpoint was seen by " + who};
    }
    if (addresses < 2) return inconclusive("one port was seen by " + who + ": too few to compare");
    // Two addresses of one operator are RFC 5780's own test; with another port each, or a third
    // address, nothing is left that two equal views could hide.
    const bool enough = addresses > 2 || servers.size() > 2;
    return {MappingBehaviour::EndpointIndependent, enough ? Confidence::Proved : Confidence::Likely,
            "the same port was seen by " + who};
}

MappingJudgement judge_difference(const Rows& rows) {
    MappingJudgement out;
    out.depends = true;
    std::map<IpAddress, std::set<std::uint16_t>> ports;
    std::map<IpAddress, std::set<Endpoint>> servers;
    for (const auto& row : rows) {
        ports[row.server.address].insert(row.mapped.port);
        servers[row.server.address].insert(row.server);
    }
    const auto asked_twice = [&](const auto& item) { return item.second.size() > 1; };
    const bool comparable = std::any_of(servers.begin(), servers.end(), asked_twice);
    const bool by_port = std::any_of(ports.begin(), ports.end(), asked_twice);
    if (by_port) {
        out.mapping = {MappingBehaviour::AddressAndPortDependent, Confidence::Likely,
                       "two ports of one address saw different ports of ours"};
    } else if (comparable) {
        out.mapping = {MappingBehaviour::AddressDependent, Confidence::Likely,
                       "each address saw another port, whichever of its ports was asked"};
    } else {
        out.mapping = inconclusive("each server saw another port; none has two ports to tell "
                                   "whether address or port decides");
    }
    return out;
}

} // namespace

MappingTest::MappingTest(std::vector<Endpoint> destinations, StunConversation::MakeId make_id,
                         Duration patience)
    : destinations_(std::move(destinations)), stun_(std::move(make_id)), patience_(patience) {
}

void MappingTest::start(TimePoint now) {
    for (const auto& destination : destinations_) stun_.ask({.to = destination}, now, patience_);
    advance(now);
}

void MappingTest::handle_datagram(const Endpoint& from, ByteView payload, TimePoint now) {
    if (result_) return;
    stun_.handle_datagram(from, payload, now);
    advance(now);
}

void MappingTest::handle_timeout(TimePoint now) {
    if (result_) return;
    stun_.handle_timeout(now);
    advance(now);
}

void MappingTest::advance(TimePoint now) {
    if (!stun_.all_settled()) return;
    const auto asked = destinations_.size();
    if (stun_.size() == asked && asked > 1 && !stun_.answers(0).empty()) {
        stun_.ask({.to = destinations_.front()}, now, patience_);
        return;
    }
    Rows out;
    for (std::size_t i = 0; i < stun_.size(); ++i) {
        for (const auto& answer : stun_.answers(i)) {
            const auto mapped = stun::mapped_address(answer.message);
            // Who else answers than who was asked says nothing about the mapping towards whom.
            if (answer.from != stun_.question(i).to || !mapped) continue;
            out.rows.push_back({answer.from, *mapped, answer.round_trip, i >= asked});
            if (i < asked) out.answers.push_back(answer);
        }
    }
    result_ = std::move(out);
}

MappingJudgement judge_mapping(const std::vector<MappingTest::Row>& rows, const Endpoint& local) {
    MappingJudgement out;
    if (rows.empty()) {
        out.mapping = inconclusive("no server answered");
        return out;
    }
    const bool one_address = std::all_of(rows.begin(), rows.end(), [&](const auto& row) {
        return row.mapped.address == rows.front().mapped.address;
    });
    out.pooling = {one_address ? Pooling::Paired : Pooling::Arbitrary,
                   rows.size() > 2 ? Confidence::Likely : Confidence::Inconclusive,
                   one_address ? "every server saw one address of ours"
                               : "servers saw different addresses of ours"};
    if (out.pooling.confidence == Confidence::Inconclusive) out.pooling.value = Pooling::Unknown;
    if (first_changed(rows)) {
        out.mapping = inconclusive("the same server saw another port when asked again");
        return out;
    }
    if (all_equal(rows)) {
        out.mapping = judge_agreement(rows, local);
        return out;
    }
    out.outlier = find_outlier(rows);
    if (out.outlier) {
        Rows others;
        std::copy_if(rows.begin(), rows.end(), std::back_inserter(others),
                     [&](const auto& row) { return row.server != *out.outlier; });
        const auto without = judge_mapping(others, local);
        out.mapping = without.mapping;
        out.pooling = without.pooling;
        if (out.mapping.confidence == Confidence::Proved)
            out.mapping.confidence = Confidence::Likely;
        out.mapping.evidence += "; one contradicts them";
        return out;
    }
    if (!one_address) {
        out.depends = true;
        out.mapping = inconclusive("servers saw different addresses of ours: several ways out, or "
                                   "a pool of addresses without pairing");
        return out;
    }
    const auto difference = judge_difference(rows);
    out.mapping = difference.mapping;
    out.depends = true;
    return out;
}

MappingJudgement combine(const MappingJudgement& first, const MappingJudgement& second) {
    if (first.mapping.value == second.mapping.value && first.depends == second.depends) {
        auto out = second.mapping.confidence > first.mapping.confidence ? second : first;
        const bool repeated = out.mapping.value != MappingBehaviour::Unknown;
        // Another port on another socket is what a port that is taken looks like; the same server
        // contradicting twice is a server that is wrong.
        if (first.outlier != second.outlier) out.outlier.reset();
        if (repeated && !first.outlier && !second.outlier)
            out.mapping.confidence = Confidence::Proved;
        if (repeated) out.mapping.evidence += ", on two sockets";
        return out;
    }
    // One socket sees dependence where the other sees none: a port was taken, or the network
    // changed. What does not depend on the destination once cannot depend on it by design.
    const auto& independent = first.depends ? second : first;
    const auto& dependent = first.depends ? first : second;
    if (independent.mapping.value == MappingBehaviour::EndpointIndependent && dependent.depends) {
        auto out = independent;
        out.mapping.confidence = Confidence::Likely;
        out.mapping.evidence += "; on another socket they differed, as where a port is taken";
        return out;
    }
    const auto& known = first.mapping.value != MappingBehaviour::Unknown ? first : second;
    const auto& other = first.mapping.value != MappingBehaviour::Unknown ? second : first;
    if (other.mapping.value == MappingBehaviour::Unknown && known.depends == other.depends)
        return known;
    MappingJudgement out;
    out.pooling = first.pooling;
    out.mapping = inconclusive("two sockets were treated differently");
    return out;
}

} // namespace natterjack
