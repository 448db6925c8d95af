// SPDX-License-Identifier: MIT
#include "selftest.hpp"

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "exit_status.hpp"
#include "process.hpp"
#include "trials.hpp"

namespace natterjack::lab {

namespace {

/// More than coturn's tool needs for every answer that does not come.
constexpr std::chrono::milliseconds kPatience = std::chrono::seconds(90);

/// nat-probe's path: named by NAT_PROBE, as tests do, or found.
std::optional<std::string> nat_probe() {
    const auto* named = std::getenv("NAT_PROBE"); // NOLINT(concurrency-mt-unsafe): one thread
    return named ? std::optional<std::string>(named) : find_program("nat-probe");
}

/// The run that has a judge look at \a spec.
std::vector<std::string> run_of(const std::string& spec, const std::string& judge) {
    return {"run", "--nat", spec, "--", "/bin/sh", "-c", judge};
}

/// coturn's tool takes the host for one without NAT only where it is told the host's own address;
/// through a tunnel that would be another one.
std::string coturn_judge(const SiteSpec& site) {
    const std::string own = site.ipv4 ? "$NATLAB_HOST" : "$NATLAB_HOST6";
    const std::string server =
        site.ipv4 ? "${NATLAB_STUN%:*}" : "$(echo ${NATLAB_STUN6%:*} | tr -d '[]')";
    return "turnutils_natdiscovery -m -f " + (site.vpn ? "" : "-L " + own + " ") + server;
}

std::string probe_judge(const SiteSpec& site, const std::string& probe) {
    return "\"" + probe + "\" --json --stun " + (site.ipv4 ? "$NATLAB_STUN" : "$NATLAB_STUN6");
}

} // namespace

int selftest(std::vector<std::string> specs, unsigned jobs, bool json) {
    if (specs.empty()) {
        for (const auto& preset : presets()) specs.emplace_back(preset.name);
    }
    if (!find_program("turnutils_natdiscovery")) {
        std::cerr << "nat-lab: selftest needs turnutils_natdiscovery: apt-get install coturn\n";
        return kExitUnavailable;
    }
    const auto probe = nat_probe();
    std::vector<Finding> findings;
    std::vector<std::vector<std::string>> runs;
    std::vector<SiteSpec> sites;
    for (const auto& spec : specs) {
        const auto site = parse_spec(spec);
        if (!site) {
            std::cerr << "nat-lab: " << spec << ": " << site.error().message << std::endl;
            return kExitUsage;
        }
        findings.push_back({spec, expected_behaviour(*site), {}, {}});
        sites.push_back(*site);
        runs.push_back(run_of(spec, coturn_judge(*site)));
        if (probe) runs.push_back(run_of(spec, probe_judge(*site, *probe)));
    }
    TrialOptions options;
    options.jobs = jobs;
    options.timeout = kPatience;
    options.done = progress_counter(runs.size());
    const auto outcomes = run_trials(runs, options);
    if (!outcomes) {
        std::cerr << "nat-lab: " << outcomes.error().message << std::endl;
        return kExitUnavailable;
    }
    const std::size_t judges = probe ? 2 : 1;
    for (std::size_t i = 0; i < findings.size(); ++i) {
        const auto& coturn = (*outcomes)[i * judges];
        if (had_no_lab(coturn)) {
            std::cerr << coturn.errors;
            return kExitUnavailable;
        }
        findings[i].coturn = read_natdiscovery(coturn.output);
        if (!probe) continue;
        const auto& judged = (*outcomes)[i * judges + 1];
        const auto report = read_nat_probe(judged.output, !sites[i].ipv4);
        findings[i].nat_probe = report.value_or(Behaviour{"no report", "no report"});
        if (report) continue;
        std::cerr << "nat-lab: " << findings[i].spec << ": " << *probe << " made no report\n"
                  << judged.errors;
    }
    std::cout << (json ? selftest_json : selftest_table)(findings);
    return std::all_of(findings.begin(), findings.end(), agrees) ? 0 : 1;
}

} // namespace natterjack::lab
