// SPDX-License-Identifier: MIT
#include "probe/verdict.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "probe/layers.hpp"
#include "probe/prediction.hpp"

namespace natterjack {

namespace {

using Class = Verdict::Class;

bool opens_ports(const ProbeReport& report) {
    return std::any_of(report.services.begin(), report.services.end(),
                       [](const PortMapService& each) { return each.there; });
}

bool is_carrier(const ProbeReport& report) {
    return report.layers.carrier.value == Truth::Yes;
}

/// Whom this host can ask is the carrier's NAT, and it opens ports.
bool carrier_opens_ports(const ProbeReport& report) {
    return is_carrier(report) && report.v4.local.is_shared() && opens_ports(report);
}

/// UDP's ports alone, or any.
bool has_proved_mapping(const ProbeReport& report, bool udp_alone = false) {
    return std::any_of(report.mapped.begin(), report.mapped.end(), [&](const MappedPort& each) {
        return each.opening && each.opening->proof == Proof::Proved &&
               (!udp_alone || each.transport == Transport::Udp);
    });
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

constexpr const char* kUnknown = "Too little could be found out for a verdict.";

void say(Verdict& verdict, Class value, std::string summary, std::string why) {
    verdict.value = value;
    verdict.summary = std::move(summary);
    verdict.why = std::move(why);
}

/// Where one port serves all destinations: who gets in at it.
std::string who_gets_in(const ProbeReport& report, const FamilyReport& family) {
    switch (family.filtering.value) {
    case FilteringBehaviour::EndpointIndependent:
        return "Direct connections work; others get in uninvited at a port that a program keeps in "
               "use.";
    case FilteringBehaviour::Unknown:
        return "Direct connections work where both sides want them; whether others get in is not "
               "known.";
    default: break;
    }
    return is_carrier(report) && !carrier_opens_ports(report)
               ? "Direct connections work where both sides want them; nobody else gets in unless "
                 "the provider opens ports."
               : "Direct connections work where both sides want them; nobody gets in uninvited.";
}

void judge_untranslated(const ProbeReport& report, const FamilyReport& family, Verdict& verdict) {
    if (is_inside(family.local)) {
        say(verdict, Class::Unknown, kUnknown,
            "the servers that answered are in this host's own network and see its " +
                std::string(family.local.is_private() ? "private " : "") +
                "address: how the internet sees it, they cannot tell.");
    } else if (family.filtering.value == FilteringBehaviour::EndpointIndependent) {
        say(verdict, Class::Open, "Others reach this host directly and uninvited.",
            "a public address, and nothing that filters.");
    } else {
        say(verdict, Class::Good, who_gets_in(report, family),
            family.filtering.value == FilteringBehaviour::Unknown
                ? "a public address; whether something filters is not known."
                : "a public address behind a firewall: " + words_of(family.filtering.value) + ".");
    }
}

void judge_working(const ProbeReport& report, const FamilyReport& family, Verdict& verdict) {
    const auto mapping = family.mapping.value;
    const auto why = layers_text(report) + ": " +
                     (family.mapping_depends && mapping == MappingBehaviour::Unknown
                          ? std::string("a mapping that depends on the destination")
                          : words_of(mapping)) +
                     "; " + words_of(family.filtering.value) + ".";
    if (has_proved_mapping(report)) {
        say(verdict, Class::Open,
            "Others reach this host uninvited, through a port that was opened.", why);
    } else if (mapping == MappingBehaviour::None) {
        judge_untranslated(report, family, verdict);
    } else if (mapping == MappingBehaviour::EndpointIndependent) {
        say(verdict, is_carrier(report) ? Class::Limited : Class::Good, who_gets_in(report, family),
            why);
    } else if (depends_on_destination(family)) {
        const bool hopeful = is_guessable(family.ports) ||
                             family.filtering.value == FilteringBehaviour::EndpointIndependent ||
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

bool was_asked(const FamilyReport& family) {
    using Status = FamilyReport::Status;
    return family.status == Status::Silent || family.status == Status::Blocked ||
           family.status == Status::Works;
}

/// What programs have: IPv4, or IPv6 alone.
const FamilyReport& family_of_verdict(const ProbeReport& report) {
    return was_asked(report.v6) && !was_asked(report.v4) ? report.v6 : report.v4;
}

void judge_class(const ProbeReport& report, const FamilyReport& family, Verdict& verdict) {
    using Status = FamilyReport::Status;
    if (report.captive_portal.value == Truth::Yes && family.status != Status::Works) {
        say(verdict, Class::Unknown,
            "Sign in first: open a web page, and this network asks you to.",
            "a captive portal answers in the name of others and lets nothing through until then.");
        return;
    }
    switch (family.status) {
    case Status::Works: judge_working(report, family, verdict); return;
    case Status::Blocked:
        say(verdict, Class::Blocked, "No UDP gets through: no direct connections, only relays.",
            "a server that answers over TCP does not over UDP.");
        return;
    case Status::NoAddress:
        say(verdict, Class::Unknown, kUnknown, "no IPv4 address, and no IPv6 that works.");
        return;
    case Status::NoServer:
        say(verdict, Class::Unknown, kUnknown,
            report.servers.empty() ? "no STUN server was named."
                                   : "none of the STUN servers that were named has an address.");
        return;
    case Status::Silent:
        say(verdict, Class::Unknown, kUnknown,
            "no server answered, neither over UDP nor over TCP: they are down, or there is no "
            "way out.");
        return;
    case Status::NotTested: say(verdict, Class::Unknown, kUnknown, "IPv4 was not tested."); return;
    }
}

/// A verdict about IPv6 alone says so.
void note_family(const ProbeReport& report, Verdict& verdict) {
    using Status = FamilyReport::Status;
    const char* alone = report.v4.status == Status::NoAddress  ? "no IPv4 address; over IPv6: "
                        : report.v4.status == Status::NoServer ? "no server for IPv4; over IPv6: "
                                                               : "over IPv6: ";
    verdict.why = alone + verdict.why;
    auto& first = verdict.summary.front();
    first = ascii_lower(first);
    verdict.summary = "Over IPv6: " + verdict.summary;
}

void advise_on_carrier(const ProbeReport& report, Verdict& verdict) {
    if (carrier_opens_ports(report)) return; // as at home
    const std::string ipv6 = report.v6.status == FamilyReport::Status::Works
                                 ? "Use IPv6, which works here, or a relay"
                                 : "Use IPv6 or a relay";
    verdict.advice.push_back(
        {"CGN", "The provider's NAT stands in between: a port that you forward on a router of your "
                "own leads nowhere. " +
                    ipv6 +
                    ", ask the provider for a public address, or have nat-probe prove PORT see "
                    "whether it opens ports."});
}

/// How others could be let in uninvited.
void advise_on_ports(const ProbeReport& report, const FamilyReport& family, Verdict& verdict) {
    const bool through_vpn = report.vpn.value == Truth::Yes; // where no router of ours opens ports
    const bool untranslated = family.mapping.value == MappingBehaviour::None;
    if (untranslated && verdict.value == Class::Good) {
        verdict.advice.push_back({"FIREWALL", "To let others in uninvited, let the port in at the "
                                              "firewall of this host or network."});
    }
    const bool carrier = is_carrier(report) && !carrier_opens_ports(report);
    if (untranslated || verdict.value == Class::Open || through_vpn || carrier) return;
    if (opens_ports(report)) {
        verdict.advice.push_back(
            {"OPEN-PORT", "To let others in uninvited, open a port: nat-map add PORT."});
    } else if (!report.services.empty()) {
        verdict.advice.push_back({"ENABLE-PORT-MAPPING",
                                  "To let others in uninvited, switch on UPnP, NAT-PMP or PCP in "
                                  "the router, or forward a port by hand."});
    }
}

/// The other family, where there is one.
void advise_on_families(const ProbeReport& report, const FamilyReport& family, Verdict& verdict) {
    const bool poor = verdict.value == Class::Limited || verdict.value == Class::Hard ||
                      verdict.value == Class::Blocked;
    if (&family == &report.v4 && poor && report.v6.status == FamilyReport::Status::Works) {
        verdict.advice.push_back(
            {"IPV6", "IPv6 works here: use it, too, for the peers that have it."});
    }
    if (report.v4.status == FamilyReport::Status::NoAddress &&
        report.v6.status == FamilyReport::Status::Works) {
        verdict.advice.push_back({"IPV6-ONLY", "Peers need IPv6, too: have a relay (TURN) with "
                                               "both kinds of addresses ready for the others."});
    }
}

void advise(const ProbeReport& report, const FamilyReport& family, Verdict& verdict) {
    const auto add = [&](const char* code, const char* text) {
        verdict.advice.push_back({code, text});
    };
    const bool working = family.status == FamilyReport::Status::Works;
    if (report.captive_portal.value == Truth::Yes)
        add("CAPTIVE-PORTAL", "Open a web page in a browser, sign in to this network, and run "
                              "nat-probe again.");
    if (report.captive_portal.value == Truth::Suspected && !working)
        add("CAPTIVE-PORTAL", "This network may want you to sign in: open a web page in a browser, "
                              "and run nat-probe again.");
    if (verdict.value == Class::Blocked)
        add("RELAY-TCP", "Use a relay over TCP (TURN), or ask whoever runs the network for UDP.");
    if (verdict.value == Class::Unknown && report.captive_portal.value != Truth::Yes) {
        add("MORE-SERVERS",
            report.servers.empty()
                ? "Name STUN servers, best of several operators: --stun HOST:PORT, or lines \"stun "
                  "HOST:PORT\" in ~/.config/natterjack/servers.conf."
                : "Name servers that work, best one at port 443 too, which strict networks let "
                  "through: --stun HOST:PORT, or servers.conf.");
    }
    if (working && is_carrier(report)) {
        advise_on_carrier(report, verdict);
    } else if (working && report.layers.count.value >= 2) {
        add("DOUBLE-NAT", "Two routers translate addresses: put one into bridge mode, or open "
                          "the port on both.");
    }
    if (verdict.value == Class::Hard || verdict.value == Class::Limited)
        add("RELAY", "Have a relay (TURN) ready for the peers that cannot be reached directly.");
    if (working) advise_on_ports(report, family, verdict);
    advise_on_families(report, family, verdict);
    if (report.vpn.value == Truth::Yes)
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
    if (family.status != FamilyReport::Status::Works || verdict.value == Class::Unknown) return;
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

void judge(ProbeReport& report) {
    const auto& family = family_of_verdict(report);
    auto& verdict = report.verdict;
    report.predictions = predict_peers(family, has_proved_mapping(report, true));
    judge_class(report, family, verdict);
    if (&family == &report.v6) note_family(report, verdict);
    auto& first = verdict.why.front();
    if (first >= 'a' && first <= 'z') first = static_cast<char>(first - 'a' + 'A');
    name_consoles(report, verdict);
    advise(report, family, verdict);
}

} // namespace natterjack
