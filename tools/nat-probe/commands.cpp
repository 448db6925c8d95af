// SPDX-License-Identifier: MIT
#include "commands.hpp"

namespace nat_probe {

const std::vector<Command>& commands() {
    static const std::vector<Command> kCommands = {
        {"explain", "What a word of the report means; without one, all words", explain, "[WORD]",
         false},
    };
    return kCommands;
}

} // namespace nat_probe
