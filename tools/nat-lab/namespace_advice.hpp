// SPDX-License-Identifier: MIT
/// \file
/// \brief What helps when the system refuses namespaces. Pure.
#pragma once

#include <string>

namespace natterjack::lab {

/// The kernel's switches that forbid ordinary users to make namespaces. -1: no such switch here.
struct KernelSwitches {
    long unprivileged_userns_clone = -1;
    long max_user_namespaces = -1;
    long apparmor_restrict_unprivileged_userns = -1;
};

/// What to do when namespaces are refused. \a program: the path of nat-lab, which AppArmor's rule
/// is about.
[[nodiscard]] std::string namespace_remedy(const KernelSwitches& switches, bool root,
                                           const std::string& program);

} // namespace natterjack::lab
