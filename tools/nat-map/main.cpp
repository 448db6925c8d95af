// SPDX-License-Identifier: MIT
#include <iterator>
#include <string_view>

#include "commands.hpp"

namespace {

struct Command {
    std::string_view name;
    int (*run)(const nat_map::Options&, tool_support::Runner&);
};

constexpr Command kCommands[] = {
    {"add", nat_map::add},           {"list", nat_map::list}, {"delete", nat_map::remove},
    {"external", nat_map::external}, {"keep", nat_map::keep},
};

} // namespace

int main(int argc, char** argv) {
    const auto parsed = nat_map::parse_command_line(argc, argv);
    if (!parsed.options) return parsed.exit_code;
    for (const Command& command : kCommands) {
        if (command.name != parsed.options->command) continue;
        tool_support::Runner runner;
        return command.run(*parsed.options, runner);
    }
    return tool_support::kInternal;
}
