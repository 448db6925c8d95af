// SPDX-License-Identifier: MIT
/// \file
/// \brief `nat-lab run`: a lab around some commands.
#pragma once

#include <string>
#include <vector>

#include <natterjack/result.hpp>

#include "lab.hpp"
#include "topology.hpp"

namespace natterjack::lab {

// Exit statuses of our own (sysexits.h has the numbers). All else is the command's.
inline constexpr int kExitUsage = 64;
inline constexpr int kExitUnavailable = 69; ///< This machine cannot build the lab.
inline constexpr int kExitInternal = 70;

/// A command and where it runs.
struct NodeCommand {
    std::string node;
    std::vector<std::string> command;
};

/// What `nat-lab run` is asked.
struct RunRequest {
    std::vector<Site> sites;
    std::vector<NodeCommand> commands;
    bool labelled = false; ///< Each line of output begins with its node's name.
    bool servers = true;
    std::uint64_t seed = 1;
    bool verbose = false;
    std::string log_directory; ///< Made if need be; empty: logs go with the lab.
};

/// Reads "a: COMMAND" into a command for /bin/sh.
/// \retval Errc::InvalidArgument  there is no node name before a colon, or no command after it
[[nodiscard]] Result<NodeCommand> parse_node_command(std::string_view text);

/// Builds the lab, runs the commands side by side until all have ended, takes the lab down.
/// Returns the exit status: the first one that is not 0, in the order of the commands.
int run(const RunRequest& request);

} // namespace natterjack::lab
