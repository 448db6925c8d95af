// SPDX-License-Identifier: MIT
/// \file
/// \brief The exit codes that the tools share.
#pragma once

#include <string_view>

#include <natterjack/result.hpp>

namespace tool_support {

/// As in nat-map(1) and nat-connect(1).
inline constexpr int kDone = 0;
inline constexpr int kNoWay = 1; ///< Nothing here opens ports; the peer cannot be reached.
inline constexpr int kRefused = 2;
inline constexpr int kUsage = 64;     // EX_USAGE
inline constexpr int kNoNetwork = 69; // EX_UNAVAILABLE
inline constexpr int kInternal = 70;  // EX_SOFTWARE

/// The exit code that an error stands for.
[[nodiscard]] int exit_code_of(const natterjack::Error& error);

/// False, and a word of \a tool's on stderr, when something that was printed did not get out.
[[nodiscard]] bool written(std::string_view tool);

} // namespace tool_support
