// SPDX-License-Identifier: MIT
/// \file
/// \brief --expect: a claim about a report that a script can check.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <natterjack/probe_report.hpp>
#include <natterjack/result.hpp>

namespace nat_probe {

struct Expectation {
    std::string key;
    std::string value;
};

/// Reads "mapping=eim,portmap=proved". Keys: verdict, mapping, filtering, ipv4, ipv6, cgn, layers,
/// ports, portmap; the values are those that value_of() can have.
/// \retval Errc::InvalidArgument  anything else
[[nodiscard]] natterjack::Result<std::vector<Expectation>>
parse_expectations(std::string_view claims);

/// What the report says about a key, as in JSON; "unknown" where nothing was found out.
[[nodiscard]] std::string value_of(const natterjack::ProbeReport& report, std::string_view key);

/// One line for each expectation that is not met.
[[nodiscard]] std::vector<std::string> unmet(const natterjack::ProbeReport& report,
                                             const std::vector<Expectation>& expectations);

} // namespace nat_probe
