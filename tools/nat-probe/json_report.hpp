// SPDX-License-Identifier: MIT
/// \file
/// \brief A report for programs: schema "nat-probe/1" (docs/nat-probe.schema.json).
#pragma once

#include <nlohmann/json.hpp>

#include <natterjack/probe_report.hpp>

#include "outline.hpp"
#include "placeholders.hpp"

namespace nat_probe {

[[nodiscard]] nlohmann::ordered_json to_json(const natterjack::ProbeReport& report,
                                             Placeholders& names, const Measured& measured = {});

} // namespace nat_probe
