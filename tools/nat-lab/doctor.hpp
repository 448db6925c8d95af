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

/// The kernel's switches that forbid ordinary users to make namespaces. -1: no such switch here.
struct KernelSwitches {
    long unprivileged_userns_clone = -1;
    long max_user_namespaces = -1;
    long apparmor_restrict_unprivileged_userns = -1;
};

/// What to do when namespaces are refused. \a program: the path of nat-lab, which AppArmor's rule
/// is about. Pure.
[[nodiscard]] std::string namespace_remedy(const KernelSwitches& switches, bool root,
                                           const std::string& program);

/// Tries everything out in a sandbox; leaves nothing behind.
[[nodiscard]] std::vector<Check> examine();

/// Examines and prints; returns the exit status, 0 or kExitUnavailable.
int doctor(bool json);

} // namespace natterjack::lab
