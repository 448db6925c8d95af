// SPDX-License-Identifier: MIT
#include "node_command.hpp"

#include <algorithm>
#include <tuple>

namespace natterjack::lab {

Result<NodeCommand> parse_node_command(std::string_view text) {
    const auto colon = text.find(':');
    const auto node = text.substr(0, colon);
    const auto is_name = [](std::string_view name) {
        return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        });
    };
    if (colon == std::string_view::npos || !is_name(node)) {
        return Error{Errc::InvalidArgument, "'" + std::string(text) +
                                                "': each command begins with its node, as in "
                                                "'a: COMMAND' or 'outside: COMMAND'"};
    }
    const auto command = text.substr(colon + 1);
    if (command.find_first_not_of(" \t\n") == std::string_view::npos) {
        return Error{Errc::InvalidArgument,
                     "'" + std::string(text) + "': there is no command after the colon"};
    }
    return NodeCommand{std::string(node), {"/bin/sh", "-c", std::string(command)}};
}

void sort_by_node(std::vector<NodeCommand>& commands) {
    const auto rank = [](const NodeCommand& command) {
        const auto& node = command.node;
        const int place = node == "a" ? 0 : node == "b" ? 1 : node == "outside" ? 2 : 3;
        return std::tuple(place, std::string_view(node));
    };
    std::stable_sort(commands.begin(), commands.end(),
                     [&](const auto& x, const auto& y) { return rank(x) < rank(y); });
}

} // namespace natterjack::lab
