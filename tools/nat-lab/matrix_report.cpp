// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "matrix.hpp"
#include "node_command.hpp"

namespace natterjack::lab {

namespace {

std::string replaced(std::string text, std::string_view what, std::string_view by) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
        text.replace(at, what.size(), by);
    }
    return text;
}

std::string cell(const TrialOutcome& outcome) {
    if (outcome.timed_out) return "timeout";
    if (outcome.status != 0) return "fails " + std::to_string(outcome.status);
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f s",
                  std::chrono::duration<double>(outcome.time).count());
    return text.data();
}

} // namespace

Result<std::vector<std::string>> expand_roles(const std::vector<std::string>& words) {
    if (words.size() == 1 && !parse_node_command(words.front())) {
        std::vector<std::string> out;
        for (const auto& [role, peer] : {std::pair("a", "b"), std::pair("b", "a")}) {
            out.push_back(std::string(role) + ": " +
                          replaced(replaced(words.front(), "{role}", role), "{peer}", peer));
        }
        return out;
    }
    for (const auto& word : words) {
        const auto command = parse_node_command(word);
        if (!command) return command.error();
    }
    if (words.empty()) {
        return Error{Errc::InvalidArgument, "no command; give one for both hosts, or some as "
                                            "'a: COMMAND'"};
    }
    return words;
}

std::string matrix_table(const std::vector<std::string>& specs,
                         const std::vector<TrialOutcome>& outcomes) {
    constexpr std::string_view kCorner = "a \\ b";
    std::size_t width = kCorner.size();
    for (const auto& spec : specs) width = std::max(width, spec.size());
    for (const auto& outcome : outcomes) width = std::max(width, cell(outcome).size());
    const auto padded = [&](std::string_view text) {
        std::string out(text);
        out.resize(width + 2, ' ');
        return out;
    };
    std::string out = padded(kCorner);
    for (const auto& spec : specs) out += padded(spec);
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        if (i % specs.size() == 0) {
            out.erase(out.find_last_not_of(' ') + 1);
            out += "\n" + padded(specs[i / specs.size()]);
        }
        out += padded(cell(outcomes[i]));
    }
    out.erase(out.find_last_not_of(' ') + 1);
    return out + "\n";
}

std::string first_failure(const std::vector<std::string>& specs,
                          const std::vector<TrialOutcome>& outcomes) {
    const auto bad = std::find_if_not(outcomes.begin(), outcomes.end(), went_well);
    if (bad == outcomes.end()) return {};
    const auto index = static_cast<std::size_t>(bad - outcomes.begin());
    std::string out = "nat-lab: " + specs[index / specs.size()] + " and " +
                      specs[index % specs.size()] + ": " + cell(*bad);
    constexpr int kLines = 5;
    std::size_t start = bad->errors.size();
    for (int line = 0; line < kLines && start > 0; ++line) {
        const auto end = start < 2 ? std::string::npos : bad->errors.rfind('\n', start - 2);
        start = end == std::string::npos ? 0 : end + 1;
    }
    const auto said = bad->errors.substr(start);
    out += said.empty() ? "; the commands said nothing on standard error\n" : ", with\n" + said;
    if (!out.ends_with('\n')) out += '\n';
    return out + "nat-lab: --json has what all pairs said\n";
}

std::string matrix_json(const std::vector<std::string>& specs,
                        const std::vector<TrialOutcome>& outcomes) {
    nlohmann::ordered_json out{{"schema", "nat-lab-matrix/1"}, {"nats", specs}};
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        const auto& outcome = outcomes[i];
        nlohmann::ordered_json pair{{"a", specs[i / specs.size()]},
                                    {"b", specs[i % specs.size()]},
                                    {"ok", went_well(outcome)},
                                    {"timed_out", outcome.timed_out},
                                    {"milliseconds", outcome.time.count()},
                                    {"output", outcome.output},
                                    {"errors", outcome.errors}};
        if (!outcome.timed_out) pair["status"] = outcome.status;
        out["pairs"].push_back(std::move(pair));
    }
    // A command's output need not be UTF-8.
    return out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

} // namespace natterjack::lab
