// SPDX-License-Identifier: MIT
/// \file
/// \brief Runs this program many times, some at once: what `matrix` and `selftest` are made of.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <natterjack/result.hpp>

namespace natterjack::lab {

/// What came of one run.
struct TrialOutcome {
    int status = 0;         ///< As a shell's $?; meaningless after a timeout.
    bool timed_out = false; ///< It was killed.
    std::chrono::milliseconds time{0};
    std::string output; ///< Its last words on standard output, at most 64 KiB.
    std::string errors; ///< The same on standard error.
};

[[nodiscard]] inline bool went_well(const TrialOutcome& outcome) {
    return !outcome.timed_out && outcome.status == 0;
}

struct TrialOptions {
    unsigned jobs = 2;                           ///< At once.
    std::chrono::milliseconds timeout{60'000};   ///< For each.
    std::function<void(std::size_t index)> done; ///< After each; may be empty.
};

/// Runs this program with each of \a arguments; in the same order. Whatever kills us kills the
/// runs. \retval Errc::Network  the system cannot start another process
[[nodiscard]] Result<std::vector<TrialOutcome>>
run_trials(const std::vector<std::vector<std::string>>& arguments, const TrialOptions& options);

} // namespace natterjack::lab
