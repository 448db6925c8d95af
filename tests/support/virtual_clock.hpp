// SPDX-License-Identifier: MIT
/// \file
/// \brief Puts GnuTLS and usrsctp, which read the wall clock themselves, on a test's virtual clock.
#pragma once

#include "base/time.hpp"

namespace natterjack::test {

/// While set, gettimeofday() and CLOCK_REALTIME say what the simulator's clock says. Programs that
/// link virtual_clock.cpp override the C library's functions, for shared libraries too.
void set_wall_clock(TimePoint now);
/// Back to the real clock.
void release_wall_clock();

} // namespace natterjack::test
