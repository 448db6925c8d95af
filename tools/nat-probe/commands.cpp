// SPDX-License-Identifier: MIT
#include "commands.hpp"

namespace nat_probe {

const std::vector<Command>& commands() {
    static const std::vector<Command> list = {
        {"lifetime", "How long the NAT remembers a mapping that is not used", lifetime, nullptr,
         false, true, false},
        {"hairpin", "Do hosts behind this NAT reach each other by its outer address?", hairpin,
         nullptr, false, true, false},
        {"mtu", "The largest packet that gets through, and whether fragments do", mtu, nullptr,
         false, true, false},
        {"alloc", "How the NAT chooses ports, by many samples", alloc},
        {"hops", "Which routers stand on the way, and how many translate", hops},
        {"qualify", "What servers can be asked: do they answer from elsewhere?", qualify, "SERVER",
         true},
        {"prove", "Have a port tried from outside: opened for that, or as it is (--no-map)", prove,
         "PORT[/tcp]", true},
        {"serve", "A STUN server that tries other hosts' ports: one address, or two", serve,
         "ADDRESS", true, false, false},
        {"explain", "What a word of the report means; without one, all words", explain, "WORD",
         false, false, false},
    };
    return list;
}

} // namespace nat_probe
