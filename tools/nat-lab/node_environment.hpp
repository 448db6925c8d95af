// SPDX-License-Identifier: MIT
/// \file
/// \brief The environment of each node, kept in files so that `nat-lab exec` finds it in the lab.
#pragma once

#include <string>
#include <string_view>

#include <natterjack/result.hpp>

#include "process.hpp"
#include "topology.hpp"

namespace natterjack::lab {

/// What a command in \a node is given: the node's variables, the path of this program, PATH with
/// the places of system programs.
[[nodiscard]] Environment command_environment(const Node& node, const std::string& log_path);

/// In the sandbox: stores the environment of every node of \a plan.
[[nodiscard]] Result<void> store_environments(const Plan& plan, const std::string& log_path);

/// In the sandbox: the stored environment of the node called \a name ("host": "a").
/// \retval Errc::NoNetwork  this is no lab
/// \retval Errc::NotFound   there is no such node; the message lists those that there are
[[nodiscard]] Result<Environment> load_environment(std::string_view name);

} // namespace natterjack::lab
