// SPDX-License-Identifier: MIT
/// \file
/// \brief nat-map's command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <natterjack/natterjack.hpp>

namespace nat_map {

// Exit codes, as in nat-map(1).
inline constexpr int kDone = 0;
inline constexpr int kNothingOpensPorts = 1;
inline constexpr int kRefused = 2;
inline constexpr int kUsage = 64;     // EX_USAGE
inline constexpr int kNoNetwork = 69; // EX_UNAVAILABLE
inline constexpr int kInternal = 70;  // EX_SOFTWARE

struct Options {
    std::string command; ///< One of the table in main.cpp.
    std::vector<std::uint16_t> ports;
    std::vector<natterjack::Transport> transports; ///< One or both.
    std::vector<natterjack::Strategy> only;        ///< Empty: the whole chain.
    natterjack::OpenRequest
        request; ///< Without port and transport; network and deadline are for all.
    std::optional<natterjack::Endpoint> to;
    bool json = false;
    bool verbose = false;
};

/// Parses, or says on stderr what is wrong, or prints the help that was asked for. Returns the exit
/// code in the last two cases.
struct Parsed {
    std::optional<Options> options;
    int exit_code = kDone;
};
[[nodiscard]] Parsed parse_command_line(int argc, char** argv);

} // namespace nat_map
