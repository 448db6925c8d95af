// SPDX-License-Identifier: MIT
#include "connection.hpp"
#include "options.hpp"

int main(int argc, char** argv) {
    const auto parsed = nat_connect::parse_command_line(argc, argv);
    if (!parsed.options) return parsed.exit_code;
    tool_support::Runner runner;
    nat_connect::Connection connection(*parsed.options, runner);
    return connection.run();
}
