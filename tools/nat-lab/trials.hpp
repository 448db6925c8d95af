// SPDX-License-Identifier: MIT
/// \file
/// \brief Runs this program many times, some at once: what `matrix` and `selftest` are made of.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <natterjack/result.hpp>

#include "exit_status.hpp"

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

/// True when there was no lab at all: the machine lacks something, and `errors` says what. A
/// command may end with that status, too; its node's name is before what it says.
[[nodiscard]] inline bool had_no_lab(const TrialOutcome& outcome) {
    return !outcome.timed_out && outcome.status == kExitUnavailable &&
           outcome.errors.starts_with("nat-lab: ");
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

/// For TrialOptions::done: counts up to \a total on a terminal's standard error; empty without one.
[[nodiscard]] std::function<void(std::size_t)> progress_counter(std::size_t total);

} // namespace natterjack::lab
