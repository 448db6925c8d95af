// SPDX-License-Identifier: MIT
#include "outline.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "measured.hpp"

namespace nat_probe {

namespace {

using natterjack::Confidence;
using natterjack::FamilyReport;
using natterjack::Finding;
using natterjack::MappingBehaviour;
using natterjack::PortPattern;
using natterjack::ProbeReport;
using natterjack::ServerReport;
using natterjack::Truth;

std::string text(std::string_view view) {
    return std::string(view);
}

std::string spaced(std::string_view word) {
    std::string out(word);
    std::replace(out.begin(), out.end(), '-', ' ');
    return out;
}

std::string milliseconds(std::chrono::microseconds time) {
    std::array<char, 32> out{};
    const double ms = static_cast<double>(time.count()) / 1000;
    std::snprintf(out.data(), out.size(), ms < 10 ? "%.1f ms" : "%.0f ms", ms);
    return out.data();
}

std::string percent(double share) {
    std::array<char, 32> out{};
    std::snprintf(out.data(), out.size(), share < 0.01 ? "%.3f %%" : "%.0f %%", share * 100);
    return out.data();
}

template<class T>
Line line_of(const char* term, const Finding<T>& finding, std::string value) {
    return {term, std::move(value), spaced(to_string(finding.confidence)), finding.evidence};
}

template<class T>
bool is_worth_a_line(const Finding<T>& finding) {
    return finding.confidence != Confidence::NotTested;
}

std::string words_of(MappingBehaviour mapping, bool depends) {
    switch (mapping) {
    case MappingBehaviour::None: return "none: no address translation";
    case MappingBehaviour::EndpointIndependent: return "eim: one port for all destinations";
    case MappingBehaviour::AddressDependent: return "adm: another port for each address";
    case MappingBehaviour::AddressAndPortDependent:
        return "apdm: another port for each destination";
    case MappingBehaviour::Unknown: break;
    }
    return depends ? "unknown: adm or apdm" : "unknown";
}

std::string words_of(natterjack::FilteringBehaviour filtering) {
    using natterjack::FilteringBehaviour;
    switch (filtering) {
    case FilteringBehaviour::EndpointIndependent: return "eif: everybody may send in";
    case FilteringBehaviour::AddressDependent:
        return "adf: addresses that were contacted may send in";
    case FilteringBehaviour::AddressAndPortDependent:
        return "apdf: only who was contacted may send in";
    case FilteringBehaviour::Unknown: break;
    }
    return "unknown";
}

std::string words_of(natterjack::UnsolicitedSyn answer) {
    using natterjack::UnsolicitedSyn;
    switch (answer) {
    case UnsolicitedSyn::Silent: return "silent: it is dropped without a word";
    case UnsolicitedSyn::Reset: return "reset: it is turned away by a reset";
    case UnsolicitedSyn::Unreachable: return "unreachable: it is turned away by an ICMP error";
    case UnsolicitedSyn::Refused: return "refused: it is turned away at once";
    case UnsolicitedSyn::Accepted: return "accepted: it gets in";
    case UnsolicitedSyn::Unknown: break;
    }
    return "unknown";
}

Line status_line(const FamilyReport& family, const ProbeReport& report, Placeholders& names) {
    Line out{"udp", spaced(to_string(family.status)), "", ""};
    if (family.status != FamilyReport::Status::Works) return out;
    int answered = 0;
    int asked = 0;
    std::chrono::microseconds best{0};
    for (const auto& server : report.servers) {
        if (!server.endpoint || server.endpoint->address.is_v4() != family.local.is_v4()) continue;
        ++asked;
        if (!server.answered) continue;
        ++answered;
        if (best.count() == 0 || server.round_trip < best) best = server.round_trip;
    }
    out.evidence = std::to_string(answered) + " of " + std::to_string(asked) +
                   " servers answer, latency " + milliseconds(best);
    if (family.external) out.value += ", seen as " + names.name(*family.external);
    return out;
}

void add_ports(const FamilyReport& family, std::vector<Line>& lines) {
    const auto& ports = family.ports;
    if (ports.sockets == 0 && !is_worth_a_line(ports.pattern)) return;
    if (family.mapping.value == MappingBehaviour::None) return;
    auto value = text(to_string(ports.pattern.value));
    if (ports.pattern.value == PortPattern::Sequential)
        value += ", step " + std::to_string(ports.step);
    if (ports.pattern.value == PortPattern::Block) {
        value += ", " + std::to_string(ports.lowest) + " to " + std::to_string(ports.highest);
    }
    auto line = line_of("ports", ports.pattern, value);
    if (ports.sockets > 0) {
        line.evidence += "; " + std::to_string(ports.kept) + " of " +
                         std::to_string(ports.sockets) + " ports kept";
    }
    if (ports.sockets > 8) { // who asks for many wants to see them
        line.evidence += ":";
        for (const auto port : ports.samples) line.evidence += " " + std::to_string(port);
    }
    if (ports.one_guess && ports.pattern.value != PortPattern::Preserving) {
        line.evidence += "; a guess at the next one is right with a chance of " +
                         percent(*ports.one_guess) + ", 256 guesses at 256 of them with " +
                         percent(*ports.many_guesses);
    }
    lines.push_back(std::move(line));
    if (ports.sockets > 0 && ports.parity_kept != ports.sockets) {
        lines.push_back({"parity",
                         std::to_string(ports.parity_kept) + " of " +
                             std::to_string(ports.sockets) + " ports stayed even or odd",
                         "", ""});
    }
}

Section family_section(const FamilyReport& family, const ProbeReport& report, const char* term,
                       Placeholders& names) {
    Section out{term, {}};
    out.lines.push_back(status_line(family, report, names));
    if (family.status != FamilyReport::Status::Works) return out;
    out.lines.push_back(
        line_of("mapping", family.mapping, words_of(family.mapping.value, family.mapping_depends)));
    out.lines.push_back(line_of("filtering", family.filtering, words_of(family.filtering.value)));
    add_ports(family, out.lines);
    if (family.pooling.value == natterjack::Pooling::Arbitrary)
        out.lines.push_back(line_of("pooling", family.pooling, "arbitrary"));
    if (is_worth_a_line(family.rewriting)) {
        out.lines.push_back(
            line_of("alg", family.rewriting, text(to_string(family.rewriting.value))));
    }
    if (is_worth_a_line(family.tcp_mapping)) {
        out.lines.push_back(
            line_of("tcp mapping", family.tcp_mapping, words_of(family.tcp_mapping.value, false)));
    }
    if (is_worth_a_line(family.unsolicited_syn)) {
        out.lines.push_back(line_of("uninvited tcp", family.unsolicited_syn,
                                    words_of(family.unsolicited_syn.value)));
    }
    return out;
}

Section path_section(const ProbeReport& report, Placeholders& names) {
    Section out{"path", {}};
    if (is_worth_a_line(report.layers.count)) {
        const bool known = report.layers.count.confidence >= Confidence::Likely;
        out.lines.push_back(line_of("layers", report.layers.count,
                                    known ? std::to_string(report.layers.count.value) +
                                                (report.layers.count.value == 1 ? " NAT" : " NATs")
                                          : "unknown"));
        out.lines.push_back(
            line_of("cgn", report.layers.carrier, text(to_string(report.layers.carrier.value))));
    }
    for (const auto& hop : report.layers.hops) {
        out.lines.push_back({"hop",
                             std::to_string(hop.distance) + ": " +
                                 (hop.address ? names.name(*hop.address) : "silent"),
                             "", ""});
    }
    if (report.vpn.value == Truth::Yes) out.lines.push_back(line_of("vpn", report.vpn, "yes"));
    const auto& portal = report.captive_portal;
    if (portal.value == Truth::Yes || portal.value == Truth::Suspected)
        out.lines.push_back(line_of("captive portal", portal, text(to_string(portal.value))));
    return out;
}

Section measured_section(const Measured& measured, Placeholders& names) {
    Section out{"measured", {}};
    const auto add = [&](const std::vector<Line>& lines) {
        for (auto line : lines) {
            line.evidence = names.scrub(line.evidence);
            out.lines.push_back(std::move(line));
        }
    };
    if (measured.hairpin) add(lines_of(*measured.hairpin));
    if (measured.mtu) add(lines_of(*measured.mtu));
    return out;
}

Section mapping_section(const ProbeReport& report, Placeholders& names) {
    Section out{"port mapping", {}};
    for (const auto& service : report.services) {
        std::string value = service.there ? "answers" : "no answer";
        if (!service.product.empty()) value += ", " + names.scrub(service.product);
        if (service.external) value += ", outer address " + names.name(*service.external);
        out.lines.push_back({text(to_string(service.strategy)), std::move(value), "",
                             service.there ? "" : names.scrub(service.message)});
    }
    for (const auto& mapped : report.mapped) {
        const auto name = std::to_string(mapped.port) + "/" + text(to_string(mapped.transport));
        if (!mapped.opening) {
            out.lines.push_back(
                {"port mapping", name + " could not be opened", "", names.scrub(mapped.message)});
            continue;
        }
        out.lines.push_back({"port mapping",
                             name + " as " + names.name(mapped.opening->external) + " by " +
                                 text(to_string(mapped.opening->strategy)),
                             text(to_string(mapped.opening->proof)), names.scrub(mapped.message)});
    }
    return out;
}

Section server_section(const ProbeReport& report, Placeholders& names) {
    Section out{"servers", {}};
    for (const auto& server : report.servers) {
        std::string value = names.scrub(server.name);
        if (server.answered) {
            value += ", " + milliseconds(server.round_trip);
            if (!server.software.empty()) value += ", " + names.scrub(server.software);
        } else {
            value += server.endpoint ? ", silent" : ", not asked";
        }
        const auto quality = server.rfc5780;
        out.lines.push_back({"stun", std::move(value),
                             quality == ServerReport::Rfc5780::NotTested
                                 ? ""
                                 : "rfc 5780: " + spaced(to_string(quality)),
                             names.scrub(server.trouble)});
    }
    return out;
}

std::vector<Station> path_of(const ProbeReport& report, Placeholders& names) {
    std::vector<Station> out;
    const auto& family =
        report.v4.status == FamilyReport::Status::NoAddress ? report.v6 : report.v4;
    Station host{.title = "this host"};
    if (!family.local.is_unspecified()) host.notes.push_back(names.name(family.local));
    out.push_back(std::move(host));
    const bool known = report.layers.count.confidence >= Confidence::Likely;
    const bool carrier = report.layers.carrier.value == Truth::Yes;
    // A carrier's NAT has a router before it, unless it is what gave this host its address.
    const int seen = carrier && !family.local.is_shared() ? 2 : 1;
    const int layers = known ? report.layers.count.value
                             : (family.mapping.value == MappingBehaviour::None ? 0 : seen);
    if (family.status == FamilyReport::Status::Blocked) {
        out.push_back({.title = "firewall", .notes = {"no UDP"}, .barrier = true});
    }
    for (int i = 0; i < layers && family.status == FamilyReport::Status::Works; ++i) {
        Station station{.title = i == 0 ? "router" : "second router", .translates = true};
        if (carrier && (i > 0 || family.local.is_shared())) station.title = "carrier's NAT";
        if (i == 0 && report.vpn.value == Truth::Yes) station.title = "VPN";
        if (i == 0 && !report.gateway.is_unspecified())
            station.notes.push_back(names.name(report.gateway));
        if (i == 0) {
            std::string speaks;
            for (const auto& service : report.services) {
                if (service.there)
                    speaks += (speaks.empty() ? "" : ", ") + text(to_string(service.strategy));
            }
            if (!speaks.empty()) station.notes.push_back("opens ports: " + speaks);
        }
        if (i + 1 == layers) {
            station.notes.push_back(text(to_string(family.mapping.value)) + " / " +
                                    text(to_string(family.filtering.value)));
        }
        out.push_back(std::move(station));
    }
    if (family.mapping.value == MappingBehaviour::None &&
        family.filtering.value != natterjack::FilteringBehaviour::EndpointIndependent &&
        family.filtering.value != natterjack::FilteringBehaviour::Unknown) {
        out.push_back({.title = "firewall", .notes = {text(to_string(family.filtering.value))}});
    }
    Station internet{.title = "internet"};
    if (family.external) internet.notes.push_back("sees " + names.name(*family.external));
    out.push_back(std::move(internet));
    return out;
}

std::string consoles_of(const natterjack::Verdict& verdict) {
    if (verdict.xbox == "unknown") return {};
    return "Xbox " + verdict.xbox + ", PlayStation " + verdict.playstation;
}

} // namespace

Outline make_outline(const ProbeReport& report, Placeholders& names, const Measured& measured) {
    Outline out;
    out.verdict = report.verdict.value == natterjack::Verdict::Class::Unknown
                      ? "inconclusive"
                      : text(to_string(report.verdict.value));
    out.verdict.front() = static_cast<char>(out.verdict.front() - 'a' + 'A');
    out.summary = report.verdict.summary;
    out.why = report.verdict.why;
    for (const auto& advice : report.verdict.advice) out.advice.push_back(advice.text);
    out.path = path_of(report, names);
    out.sections.push_back(family_section(report.v4, report, "ipv4", names));
    out.sections.push_back(family_section(report.v6, report, "ipv6", names));
    out.sections.push_back(path_section(report, names));
    out.sections.push_back(mapping_section(report, names));
    out.sections.push_back(server_section(report, names));
    out.sections.push_back(measured_section(measured, names));
    std::erase_if(out.sections, [](const Section& section) { return section.lines.empty(); });
    for (const auto& each : report.predictions)
        out.peers.push_back({each.peer, text(to_string(each.direct)), each.how});
    out.consoles = consoles_of(report.verdict);
    for (const auto& warning : report.warnings) out.warnings.push_back(names.scrub(warning));
    out.footer = "took " + std::to_string(report.took.count()) + " ms";
    return out;
}

} // namespace nat_probe
