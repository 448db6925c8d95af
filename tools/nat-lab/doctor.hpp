// SPDX-License-Identifier: MIT
/// \file
/// \brief `nat-lab doctor`: can this machine build labs, and if not, what exactly helps?
#pragma once

#include <string>
#include <vector>

namespace natterjack::lab {

/// One thing that labs need.
struct Check {
    std::string name;
    bool ok = false;
    std::string detail; ///< What was found.
    std::string remedy; ///< What to do; empty when ok.
};

/// Tries everything out in a sandbox; leaves nothing behind.
[[nodiscard]] std::vector<Check> examine();

/// Examines and prints; returns the exit status, 0 or kExitUnavailable.
int doctor(bool json);

} // namespace natterjack::lab
