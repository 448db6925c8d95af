// SPDX-License-Identifier: MIT
#include "commands.hpp"
#include "options.hpp"

namespace {

int run(const nat_probe::Options& options) {
    tool_support::Runner runner;
    if (options.command.empty()) return nat_probe::report(options, runner);
    for (const auto& command : nat_probe::commands()) {
        if (command.name == options.command) return command.run(options, runner);
    }
    return tool_support::kInternal;
}

} // namespace

int main(int argc, char** argv) {
    const auto parsed = nat_probe::parse_command_line(argc, argv);
    if (!parsed.options) return parsed.exit_code;
    const int code = run(*parsed.options);
    return tool_support::written("nat-probe") ? code : tool_support::kInternal;
}
