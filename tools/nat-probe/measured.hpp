// SPDX-License-Identifier: MIT
/// \file
/// \brief What is measured only on request, as lines and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include <natterjack/measure.hpp>

#include "outline.hpp"

namespace nat_probe {

/// "value", "confidence" and "evidence".
[[nodiscard]] nlohmann::ordered_json to_json(const natterjack::Finding<natterjack::Hairpin>& found);
/// "mtu", "fragments_out" and "fragments_in", each a finding.
[[nodiscard]] nlohmann::ordered_json to_json(const natterjack::MtuReport& report);
/// "hairpin" and "mtu" as above, whichever are there.
[[nodiscard]] nlohmann::ordered_json to_json(const Measured& measured);

[[nodiscard]] std::vector<Line> lines_of(const natterjack::Finding<natterjack::Hairpin>& found);
[[nodiscard]] std::vector<Line> lines_of(const natterjack::MtuReport& report);

} // namespace nat_probe
