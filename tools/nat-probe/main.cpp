// SPDX-License-Identifier: MIT
#include "commands.hpp"
#include "options.hpp"

int main(int argc, char** argv) {
    const auto parsed = nat_probe::parse_command_line(argc, argv);
    if (!parsed.options) return parsed.exit_code;
    const auto& options = *parsed.options;
    tool_support::Runner runner;
    if (options.command.empty()) return nat_probe::report(options, runner);
    for (const auto& command : nat_probe::commands()) {
        if (command.name == options.command) return command.run(options, runner);
    }
    return tool_support::kInternal;
}
