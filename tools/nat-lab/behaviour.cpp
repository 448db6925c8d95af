// SPDX-License-Identifier: MIT
#include "behaviour.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "daemons.hpp"

namespace natterjack::lab {

namespace {

constexpr std::array kMappingWords{"eim", "adm", "apdm"};
constexpr std::array kFilteringWords{"eif", "adf", "apdf"};

/// False: nothing that a STUN test sends gets out.
bool lets_stun_out(const RouterSpec& router) {
    if (router.udp_blocked) return false;
    if (router.egress.empty()) return true;
    return std::any_of(router.egress.begin(), router.egress.end(), [](const Egress& egress) {
        return !egress.tcp && std::count(egress.ports.begin(), egress.ports.end(), kStunPort) != 0;
    });
}

bool has(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

} // namespace

std::string to_string(const Behaviour& behaviour) {
    if (behaviour == Behaviour()) return "unknown";
    return behaviour.mapping + "/" + behaviour.filtering;
}

Behaviour expected_behaviour(const SiteSpec& site) {
    const auto& routers = site.routers;
    if (site.vpn) return {"eim", "apdf"};
    if (!std::all_of(routers.begin(), routers.end(), lets_stun_out)) return {};
    const bool strict = site.firewall || (!site.ipv4 && !routers.empty());
    if (routers.empty() || !site.ipv4) return {"none", strict ? "apdf" : "eif"};
    // Of several, the most dependent one shows.
    std::size_t mapping = 0;
    std::size_t filtering = strict ? 2 : 0;
    for (const auto& router : routers) {
        mapping = std::max(mapping, static_cast<std::size_t>(router.mapping));
        filtering = std::max(filtering, static_cast<std::size_t>(router.filtering));
    }
    return {kMappingWords.at(mapping), kFilteringWords.at(filtering)};
}

Behaviour read_natdiscovery(std::string_view output) {
    Behaviour out;
    constexpr std::array kWords{"Endpoint Independent", "Address Dependent",
                                "Address and Port Dependent"};
    for (std::size_t i = 0; i < kWords.size(); ++i) {
        const auto says = std::string("NAT with ") + kWords.at(i);
        if (has(output, says + " Mapping!")) out.mapping = kMappingWords.at(i);
        if (has(output, says + " Filtering!")) out.filtering = kFilteringWords.at(i);
    }
    // Said of the first server only: with the second one there is nothing to compare.
    if (has(output, "No NAT!")) out.mapping = "none";
    return out;
}

std::optional<Behaviour> read_nat_probe(std::string_view output, bool ipv6) {
    const auto report = nlohmann::json::parse(output, nullptr, false);
    const nlohmann::json::json_pointer family(ipv6 ? "/families/v6" : "/families/v4");
    if (report.is_discarded() || !report.contains(family)) return std::nullopt;
    const auto word = [&](const char* what) {
        const auto place = family / what / "value";
        const auto* value = report.contains(place) ? &report.at(place) : nullptr;
        return value && value->is_string() ? value->get<std::string>() : std::string("unknown");
    };
    return Behaviour{word("mapping"), word("filtering")};
}

} // namespace natterjack::lab
