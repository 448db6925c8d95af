// SPDX-License-Identifier: MIT
/// \file
/// \brief Commands and the nodes that they run on. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <natterjack/result.hpp>

namespace natterjack::lab {

/// A command and where it runs.
struct NodeCommand {
    std::string node;
    std::vector<std::string> command;
};

/// Reads "a: COMMAND" into a command for /bin/sh.
/// \retval Errc::InvalidArgument  there is no node name before a colon, or no command after it
[[nodiscard]] Result<NodeCommand> parse_node_command(std::string_view text);

/// Puts \a commands in the order a, b, outside, other nodes by name; those of one node stay in
/// their order. The exit status of a lab is the first bad one in this order.
void sort_by_node(std::vector<NodeCommand>& commands);

} // namespace natterjack::lab
