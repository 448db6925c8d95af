// SPDX-License-Identifier: MIT
/// \file
/// \brief What nat-probe can do, each by its name.
#pragma once

#include <string_view>
#include <vector>

#include "support/runner.hpp"

namespace nat_probe {

struct Options;
using tool_support::Runner;

struct Command {
    std::string_view name;
    std::string_view help;
    int (*run)(const Options&, Runner&);
    const char* arguments = nullptr; ///< What it takes, any number of them; nullptr: nothing.
    bool must_have_one = false;      ///< At least one argument.
    bool network = true;             ///< Takes the options of the network ...
    bool report = true;              ///< ... and those of a report.
};

/// All subcommands; the report itself has no name.
[[nodiscard]] const std::vector<Command>& commands();

/// Looks and prints the report; returns the exit code.
int report(const Options& options, Runner& runner);
/// The report, cut to what was asked for.
int alloc(const Options& options, Runner& runner);
int hops(const Options& options, Runner& runner);
int qualify(const Options& options, Runner& runner);
/// Measurements that a report does not make by itself.
int lifetime(const Options& options, Runner& runner);
int hairpin(const Options& options, Runner& runner);
int mtu(const Options& options, Runner& runner);
/// Maps a port, has it tried from outside, and closes it again.
int prove(const Options& options, Runner& runner);
/// A STUN server that tries other hosts' ports for them, until Ctrl-C.
int serve(const Options& options, Runner& runner);
int explain(const Options& options, Runner& runner);

} // namespace nat_probe
