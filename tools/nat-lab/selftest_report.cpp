// SPDX-License-Identifier: MIT
#include <algorithm>
#include <nlohmann/json.hpp>

#include "selftest.hpp"

namespace natterjack::lab {

namespace {

std::string padded(std::string_view text, std::size_t width) {
    std::string out(text);
    out.resize(std::max(out.size(), width) + 2, ' ');
    return out;
}

} // namespace

bool agrees(const Finding& finding) {
    return finding.coturn == finding.expected &&
           (!finding.nat_probe || *finding.nat_probe == finding.expected);
}

std::string selftest_table(const std::vector<Finding>& findings) {
    std::size_t width = 4;
    for (const auto& finding : findings) width = std::max(width, finding.spec.size());
    constexpr std::size_t kBehaviour = 9;
    auto out = padded("SPEC", width) + padded("is", kBehaviour) + padded("coturn", kBehaviour) +
               padded("nat-probe", kBehaviour) + "\n";
    for (const auto& finding : findings) {
        out += padded(finding.spec, width) + padded(to_string(finding.expected), kBehaviour) +
               padded(to_string(finding.coturn), kBehaviour) +
               padded(finding.nat_probe ? to_string(*finding.nat_probe) : "-", kBehaviour) +
               (agrees(finding) ? "ok" : "DIFFERS") + "\n";
    }
    return out;
}

std::string selftest_json(const std::vector<Finding>& findings) {
    const auto words = [](const Behaviour& behaviour) {
        return nlohmann::ordered_json{{"mapping", behaviour.mapping},
                                      {"filtering", behaviour.filtering}};
    };
    nlohmann::ordered_json out{{"schema", "nat-lab-selftest/1"},
                               {"ok", std::all_of(findings.begin(), findings.end(), agrees)}};
    for (const auto& finding : findings) {
        nlohmann::ordered_json item{{"spec", finding.spec},
                                    {"ok", agrees(finding)},
                                    {"expected", words(finding.expected)},
                                    {"coturn", words(finding.coturn)}};
        if (finding.nat_probe) item["nat_probe"] = words(*finding.nat_probe);
        out["findings"].push_back(std::move(item));
    }
    return out.dump(2) + "\n";
}

} // namespace natterjack::lab
