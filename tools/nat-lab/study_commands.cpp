// SPDX-License-Identifier: MIT
#include "study_commands.hpp"

#include <CLI/CLI.hpp>
#include <iostream>

#include "exit_status.hpp"
#include "recipe.hpp"
#include "selftest.hpp"
#include "spec.hpp"

namespace natterjack::lab {

namespace {

constexpr const char* kMatrixExamples = R"(
COMMAND stands behind '--' and runs on both hosts of each pair; {role} in it is a or b, {peer} the
other one. Or give one for each host, as for 'nat-lab run'. A pair is well when all end with 0.

Examples:
  nat-lab matrix --nats full-cone,home,symmetric -- './peer {role}'
  nat-lab matrix --nats eim/adf,apdm/apdf --nat eim/apdf,delay=40ms --json -- './peer {role}'
  nat-lab matrix --nats home,cgn -- 'a: ./call' 'b: ./answer')";

constexpr const char* kRecipeExamples = R"(
Examples:
  nat-lab recipe full-cone
  nat-lab recipe 'adm/adf,ports=sequential')";

constexpr const char* kSelftestExamples = R"(
The presets if no SPEC is given. coturn's turnutils_natdiscovery and, if it is installed or named by
NAT_PROBE, nat-probe look at each; both must see what it is. 'unknown': STUN gets no answer there.)";

} // namespace

StudyCommands::StudyCommands(CLI::App& app) {
    constexpr const char* kJson = "One JSON object on standard output";
    constexpr unsigned kMaxJobs = 64;
    constexpr unsigned kMaxTimeout = 3600;
    presets_ = app.add_subcommand("presets", "The presets: names for well-known situations");
    presets_->add_flag("--json", json_, kJson);

    recipe_ =
        app.add_subcommand("recipe", "The nftables ruleset of a NAT, to use it without nat-lab");
    recipe_->add_option("SPEC", spec_, "A preset, or any SPEC")->required();
    recipe_->footer(kRecipeExamples);

    matrix_ = app.add_subcommand("matrix", "Try a command behind every pair of NATs");
    matrix_->add_option("--nats", lists_, "Presets and MAPPING/FILTERING, with commas between")
        ->type_name("A,B,...");
    matrix_->add_option("--nat", specs_, "One more, with options (may be repeated)")
        ->type_name("SPEC");
    matrix_->add_option("--jobs", jobs_, "Pairs at once")->check(CLI::Range(1U, kMaxJobs));
    matrix_->add_option("--timeout", timeout_, "Seconds for each pair")
        ->check(CLI::Range(1U, kMaxTimeout));
    matrix_->add_flag("--no-servers", no_servers_, "No STUN and TURN server");
    matrix_->add_flag("--json", json_, kJson);
    matrix_->footer(kMatrixExamples);

    selftest_ = app.add_subcommand("selftest", "Is each NAT what it should be? Two judges look");
    selftest_->add_option("SPEC", specs_, "Those to look at");
    selftest_->add_option("--jobs", jobs_, "Labs at once")->check(CLI::Range(1U, kMaxJobs));
    selftest_->add_flag("--json", json_, kJson);
    selftest_->footer(kSelftestExamples);
}

std::optional<int> StudyCommands::run(const std::vector<std::string>& command) const {
    if (presets_->parsed()) {
        std::cout << (json_ ? presets_json() : presets_table());
        return 0;
    }
    if (recipe_->parsed()) {
        const auto site = parse_spec(spec_);
        if (!site) {
            std::cerr << "nat-lab: " << site.error().message << std::endl;
            return kExitUsage;
        }
        std::cout << recipe(spec_, *site);
        return 0;
    }
    if (matrix_->parsed()) return run_matrix(command);
    if (selftest_->parsed()) return selftest(specs_, jobs_, json_);
    return std::nullopt;
}

int StudyCommands::run_matrix(const std::vector<std::string>& command) const {
    MatrixRequest request;
    for (const auto& list : lists_) {
        for (std::size_t start = 0; start <= list.size();) {
            const auto end = std::min(list.find(',', start), list.size());
            request.specs.push_back(list.substr(start, end - start));
            start = end + 1;
        }
    }
    request.specs.insert(request.specs.end(), specs_.begin(), specs_.end());
    if (request.specs.empty()) {
        std::cerr << "nat-lab: matrix needs NATs: --nats A,B,... or --nat SPEC" << std::endl;
        return kExitUsage;
    }
    for (const auto& spec : request.specs) {
        const auto site = parse_spec(spec);
        if (site) continue;
        std::cerr << "nat-lab: " << spec << ": " << site.error().message << std::endl;
        return kExitUsage;
    }
    auto commands = expand_roles(command);
    if (!commands) {
        std::cerr << "nat-lab: " << commands.error().message << std::endl;
        return kExitUsage;
    }
    request.commands = *std::move(commands);
    if (no_servers_) request.options.emplace_back("--no-servers");
    request.jobs = jobs_;
    request.timeout = std::chrono::seconds(timeout_);
    request.json = json_;
    return matrix(request);
}

} // namespace natterjack::lab
