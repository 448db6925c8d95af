// SPDX-License-Identifier: MIT
#include "probe/prediction.hpp"

#include <algorithm>
#include <array>

namespace natterjack {

namespace {

using Direct = PeerPrediction::Direct;

bool is_independent(MappingBehaviour mapping) {
    return mapping == MappingBehaviour::EndpointIndependent || mapping == MappingBehaviour::None;
}

/// Whether what \a a sends to the endpoint that servers saw of \a b gets in, and b's answer back.
bool reaches(const Side& a, const Side& b) {
    const bool a_one_port = is_independent(a.mapping);
    const bool b_one_port = is_independent(b.mapping);
    // b has sent to the endpoint that servers saw of a. Its own seen endpoint has that in its
    // filter only if it is the one that it sent from.
    const bool enters =
        b.filtering == FilteringBehaviour::EndpointIndependent ||
        (b_one_port && (b.filtering == FilteringBehaviour::AddressDependent || a_one_port));
    if (!enters) return false;
    // The answer comes from the endpoint that a sent to, or from another port of its address.
    return b_one_port || a.filtering != FilteringBehaviour::AddressAndPortDependent;
}

/// What a side may be when something of it is unknown.
std::vector<Side> possibilities(const FamilyReport& family) {
    std::vector<MappingBehaviour> mappings = {family.mapping.value};
    if (family.mapping.value == MappingBehaviour::Unknown) {
        mappings = {MappingBehaviour::AddressDependent, MappingBehaviour::AddressAndPortDependent};
        if (!family.mapping_depends) mappings.push_back(MappingBehaviour::EndpointIndependent);
    }
    std::vector<FilteringBehaviour> filters = {family.filtering.value};
    if (family.filtering.value == FilteringBehaviour::Unknown) {
        filters = {FilteringBehaviour::EndpointIndependent, FilteringBehaviour::AddressDependent,
                   FilteringBehaviour::AddressAndPortDependent};
    }
    std::vector<Side> out;
    for (const auto mapping : mappings) {
        for (const auto filtering : filters) out.push_back({mapping, filtering});
    }
    return out;
}

struct Peer {
    const char* name = "";
    Side side;
    bool dependent = false;
    bool guessable = false;
};

const std::array<Peer, 6>& peers() {
    using M = MappingBehaviour;
    using F = FilteringBehaviour;
    static const std::array<Peer, 6> list = {{
        {"none", {M::None, F::EndpointIndependent}},
        {"eif", {M::EndpointIndependent, F::EndpointIndependent}},
        {"adf", {M::EndpointIndependent, F::AddressDependent}},
        {"apdf", {M::EndpointIndependent, F::AddressAndPortDependent}},
        {"sequential", {M::AddressAndPortDependent, F::AddressAndPortDependent}, true, true},
        {"random", {M::AddressAndPortDependent, F::AddressAndPortDependent}, true, false},
    }};
    return list;
}

PeerPrediction predict(const FamilyReport& family, const Peer& peer) {
    PeerPrediction out{.peer = peer.name};
    const auto ours = possibilities(family);
    const auto works = std::count_if(
        ours.begin(), ours.end(), [&](const Side& side) { return can_connect(side, peer.side); });
    if (works == static_cast<std::ptrdiff_t>(ours.size())) {
        out.direct = Direct::Yes;
        out.how = "hole punching";
        return out;
    }
    if (works > 0) {
        out.how = "depends on what could not be found out";
        return out;
    }
    const bool we_depend = depends_on_destination(family);
    const bool ours_guessable = !we_depend || is_guessable(family.ports);
    const bool theirs_guessable = !peer.dependent || peer.guessable;
    if (ours_guessable && theirs_guessable && we_depend != peer.dependent) {
        out.direct = Direct::Likely;
        out.how = we_depend ? "if the peer guesses our next port, within a few tries"
                            : "if the peer's next port is guessed, within a few tries";
    } else if (we_depend != peer.dependent) {
        out.direct = Direct::Unlikely;
        out.how = "only by trying hundreds of ports; else through a relay";
    } else {
        out.direct = Direct::No;
        out.how = "through a relay";
    }
    return out;
}

} // namespace

bool can_connect(const Side& a, const Side& b) {
    return reaches(a, b) || reaches(b, a);
}

bool is_guessable(const PortAllocation& ports) {
    return ports.pattern.value == PortPattern::Sequential ||
           ports.pattern.value == PortPattern::Preserving;
}

bool depends_on_destination(const FamilyReport& family) {
    return family.mapping_depends || family.mapping.value == MappingBehaviour::AddressDependent ||
           family.mapping.value == MappingBehaviour::AddressAndPortDependent;
}

std::vector<PeerPrediction> predict_peers(const FamilyReport& family, bool reachable) {
    using Status = FamilyReport::Status;
    const bool blocked = family.status == Status::Blocked;
    const bool works = family.status == Status::Works;
    std::vector<PeerPrediction> out;
    for (const Peer& peer : peers()) {
        if (blocked) {
            out.push_back({peer.name, Direct::No, "through a relay over TCP"});
        } else if (reachable) {
            out.push_back({peer.name, Direct::Yes, "through the mapped port"});
        } else if (works) {
            out.push_back(predict(family, peer));
        } else {
            out.push_back({peer.name, Direct::Unknown, "not found out"});
        }
    }
    out.push_back({"blocked", works || blocked ? Direct::No : Direct::Unknown,
                   "no UDP reaches such a peer: through a relay over TCP"});
    return out;
}

} // namespace natterjack
