// SPDX-License-Identifier: MIT
/// \file
/// \brief What nat-probe's exit code says of a report.
#pragma once

#include <natterjack/probe_report.hpp>

namespace nat_probe {

/// Beside those of tool_support; as in nat-probe(1).
enum ExitStatus : int {
    kOpenOrGood = 0,
    kLimited = 1,
    kHard = 2,
    kBlocked = 3,
    kInconclusive = 4,
    kExpectationNotMet = 5
};

[[nodiscard]] constexpr int exit_status_of(const natterjack::ProbeReport& report) {
    using Class = natterjack::Verdict::Class;
    switch (report.verdict.value) {
    case Class::Open:
    case Class::Good: return kOpenOrGood;
    case Class::Limited: return kLimited;
    case Class::Hard: return kHard;
    case Class::Blocked: return kBlocked;
    case Class::Unknown: break;
    }
    return kInconclusive;
}

} // namespace nat_probe
