// SPDX-License-Identifier: MIT
/// \file
/// \brief Which process this is, and whether another one still lives.
#pragma once

#include <cstdint>
#include <string>

namespace natterjack::net {

/// Names one process of one boot: its number alone is soon used again.
struct Process {
    std::int64_t pid = 0;        ///< 0: nobody.
    std::uint64_t started = 0;   ///< In clock ticks since the boot (proc(5), starttime).
    std::string boot;            ///< /proc/sys/kernel/random/boot_id.
    std::uint64_t pid_space = 0; ///< Inode of its PID namespace: numbers count within it only.
    std::string program;         ///< Path of its executable.

    friend bool operator==(const Process&, const Process&) = default;
};

/// This process.
[[nodiscard]] Process this_process();

/// False only when it is certain that \a process has ended: its boot is over, or its number is
/// free or somebody else's. A process of another PID namespace counts as alive.
[[nodiscard]] bool may_be_alive(const Process& process);

} // namespace natterjack::net
