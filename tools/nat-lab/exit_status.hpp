// SPDX-License-Identifier: MIT
/// \file
/// \brief Exit statuses of nat-lab itself, with the numbers of sysexits.h. All else is the
/// command's own.
#pragma once

namespace natterjack::lab {

inline constexpr int kExitUsage = 64;       ///< The command line is wrong.
inline constexpr int kExitUnavailable = 69; ///< This machine cannot build the lab.
inline constexpr int kExitInternal = 70;    ///< Something failed that never should.

} // namespace natterjack::lab
