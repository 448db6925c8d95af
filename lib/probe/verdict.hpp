// SPDX-License-Identifier: MIT
/// \file
/// \brief What the findings mean: verdict and advice. Pure.
#pragma once

#include <natterjack/probe_report.hpp>

namespace natterjack {

/// Fills predictions and verdict from everything else. Both are about IPv4, or about IPv6 where
/// there was nothing to look at over IPv4 and there was over IPv6.
void judge(ProbeReport& report);

} // namespace natterjack
