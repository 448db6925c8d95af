// SPDX-License-Identifier: MIT
#include "probe/verdict.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace natterjack {

namespace {

using Class = Verdict::Class;
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

bool is_guessable(const PortAllocation& ports) {
    return ports.pattern.value == PortPattern::Sequential ||
           ports.pattern.value == PortPattern::Preserving;
}

bool depends_on_destination(const FamilyReport& family) {
    return family.mapping_depends || family.mapping.value == MappingBehaviour::AddressDependent ||
           family.mapping.value == MappingBehaviour::AddressAndPortDependent;
}

bool has_proved_mapping(const ProbeReport& report) {
    return std::any_of(report.mapped.begin(), report.mapped.end(), [](const MappedPort& each) {
        return each.opening && each.opening->proof == Proof::Proved;
    });
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
        out.how = "if the peer guesses the next port, a few tries";
    } else if (we_depend != peer.dependent) {
        out.direct = Direct::Unlikely;
        out.how = "only by trying hundreds of ports; else through a relay";
    } else {
        out.direct = Direct::No;
        out.how = "through a relay";
    }
    return out;
}

void predict_all(ProbeReport& report) {
    const auto& family = report.v4;
    const bool reachable = has_proved_mapping(report);
    for (const Peer& peer : peers()) {
        PeerPrediction prediction{.peer = peer.name};
        if (family.status == FamilyReport::Status::Blocked) {
            prediction.direct = Direct::No;
            prediction.how = "through a relay over TCP";
        } else if (reachable) {
            prediction.direct = Direct::Yes;
            prediction.how = "through the mapped port";
        } else if (family.status == FamilyReport::Status::Works) {
            prediction = predict(family, peer);
        } else {
            prediction.how = "not found out";
        }
        report.predictions.push_back(std::move(prediction));
    }
    report.predictions.push_back({"blocked",
                                  family.status == FamilyReport::Status::Works ||
                                          family.status == FamilyReport::Status::Blocked
                                      ? Direct::No
                                      : Direct::Unknown,
                                  "no UDP reaches such a peer: through a relay over TCP"});
}

bool opens_ports(const ProbeReport& report) {
    return std::any_of(report.services.begin(), report.services.end(),
                       [](const PortMapService& each) { return each.there; });
}

bool is_carrier(const ProbeReport& report) {
    return report.layers.carrier.value == Truth::Yes;
}

std::string words_of(MappingBehaviour mapping) {
    switch (mapping) {
    case MappingBehaviour::None: return "no address translation";
    case MappingBehaviour::EndpointIndependent: return "one port for all destinations (eim)";
    case MappingBehaviour::AddressDependent: return "another port for each address (adm)";
    case MappingBehaviour::AddressAndPortDependent:
        return "another port for each destination (apdm)";
    case MappingBehaviour::Unknown: break;
    }
    return "a mapping that could not be found out";
}

std::string words_of(FilteringBehaviour filtering) {
    switch (filtering) {
    case FilteringBehaviour::EndpointIndependent: return "everybody may send in (eif)";
    case FilteringBehaviour::AddressDependent:
        return "only addresses that were contacted may send in (adf)";
    case FilteringBehaviour::AddressAndPortDependent:
        return "only who was contacted may send in (apdf)";
    case FilteringBehaviour::Unknown: break;
    }
    return "who may send in could not be found out";
}

std::string layers_text(const ProbeReport& report) {
    const char* only = is_carrier(report) ? "a carrier's NAT" : "one NAT";
    if (report.layers.count.confidence < Confidence::Likely)
        return is_carrier(report) ? only : "a NAT";
    switch (report.layers.count.value) {
    case 0: return "no NAT";
    case 1: return only;
    default: return is_carrier(report) ? "a carrier's NAT behind your own" : "two NATs in a row";
    }
}

constexpr const char* kGood =
    "Direct connections work where both sides want them; nobody gets in uninvited.";
constexpr const char* kUnknown = "Too little could be found out for a verdict.";

void say(Verdict& verdict, Class value, std::string summary, std::string why) {
    verdict.value = value;
    verdict.summary = std::move(summary);
    verdict.why = std::move(why);
    auto& first = verdict.why.front();
    if (first >= 'a' && first <= 'z') first = static_cast<char>(first - 'a' + 'A');
}

void judge_working(const ProbeReport& report, Verdict& verdict) {
    const auto& family = report.v4;
    const auto mapping = family.mapping.value;
    const auto why = layers_text(report) + ": " +
                     (family.mapping_depends && mapping == MappingBehaviour::Unknown
                          ? std::string("a mapping that depends on the destination")
                          : words_of(mapping)) +
                     "; " + words_of(family.filtering.value) + ".";
    const bool open_filter = family.filtering.value == FilteringBehaviour::EndpointIndependent;
    if (has_proved_mapping(report)) {
        say(verdict, Class::Open,
            "Others reach this host uninvited, through a port that was opened.", why);
    } else if (mapping == MappingBehaviour::None && open_filter) {
        say(verdict, Class::Open, "Others reach this host directly and uninvited.",
            "a public address, and nothing that filters.");
    } else if (mapping == MappingBehaviour::None) {
        say(verdict, Class::Good, kGood,
            family.filtering.value == FilteringBehaviour::Unknown
                ? "a public address; whether something filters is not known."
                : "a public address behind a firewall: " + words_of(family.filtering.value) + ".");
    } else if (mapping == MappingBehaviour::EndpointIndependent && !is_carrier(report)) {
        say(verdict, Class::Good, kGood, why);
    } else if (mapping == MappingBehaviour::EndpointIndependent) {
        say(verdict, Class::Limited,
            "Direct connections work where both sides want them; nobody else can ever get in.",
            why);
    } else if (depends_on_destination(family)) {
        const bool hopeful = is_guessable(family.ports) || open_filter ||
                             family.ports.pattern.value == PortPattern::Block;
        say(verdict, hopeful && !is_carrier(report) ? Class::Limited : Class::Hard,
            hopeful && !is_carrier(report)
                ? "Direct connections work with some peers; the others need a relay."
                : "Direct connections work with few peers; the others need a relay.",
            why);
    } else {
        say(verdict, Class::Unknown, kUnknown,
            family.mapping.evidence.empty() ? "too little was learned."
                                            : family.mapping.evidence + ".");
    }
}

void judge_class(const ProbeReport& report, Verdict& verdict) {
    using Status = FamilyReport::Status;
    if (report.captive_portal.value == Truth::Yes && report.v4.status != Status::Works) {
        say(verdict, Class::Unknown,
            "Sign in first: open a web page, and this network asks you to.",
            "a captive portal answers in the name of others and lets nothing through until then.");
        return;
    }
    switch (report.v4.status) {
    case Status::Works: judge_working(report, verdict); return;
    case Status::Blocked:
        say(verdict, Class::Blocked, "No UDP gets through: no direct connections, only relays.",
            "a server that answers over TCP does not over UDP.");
        return;
    case Status::NoAddress:
        if (report.v6.status == Status::Works) {
            const bool open = report.v6.filtering.value == FilteringBehaviour::EndpointIndependent;
            say(verdict, open ? Class::Open : Class::Good,
                open ? "Others reach this host directly and uninvited, over IPv6 only."
                     : "Direct connections work where both sides want them, over IPv6 only.",
                "no IPv4 address; IPv6 works.");
            return;
        }
        say(verdict, Class::Unknown, kUnknown, "no IPv4 address, and no IPv6 that works.");
        return;
    case Status::NoServer:
        say(verdict, Class::Unknown, kUnknown, "no STUN server was named, or none has an address.");
        return;
    case Status::Silent:
        say(verdict, Class::Unknown, kUnknown,
            "no server answered, neither over UDP nor over TCP: they are down, or there is no "
            "way out.");
        return;
    case Status::NotTested: say(verdict, Class::Unknown, kUnknown, "IPv4 was not tested."); return;
    }
}

void advise(const ProbeReport& report, Verdict& verdict) {
    const auto add = [&](const char* code, const char* text) {
        verdict.advice.push_back({code, text});
    };
    const auto& family = report.v4;
    const bool working = family.status == FamilyReport::Status::Works;
    if (report.captive_portal.value == Truth::Yes)
        add("CAPTIVE-PORTAL", "Open a web page in a browser, sign in to this network, and run "
                              "nat-probe again.");
    if (report.captive_portal.value == Truth::Suspected && !working)
        add("CAPTIVE-PORTAL", "This network may want you to sign in: open a web page in a browser, "
                              "and run nat-probe again.");
    if (verdict.value == Class::Blocked)
        add("RELAY-TCP", "Use a relay over TCP (TURN), or ask whoever runs the network for UDP.");
    if (verdict.value == Class::Unknown && report.captive_portal.value != Truth::Yes)
        add("MORE-SERVERS",
            "Name servers that work, best one at port 443 too, which strict networks let "
            "through: --stun HOST:PORT, or servers.conf.");
    if (working && is_carrier(report)) {
        add("CGN", "Your provider's NAT stands in front of your router: port forwarding there "
                   "cannot work. Use IPv6 or a relay, or ask the provider for a public address.");
    } else if (working && report.layers.count.value >= 2) {
        add("DOUBLE-NAT", "Two routers translate addresses: put one into bridge mode, or open "
                          "the port on both.");
    }
    if (verdict.value == Class::Hard || verdict.value == Class::Limited)
        add("RELAY", "Have a relay (TURN) ready for the peers that cannot be reached directly.");
    const bool through_vpn = report.vpn.value == Truth::Yes; // where no router of ours opens ports
    if (working && verdict.value != Class::Open && !through_vpn &&
        family.mapping.value != MappingBehaviour::None) {
        if (opens_ports(report) && !is_carrier(report)) {
            add("OPEN-PORT", "To let others in uninvited, open a port: nat-map add PORT.");
        } else if (!report.services.empty() && !is_carrier(report)) {
            add("ENABLE-PORT-MAPPING", "To let others in uninvited, switch on UPnP, NAT-PMP or "
                                       "PCP in the router, or forward a port by hand.");
        }
    }
    if (working && family.mapping.value == MappingBehaviour::None && verdict.value == Class::Good) {
        add("FIREWALL", "To let others in uninvited, let the port in at the firewall of this "
                        "host or network.");
    }
    if (through_vpn)
        add("VPN", "This is the VPN's NAT, not your router's: switch it off to see the other.");
    if (verdict.advice.empty()) add("NOTHING", "Nothing to do.");
}

void name_consoles(const ProbeReport& report, Verdict& verdict) {
    const auto& family = report.v4;
    verdict.xbox = verdict.playstation = "unknown";
    if (family.status == FamilyReport::Status::Blocked) {
        verdict.xbox = "strict";
        verdict.playstation = "type3";
    }
    if (family.status != FamilyReport::Status::Works) return;
    if (family.mapping.value == MappingBehaviour::None) {
        verdict.xbox = verdict.value == Class::Open ? "open" : "moderate";
        verdict.playstation = verdict.value == Class::Open ? "type1" : "type2";
    } else if (family.mapping.value == MappingBehaviour::EndpointIndependent) {
        const bool open = verdict.value == Class::Open ||
                          family.filtering.value == FilteringBehaviour::EndpointIndependent;
        verdict.xbox = open ? "open" : "moderate";
        verdict.playstation = "type2";
    } else if (depends_on_destination(family)) {
        verdict.xbox = "strict";
        verdict.playstation = "type3";
    }
}

} // namespace

bool can_connect(const Side& a, const Side& b) {
    return reaches(a, b) || reaches(b, a);
}

void judge(ProbeReport& report) {
    predict_all(report);
    judge_class(report, report.verdict);
    name_consoles(report, report.verdict);
    advise(report, report.verdict);
}

} // namespace natterjack
