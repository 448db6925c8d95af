// SPDX-License-Identifier: MIT
/// \file
/// \brief How much memory a bench holds.
#pragma once

#include <fstream>

#include <unistd.h>

namespace natterjack::bench {

/// KiB of this process that are in memory now.
inline double resident_kibibytes() {
    std::ifstream statm("/proc/self/statm");
    long size = 0;
    long resident = 0;
    statm >> size >> resident;
    return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1024;
}

} // namespace natterjack::bench
