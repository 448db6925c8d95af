// SPDX-License-Identifier: MIT
/// \file
/// \brief `nat-lab selftest`: is each NAT what its SPEC says, by two judges that share no code?
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "behaviour.hpp"

namespace natterjack::lab {

/// One SPEC, and what was seen of it.
struct Finding {
    std::string spec;
    Behaviour expected;
    Behaviour coturn;
    std::optional<Behaviour> nat_probe; ///< Empty: not asked, or no report.
};

/// True when all that were asked agree.
[[nodiscard]] bool agrees(const Finding& finding);

/// Pure.
[[nodiscard]] std::string selftest_table(const std::vector<Finding>& findings);
[[nodiscard]] std::string selftest_json(const std::vector<Finding>& findings);

/// Has each of \a specs (none: the presets) classified by coturn's turnutils_natdiscovery and,
/// where there is one, by nat-probe; prints. Returns the exit status: 0 if all agree, 1 if not.
int selftest(std::vector<std::string> specs, unsigned jobs, bool json);

} // namespace natterjack::lab
