// SPDX-License-Identifier: MIT
/// \file
/// \brief `nat-lab matrix`: one pair of commands behind every pair of NATs.
#pragma once

#include <string>
#include <vector>

#include "trials.hpp"

namespace natterjack::lab {

struct MatrixRequest {
    std::vector<std::string> specs;    ///< Of which every ordered pair is tried: first a, then b.
    std::vector<std::string> commands; ///< As expand_roles() makes them.
    std::vector<std::string> options;  ///< For `nat-lab run`, such as --no-servers.
    unsigned jobs = 2;
    std::chrono::milliseconds timeout{60'000};
    bool json = false;
};

/// A command for each host: those that name their node already, or one for both, in which {role} is
/// a or b and {peer} the other one. Pure.
/// \retval Errc::InvalidArgument  neither
[[nodiscard]] Result<std::vector<std::string>> expand_roles(const std::vector<std::string>& words);

/// The table: a row for each SPEC of a, a column for each of b; seconds where both commands ended
/// with 0, else what went wrong. Pure. \a outcomes: row by row.
[[nodiscard]] std::string matrix_table(const std::vector<std::string>& specs,
                                       const std::vector<TrialOutcome>& outcomes);
[[nodiscard]] std::string matrix_json(const std::vector<std::string>& specs,
                                      const std::vector<TrialOutcome>& outcomes);

/// The last lines that the first pair which is not well said on standard error. Pure.
[[nodiscard]] std::string first_failure(const std::vector<std::string>& specs,
                                        const std::vector<TrialOutcome>& outcomes);

/// Runs all pairs and prints. Returns the exit status: 0 if all went well, 1 if not, 69 if the
/// machine cannot build a lab.
int matrix(const MatrixRequest& request);

} // namespace natterjack::lab
