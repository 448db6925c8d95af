// SPDX-License-Identifier: MIT
/// \file
/// \brief nat-map's commands. Each runs to its end and returns the exit code.
#pragma once

#include "options.hpp"
#include "support/runner.hpp"

namespace nat_map {

using tool_support::Runner;

int add(const Options& options, Runner& runner);
int list(const Options& options, Runner& runner);
int remove(const Options& options, Runner& runner);
int external(const Options& options, Runner& runner);
int keep(const Options& options, Runner& runner);
int flow(const Options& options, Runner& runner);

} // namespace nat_map
