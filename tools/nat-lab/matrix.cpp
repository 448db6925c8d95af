// SPDX-License-Identifier: MIT
#include "matrix.hpp"

#include <algorithm>
#include <iostream>

#include <unistd.h>

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
    std::size_t finished = 0;
    TrialOptions options;
    options.jobs = request.jobs;
    options.timeout = request.timeout;
    if (::isatty(STDERR_FILENO) != 0) {
        options.done = [&](std::size_t) {
            std::cerr << "\r" << ++finished << "/" << runs.size() << std::flush;
            if (finished == runs.size()) std::cerr << "\r" << std::flush;
        };
    }
    const auto outcomes = run_trials(runs, options);
    if (!outcomes) {
        std::cerr << "nat-lab: " << outcomes.error().message << std::endl;
        return kExitUnavailable;
    }
    std::cout << (request.json ? matrix_json : matrix_table)(request.specs, *outcomes);
    return std::all_of(outcomes->begin(), outcomes->end(), went_well) ? 0 : 1;
}

} // namespace natterjack::lab
