// SPDX-License-Identifier: MIT
#include "namespace_advice.hpp"

namespace natterjack::lab {

std::string namespace_remedy(const KernelSwitches& switches, bool root,
                             const std::string& program) {
    if (switches.unprivileged_userns_clone == 0) {
        return "allow user namespaces: sudo sysctl -w kernel.unprivileged_userns_clone=1 "
               "(to keep it, write the setting to /etc/sysctl.d/), or run nat-lab as root";
    }
    if (switches.max_user_namespaces == 0) {
        return "allow user namespaces: sudo sysctl -w user.max_user_namespaces=15000 "
               "(to keep it, write the setting to /etc/sysctl.d/), or run nat-lab as root";
    }
    if (switches.apparmor_restrict_unprivileged_userns == 1 && !root) {
        return "AppArmor allows user namespaces to programs with a profile only (Ubuntu 23.10 and "
               "later). Write this to /etc/apparmor.d/nat-lab and load it with "
               "'sudo apparmor_parser -r /etc/apparmor.d/nat-lab':\n"
               "             abi <abi/4.0>,\n"
               "             include <tunables/global>\n"
               "             profile nat-lab " +
               program +
               " flags=(unconfined) { userns, }\n"
               "           or lift the rule for all programs: sudo sysctl -w "
               "kernel.apparmor_restrict_unprivileged_userns=0\n"
               "           or run nat-lab as root";
    }
    return root ? "this root has no right to make namespaces; in a container: give it "
                  "--privileged, or --cap-add SYS_ADMIN --cap-add NET_ADMIN "
                  "--security-opt seccomp=unconfined"
                : "something else forbids namespaces (a container's seccomp filter, SELinux); in a "
                  "container: --security-opt seccomp=unconfined; or run nat-lab as root";
}

} // namespace natterjack::lab
