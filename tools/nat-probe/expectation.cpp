// SPDX-License-Identifier: MIT
#include "expectation.hpp"

#include <algorithm>
#include <array>

#include "base/number.hpp"

namespace nat_probe {

namespace {

using natterjack::Confidence;
using natterjack::ProbeReport;

std::string text(std::string_view view) {
    return std::string(view);
}

std::string mapped_port(const ProbeReport& report) {
    if (report.mapped.empty()) return "unknown";
    const auto& first = report.mapped.front();
    return first.opening ? text(to_string(first.opening->proof)) : "none";
}

struct Key {
    std::string_view name;
    std::string_view values; ///< All that there are, with blanks between; empty: a number.
    std::string (*value)(const ProbeReport&);
};

constexpr std::string_view kMappings = "none eim adm apdm unknown";
constexpr std::string_view kStatuses = "works blocked silent no-server no-address not-tested";

constexpr std::array kKeys = {
    Key{"verdict", "open good limited hard blocked unknown",
        [](const ProbeReport& r) { return text(to_string(r.verdict.value)); }},
    Key{"mapping", kMappings,
        [](const ProbeReport& r) { return text(to_string(r.v4.mapping.value)); }},
    Key{"filtering", "eif adf apdf unknown",
        [](const ProbeReport& r) { return text(to_string(r.v4.filtering.value)); }},
    Key{"ipv4", kStatuses, [](const ProbeReport& r) { return text(to_string(r.v4.status)); }},
    Key{"ipv6", kStatuses, [](const ProbeReport& r) { return text(to_string(r.v6.status)); }},
    Key{"ports", "preserving sequential block random unknown",
        [](const ProbeReport& r) { return text(to_string(r.v4.ports.pattern.value)); }},
    Key{"cgn", "no suspected yes unknown",
        [](const ProbeReport& r) { return text(to_string(r.layers.carrier.value)); }},
    Key{"layers", "",
        [](const ProbeReport& r) {
            return r.layers.count.confidence < Confidence::Likely
                       ? std::string("unknown")
                       : std::to_string(r.layers.count.value);
        }},
    Key{"portmap", "proved claimed refuted none unknown", mapped_port},
};

bool can_be(const Key& key, std::string_view value) {
    if (key.values.empty()) return value == "unknown" || natterjack::parse_number<int>(value);
    const auto words = " " + text(key.values) + " ";
    return value.find(' ') == std::string_view::npos &&
           words.find(" " + text(value) + " ") != std::string::npos;
}

const Key* find_key(std::string_view name) {
    const auto* found =
        std::find_if(kKeys.begin(), kKeys.end(), [&](const Key& key) { return key.name == name; });
    return found == kKeys.end() ? nullptr : found;
}

std::string known_keys() {
    std::string out;
    for (const Key& each : kKeys) out += (out.empty() ? "" : ", ") + text(each.name);
    return out;
}

natterjack::Error bad(std::string_view part, const std::string& wanted) {
    return {natterjack::Errc::InvalidArgument, "\"" + text(part) + "\" is not " + wanted};
}

} // namespace

natterjack::Result<std::vector<Expectation>> parse_expectations(std::string_view claims) {
    std::vector<Expectation> out;
    while (!claims.empty()) {
        const auto part = claims.substr(0, claims.find(','));
        claims.remove_prefix(std::min(claims.size(), part.size() + 1));
        const auto equals = std::min(part.find('='), part.size());
        const auto* key = find_key(part.substr(0, equals));
        const auto value = part.substr(std::min(part.size(), equals + 1));
        if (key == nullptr) {
            return bad(part, "KEY=VALUE with one of the keys " + known_keys());
        }
        if (!can_be(*key, value)) {
            return bad(part,
                       text(key->name) + "= and " +
                           (key->values.empty() ? "a number" : "one of " + text(key->values)));
        }
        out.push_back({text(key->name), text(value)});
    }
    return out;
}

std::string value_of(const ProbeReport& report, std::string_view key) {
    const auto* found = find_key(key);
    return found ? found->value(report) : "unknown";
}

std::vector<std::string> unmet(const ProbeReport& report,
                               const std::vector<Expectation>& expectations) {
    std::vector<std::string> out;
    for (const auto& each : expectations) {
        const auto value = value_of(report, each.key);
        if (value != each.value)
            out.push_back("expected " + each.key + "=" + each.value + ", found " + value);
    }
    return out;
}

} // namespace nat_probe
