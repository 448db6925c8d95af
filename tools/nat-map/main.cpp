// SPDX-License-Identifier: MIT
#include <array>
#include <csignal>
#include <string_view>

#include "commands.hpp"

namespace {

struct Command {
    std::string_view name;
    int (*run)(const nat_map::Options&, tool_support::Runner&);
};

constexpr std::array kCommands = {
    Command{"add", nat_map::add},       Command{"list", nat_map::list},
    Command{"delete", nat_map::remove}, Command{"external", nat_map::external},
    Command{"keep", nat_map::keep},     Command{"flow", nat_map::flow},
};

} // namespace

int main(int argc, char** argv) {
    const auto parsed = nat_map::parse_command_line(argc, argv);
    if (!parsed.options) return parsed.exit_code;
    // Whoever reads our output may go; what `keep` has open is to be closed all the same.
    std::signal(SIGPIPE, SIG_IGN);
    for (const Command& command : kCommands) {
        if (command.name != parsed.options->command) continue;
        tool_support::Runner runner;
        return command.run(*parsed.options, runner);
    }
    return tool_support::kInternal;
}
