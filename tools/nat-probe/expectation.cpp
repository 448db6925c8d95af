// SPDX-License-Identifier: MIT
#include "expectation.hpp"

#include <algorithm>
#include <array>

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
    std::string (*value)(const ProbeReport&);
};

constexpr std::array kKeys = {
    Key{"verdict", [](const ProbeReport& r) { return text(to_string(r.verdict.value)); }},
    Key{"mapping", [](const ProbeReport& r) { return text(to_string(r.v4.mapping.value)); }},
    Key{"filtering", [](const ProbeReport& r) { return text(to_string(r.v4.filtering.value)); }},
    Key{"ipv4", [](const ProbeReport& r) { return text(to_string(r.v4.status)); }},
    Key{"ipv6", [](const ProbeReport& r) { return text(to_string(r.v6.status)); }},
    Key{"ports", [](const ProbeReport& r) { return text(to_string(r.v4.ports.pattern.value)); }},
    Key{"cgn", [](const ProbeReport& r) { return text(to_string(r.layers.carrier.value)); }},
    Key{"layers",
        [](const ProbeReport& r) {
            return r.layers.count.confidence < Confidence::Likely
                       ? std::string("unknown")
                       : std::to_string(r.layers.count.value);
        }},
    Key{"portmap", mapped_port},
};

const Key* find_key(std::string_view name) {
    const auto* found =
        std::find_if(kKeys.begin(), kKeys.end(), [&](const Key& key) { return key.name == name; });
    return found == kKeys.end() ? nullptr : found;
}

} // namespace

natterjack::Result<std::vector<Expectation>> parse_expectations(std::string_view text) {
    std::vector<Expectation> out;
    while (!text.empty()) {
        const auto part = text.substr(0, text.find(','));
        text.remove_prefix(std::min(text.size(), part.size() + 1));
        const auto equals = part.find('=');
        const auto key = part.substr(0, equals);
        if (equals == std::string_view::npos || equals + 1 == part.size() || !find_key(key)) {
            std::string known;
            for (const auto& each : kKeys) known += " " + std::string(each.name);
            return natterjack::Error{natterjack::Errc::InvalidArgument,
                                     "\"" + std::string(part) +
                                         "\" is not KEY=VALUE with one of the keys" + known};
        }
        out.push_back({std::string(key), std::string(part.substr(equals + 1))});
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
