// SPDX-License-Identifier: MIT
#include "traversal/journal_text.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/hex.hpp"
#include "traversal/journal.hpp"

namespace natterjack {

namespace {

using Clock = std::chrono::system_clock;
using nlohmann::json;

constexpr const char* kSchema = "natterjack-journal/2";
constexpr std::size_t kHops = 2; // of a mapping through two NATs

struct StrategyName {
    Strategy strategy;
    const char* name;
};
constexpr std::array<StrategyName, 4> kStrategies = {{{Strategy::Direct, "direct"},
                                                      {Strategy::Igd, "igd"},
                                                      {Strategy::Pcp, "pcp"},
                                                      {Strategy::NatPmp, "nat-pmp"}}};

std::optional<Strategy> strategy_of(const std::string& name) {
    const auto* found = std::find_if(kStrategies.begin(), kStrategies.end(),
                                     [&](const StrategyName& row) { return name == row.name; });
    return found == kStrategies.end() ? std::nullopt : std::optional(found->strategy);
}

json to_json(const Mapping& mapping) {
    json out = {{"strategy", std::string(to_string(mapping.strategy))},
                {"transport", std::string(to_string(mapping.transport))},
                {"internal", mapping.internal.to_string()},
                {"external", mapping.external.to_string()},
                {"gateway", mapping.gateway.to_string()},
                {"lifetime_s", mapping.lifetime.count()},
                {"nonce", to_hex(mapping.nonce)},
                {"control_url", mapping.control_url},
                {"service_type", mapping.service_type},
                {"description", mapping.description}};
    if (!mapping.host_name.empty()) out["host_name"] = mapping.host_name;
    if (mapping.pinhole) out["pinhole"] = *mapping.pinhole;
    if (mapping.remote) out["remote"] = mapping.remote->to_string();
    for (const RemotePeers& peers : mapping.only_from) {
        out["only_from"].push_back(peers.to_string());
    }
    for (const Mapping& hop : mapping.hops) out["hops"].push_back(to_json(hop));
    return out;
}

json to_json(const JournalEntry& entry) {
    auto out = to_json(entry.mapping);
    out["ends"] =
        std::chrono::duration_cast<std::chrono::seconds>(entry.ends.time_since_epoch()).count();
    out["owner"] = {{"pid", entry.owner.pid},
                    {"started", entry.owner.started},
                    {"boot", entry.owner.boot},
                    {"pid_space", entry.owner.pid_space},
                    {"program", entry.owner.program}};
    out["hardware"] = entry.hardware;
    return out;
}

// A whole number that Number has room for. What nlohmann converts by itself overflows.
template<class Number>
std::optional<Number> number(const json& in) {
    if (in.is_number_unsigned()) {
        const auto value = in.get<std::uint64_t>();
        return std::in_range<Number>(value) ? std::optional(static_cast<Number>(value))
                                            : std::nullopt;
    }
    if (!in.is_number_integer()) return std::nullopt;
    const auto value = in.get<std::int64_t>();
    return std::in_range<Number>(value) ? std::optional(static_cast<Number>(value)) : std::nullopt;
}

// Throws what nlohmann throws on a missing or mistyped field; empty when a value makes no sense.
std::optional<Mapping> mapping_from_json(const json& in) {
    Mapping mapping;
    const auto strategy = strategy_of(in.at("strategy").get<std::string>());
    const auto transport = in.at("transport").get<std::string>();
    const auto internal = Endpoint::parse(in.at("internal").get<std::string>());
    const auto external = Endpoint::parse(in.at("external").get<std::string>());
    const auto gateway = IpAddress::parse(in.at("gateway").get<std::string>());
    const auto nonce = from_hex<12>(in.at("nonce").get<std::string>());
    if (!strategy || !internal || !external || !gateway || !nonce ||
        (transport != "udp" && transport != "tcp")) {
        return std::nullopt;
    }
    mapping.strategy = *strategy;
    mapping.transport = transport == "udp" ? Transport::Udp : Transport::Tcp;
    mapping.internal = *internal;
    mapping.external = *external;
    mapping.gateway = *gateway;
    mapping.nonce = *nonce;
    const auto lifetime = number<std::uint32_t>(in.at("lifetime_s"));
    if (!lifetime) return std::nullopt;
    mapping.lifetime = Lifetime(*lifetime);
    mapping.control_url = in.at("control_url").get<std::string>();
    mapping.service_type = in.at("service_type").get<std::string>();
    mapping.description = in.at("description").get<std::string>();
    if (in.contains("host_name")) mapping.host_name = in.at("host_name").get<std::string>();
    if (in.contains("pinhole")) {
        mapping.pinhole = number<std::uint16_t>(in.at("pinhole"));
        if (!mapping.pinhole) return std::nullopt;
    }
    if (in.contains("remote")) {
        const auto remote = Endpoint::parse(in.at("remote").get<std::string>());
        if (!remote) return std::nullopt;
        mapping.remote = *remote;
    }
    if (in.contains("only_from")) {
        for (const auto& item : in.at("only_from")) {
            const auto peers = RemotePeers::parse(item.get<std::string>());
            if (!peers) return std::nullopt;
            mapping.only_from.push_back(*peers);
        }
    }
    return mapping;
}

std::optional<JournalEntry> from_json(const json& in) {
    auto mapping = mapping_from_json(in);
    if (!mapping) return std::nullopt;
    if (in.contains("hops")) {
        for (const auto& item : in.at("hops")) {
            const auto hop = mapping_from_json(item);
            if (!hop || mapping->hops.size() >= kHops) return std::nullopt;
            mapping->hops.push_back(*hop);
        }
        if (mapping->hops.size() != kHops) return std::nullopt;
    }
    JournalEntry entry{.mapping = *std::move(mapping)};
    const auto ends = number<std::int64_t>(in.at("ends"));
    const std::chrono::seconds most =
        std::chrono::duration_cast<std::chrono::seconds>(Clock::duration::max());
    if (!ends || *ends < 0 || *ends > most.count()) return std::nullopt;
    entry.ends = Clock::time_point(std::chrono::seconds(*ends));
    const json& owner = in.at("owner");
    const auto pid = number<std::int64_t>(owner.at("pid"));
    const auto started = number<std::uint64_t>(owner.at("started"));
    const auto pid_space = number<std::uint64_t>(owner.at("pid_space"));
    if (!pid || *pid < 0 || !started || !pid_space) return std::nullopt;
    entry.owner.pid = *pid;
    entry.owner.started = *started;
    entry.owner.pid_space = *pid_space;
    entry.owner.boot = owner.at("boot").get<std::string>();
    entry.owner.program = owner.at("program").get<std::string>();
    entry.hardware = in.at("hardware").get<std::string>();
    return entry;
}

json to_json(const KnownGateway& known) {
    json out = {{"gateway", known.gateway.to_string()},
                {"hardware", known.hardware},
                {"location", known.memory.location},
                {"answered", json::array()}};
    for (const Strategy strategy : known.memory.answered) {
        out["answered"].push_back(std::string(to_string(strategy)));
    }
    return out;
}

std::optional<KnownGateway> gateway_from_json(const json& in) {
    const auto gateway = IpAddress::parse(in.at("gateway").get<std::string>());
    if (!gateway) return std::nullopt;
    KnownGateway known{.gateway = *gateway, .hardware = in.at("hardware").get<std::string>()};
    known.memory.location = in.at("location").get<std::string>();
    for (const auto& item : in.at("answered")) {
        const auto strategy = strategy_of(item.get<std::string>());
        if (!strategy) return std::nullopt;
        known.memory.answered.push_back(*strategy);
    }
    return known;
}

} // namespace

std::optional<JournalContents> parse_journal(const std::string& text) {
    try {
        const auto in = json::parse(text);
        if (in.at("schema").get<std::string>() != kSchema) return std::nullopt;
        JournalContents contents;
        for (const auto& item : in.at("mappings")) {
            auto entry = from_json(item);
            if (!entry) return std::nullopt;
            if (contents.entries.size() < Journal::kMaxEntries) {
                contents.entries.push_back(*std::move(entry));
            }
        }
        for (const auto& item : in.at("gateways")) {
            auto known = gateway_from_json(item);
            if (!known) return std::nullopt;
            if (contents.gateways.size() < Journal::kMaxGateways) {
                contents.gateways.push_back(*std::move(known));
            }
        }
        return contents;
    } catch (const json::exception&) {
        return std::nullopt;
    }
}

std::string to_text(const JournalContents& contents) {
    json out = {{"schema", kSchema}, {"mappings", json::array()}, {"gateways", json::array()}};
    for (const auto& entry : contents.entries) out["mappings"].push_back(to_json(entry));
    for (const auto& known : contents.gateways) out["gateways"].push_back(to_json(known));
    return out.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

} // namespace natterjack
