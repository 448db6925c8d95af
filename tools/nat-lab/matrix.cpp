// SPDX-License-Identifier: MIT
#include "matrix.hpp"

#include <algorithm>
#include <iostream>

#include "exit_status.hpp"

namespace natterjack::lab {

int matrix(const MatrixRequest& request) {
    std::vector<std::vector<std::string>> runs;
    for (const auto& a : request.specs) {
        for (const auto& b : request.specs) {
            std::vector<std::string> run{"run", "--a", a, "--b", b};
            run.insert(run.end(), request.options.begin(), request.options.end());
            run.emplace_back("--");
            run.insert(run.end(), request.commands.begin(), request.commands.end());
            runs.push_back(std::move(run));
        }
    }
    TrialOptions options;
    options.jobs = request.jobs;
    options.timeout = request.timeout;
    options.done = progress_counter(runs.size());
    const auto outcomes = run_trials(runs, options);
    if (!outcomes) {
        std::cerr << "nat-lab: " << outcomes.error().message << std::endl;
        return kExitUnavailable;
    }
    for (const auto& outcome : *outcomes) {
        if (!had_no_lab(outcome)) continue;
        std::cerr << outcome.errors;
        return kExitUnavailable;
    }
    std::cout << (request.json ? matrix_json : matrix_table)(request.specs, *outcomes);
    const auto bad = std::find_if_not(outcomes->begin(), outcomes->end(), went_well);
    if (bad == outcomes->end()) return 0;
    if (!request.json) std::cerr << first_failure(request.specs, *outcomes);
    return 1;
}

} // namespace natterjack::lab
