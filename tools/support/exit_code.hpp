// SPDX-License-Identifier: MIT
/// \file
/// \brief The exit codes that the tools share.
#pragma once

#include <natterjack/result.hpp>

namespace tool_support {

/// As in nat-map(1) and nat-connect(1).
enum ExitCode : int {
    kDone = 0,
    kNoWay = 1, ///< Nothing here opens ports; the peer cannot be reached.
    kRefused = 2,
    kUsage = 64,     // EX_USAGE
    kNoNetwork = 69, // EX_UNAVAILABLE
    kInternal = 70,  // EX_SOFTWARE
};

/// The exit code that an error stands for.
[[nodiscard]] int exit_code_of(const natterjack::Error& error);

} // namespace tool_support
