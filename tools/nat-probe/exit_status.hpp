// SPDX-License-Identifier: MIT
/// \file
/// \brief What nat-probe's exit code says of a report.
#pragma once

#include <natterjack/probe_report.hpp>

namespace nat_probe {

/// Beside those of tool_support; as in nat-probe(1).
enum ExitStatus : int {
    OpenOrGood = 0,
    Limited = 1,
    Hard = 2,
    Blocked = 3,
    Inconclusive = 4,
    ExpectationNotMet = 5
};

[[nodiscard]] constexpr int exit_status_of(const natterjack::ProbeReport& report) {
    using Class = natterjack::Verdict::Class;
    switch (report.verdict.value) {
    case Class::Open:
    case Class::Good: return OpenOrGood;
    case Class::Limited: return Limited;
    case Class::Hard: return Hard;
    case Class::Blocked: return Blocked;
    case Class::Unknown: break;
    }
    return Inconclusive;
}

} // namespace nat_probe
