// SPDX-License-Identifier: MIT
#include "json_report.hpp"

#include <array>
#include <ctime>

#include "measured.hpp"

namespace nat_probe {

namespace {

using natterjack::FamilyReport;
using natterjack::ProbeReport;
using nlohmann::ordered_json;

std::string text(std::string_view view) {
    return std::string(view);
}

double milliseconds(std::chrono::microseconds time) {
    return static_cast<double>(time.count()) / 1000;
}

std::string utc(std::chrono::system_clock::time_point when) {
    const auto seconds = std::chrono::system_clock::to_time_t(when);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 32> out{};
    return {out.data(), std::strftime(out.data(), out.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

template<class T>
ordered_json finding(const natterjack::Finding<T>& from) {
    return {{"value", text(to_string(from.value))},
            {"confidence", text(to_string(from.confidence))},
            {"evidence", from.evidence}};
}

template<class T>
ordered_json or_null(const std::optional<T>& value) {
    return value ? ordered_json(*value) : ordered_json();
}

ordered_json ports(const natterjack::PortAllocation& from) {
    auto out = finding(from.pattern);
    out["sockets"] = from.sockets;
    out["kept"] = from.kept;
    out["parity_kept"] = from.parity_kept;
    out["step"] = from.step;
    out["lowest"] = from.lowest;
    out["highest"] = from.highest;
    out["samples"] = from.samples;
    out["one_guess"] = or_null(from.one_guess);
    out["many_guesses"] = or_null(from.many_guesses);
    return out;
}

ordered_json family(const FamilyReport& from, Placeholders& names) {
    ordered_json out = {{"status", text(to_string(from.status))}};
    out["local"] =
        from.local.is_unspecified() ? ordered_json() : ordered_json(names.name(from.local));
    out["external"] = from.external ? ordered_json(names.name(*from.external)) : ordered_json();
    out["seen"] = ordered_json::array();
    for (const auto& row : from.seen) {
        out["seen"].push_back({{"server", names.name(row.server)},
                               {"local", names.name(row.local)},
                               {"mapped", names.name(row.mapped)},
                               {"rtt_ms", milliseconds(row.round_trip)}});
    }
    out["mapping"] = finding(from.mapping);
    out["mapping"]["depends_on_destination"] =
        from.mapping_depends ||
        from.mapping.value == natterjack::MappingBehaviour::AddressDependent ||
        from.mapping.value == natterjack::MappingBehaviour::AddressAndPortDependent;
    out["pooling"] = finding(from.pooling);
    out["ports"] = ports(from.ports);
    out["filtering"] = finding(from.filtering);
    out["filtering"]["host_firewall_possible"] =
        from.filtering.value == natterjack::FilteringBehaviour::AddressDependent ||
        from.filtering.value == natterjack::FilteringBehaviour::AddressAndPortDependent;
    out["alg"] = finding(from.rewriting);
    out["tcp"] = {{"mapping", finding(from.tcp_mapping)},
                  {"unsolicited_syn", finding(from.unsolicited_syn)}};
    return out;
}

ordered_json verdict(const natterjack::Verdict& from) {
    ordered_json out = {{"class", text(to_string(from.value))},
                        {"summary", from.summary},
                        {"why", from.why},
                        {"advice", ordered_json::array()},
                        {"console", {{"xbox", from.xbox}, {"playstation", from.playstation}}}};
    for (const auto& each : from.advice)
        out["advice"].push_back({{"code", each.code}, {"text", each.text}});
    return out;
}

ordered_json layers(const ProbeReport& report, Placeholders& names) {
    const auto& from = report.layers;
    const bool known = from.count.confidence >= natterjack::Confidence::Likely;
    ordered_json out = {{"count",
                         {{"value", known ? ordered_json(from.count.value) : ordered_json()},
                          {"confidence", text(to_string(from.count.confidence))},
                          {"evidence", from.count.evidence}}},
                        {"cgn", finding(from.carrier)},
                        {"hops", ordered_json::array()}};
    for (const auto& hop : from.hops) {
        out["hops"].push_back(
            {{"distance", hop.distance},
             {"address", hop.address ? ordered_json(names.name(*hop.address)) : ordered_json()}});
    }
    return out;
}

ordered_json gateway(const ProbeReport& report, Placeholders& names) {
    ordered_json out = {{"address", report.gateway.is_unspecified()
                                        ? ordered_json()
                                        : ordered_json(names.name(report.gateway))},
                        {"interface", report.interface},
                        {"services", ordered_json::array()}};
    for (const auto& service : report.services) {
        out["services"].push_back(
            {{"protocol", text(to_string(service.strategy))},
             {"answers", service.there},
             {"gateway", names.name(service.gateway)},
             {"external",
              service.external ? ordered_json(names.name(*service.external)) : ordered_json()},
             {"product", names.scrub(service.product)},
             {"message", names.scrub(service.message)}});
    }
    return out;
}

ordered_json portmap(const natterjack::MappedPort& from, Placeholders& names) {
    ordered_json out = {{"port", from.port}, {"protocol", text(to_string(from.transport))}};
    const auto& opening = from.opening;
    out["method"] = opening ? ordered_json(text(to_string(opening->strategy))) : ordered_json();
    out["external"] = opening ? ordered_json(names.name(opening->external)) : ordered_json();
    out["lifetime_s"] = opening ? ordered_json(opening->lifetime.count()) : ordered_json();
    out["reach"] = opening ? ordered_json(text(to_string(opening->reach))) : ordered_json();
    out["reachable"] = opening ? ordered_json(text(to_string(opening->proof))) : ordered_json();
    out["level"] = opening ? ordered_json(text(to_string(opening->proof_level))) : ordered_json();
    out["message"] = names.scrub(from.message);
    return out;
}

ordered_json server(const natterjack::ServerReport& from, Placeholders& names) {
    return {
        {"name", names.scrub(from.name)},
        {"endpoint", from.endpoint ? ordered_json(names.name(*from.endpoint)) : ordered_json()},
        {"answered", from.answered},
        {"tcp", from.tcp},
        {"rtt_ms", from.answered ? ordered_json(milliseconds(from.round_trip)) : ordered_json()},
        {"other", from.other ? ordered_json(names.name(*from.other)) : ordered_json()},
        {"rfc5780", text(to_string(from.rfc5780))},
        {"software", names.scrub(from.software)},
        {"trouble", names.scrub(from.trouble)}};
}

} // namespace

ordered_json to_json(const ProbeReport& report, Placeholders& names, const Measured& measured) {
    ordered_json out = {{"schema", "nat-probe/1"},
                        {"tool", {{"name", "nat-probe"}, {"version", NATTERJACK_VERSION}}},
                        {"time", utc(report.time)},
                        {"duration_ms", report.took.count()},
                        {"redaction", names.shows_addresses() ? "none" : "placeholders"}};
    out["verdict"] = verdict(report.verdict);
    out["families"] = {{"v4", family(report.v4, names)}, {"v6", family(report.v6, names)}};
    out["layers"] = layers(report, names);
    out["gateway"] = gateway(report, names);
    out["vpn"] = finding(report.vpn);
    out["captive_portal"] = finding(report.captive_portal);
    out["portmap"] = ordered_json::array();
    for (const auto& each : report.mapped) out["portmap"].push_back(portmap(each, names));
    out["servers"] = ordered_json::array();
    for (const auto& each : report.servers) out["servers"].push_back(server(each, names));
    out["predictions"] = ordered_json::array();
    for (const auto& each : report.predictions) {
        out["predictions"].push_back(
            {{"peer", each.peer}, {"direct", text(to_string(each.direct))}, {"how", each.how}});
    }
    if (auto more = to_json(measured); !more.empty()) out["measured"] = std::move(more);
    out["warnings"] = ordered_json::array();
    for (const auto& each : report.warnings) out["warnings"].push_back(names.scrub(each));
    return out;
}

} // namespace nat_probe
