// SPDX-License-Identifier: MIT
/// \file
/// \brief nat-probe's command line.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <natterjack/natterjack.hpp>

#include "expectation.hpp"
#include "support/exit_code.hpp"

namespace nat_probe {

struct Options {
    std::string command; ///< One of the table in main.cpp; empty: the report.
    natterjack::ProbeRequest request;
    std::chrono::seconds longest{180}; ///< Of lifetimes.
    std::vector<Expectation> expected;
    std::vector<std::string> words;    ///< What a command takes: servers, terms.
    std::vector<std::string> sections; ///< Show only lines of these terms; empty: everything.
    std::string html;                  ///< A file; empty: none.
    std::chrono::seconds watch{0};     ///< 0: once.
    bool no_map = false;               ///< prove: nothing is opened.
    std::uint16_t external = 0;        ///< The port outside, for that; 0: the same.
    bool full = false;                 ///< Measure what takes longer, too.
    bool json = false;
    bool show_addresses = false;
};

/// Parses, or says on stderr what is wrong, or prints the help that was asked for. Returns the exit
/// code in the last two cases.
struct Parsed {
    std::optional<Options> options;
    int exit_code = tool_support::kDone;
};
[[nodiscard]] Parsed parse_command_line(int argc, char** argv);

} // namespace nat_probe
