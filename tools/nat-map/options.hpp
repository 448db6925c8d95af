// SPDX-License-Identifier: MIT
/// \file
/// \brief nat-map's command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <natterjack/natterjack.hpp>

#include "support/exit_code.hpp"

namespace nat_map {

struct Options {
    std::string command; ///< One of the table in main.cpp.
    std::vector<std::uint16_t> ports;
    std::vector<natterjack::Transport> transports; ///< One or both.
    std::vector<natterjack::Strategy> only;        ///< Empty: the whole chain.
    natterjack::OpenRequest
        request; ///< Without port and transport; network and deadline are for all.
    std::optional<natterjack::Endpoint> to;
    std::string command_to_run; ///< keep's --exec; empty: none.
    bool json = false;
    bool verbose = false;
};

/// Parses, or says on stderr what is wrong, or prints the help that was asked for. Returns the exit
/// code in the last two cases.
struct Parsed {
    std::optional<Options> options;
    int exit_code = tool_support::kDone;
};
[[nodiscard]] Parsed parse_command_line(int argc, char** argv);

} // namespace nat_map
