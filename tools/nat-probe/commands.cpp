// SPDX-License-Identifier: MIT
#include "commands.hpp"

namespace nat_probe {

const std::vector<Command>& commands() {
    static const std::vector<Command> kCommands = {
        {"lifetime", "How long the NAT remembers a mapping that is not used", lifetime},
        {"hairpin", "Do hosts behind this NAT reach each other by its outer address?", hairpin},
        {"alloc", "How the NAT chooses ports, by many samples", alloc},
        {"hops", "Which routers stand on the way, and how many translate", hops},
        {"qualify", "What servers can be asked: do they answer from elsewhere?", qualify, "SERVER",
         true},
        {"explain", "What a word of the report means; without one, all words", explain, "WORD",
         false, false},
    };
    return kCommands;
}

} // namespace nat_probe
