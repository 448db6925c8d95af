// SPDX-License-Identifier: MIT
/// \file
/// \brief `nat-lab run`: a lab around some commands.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "node_command.hpp"
#include "topology.hpp"

namespace natterjack::lab {

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

/// Builds the lab, runs the commands side by side until all have ended, takes the lab down.
/// Returns the exit status: the first one that is not 0, in the order of the commands.
int run(const RunRequest& request);

} // namespace natterjack::lab
