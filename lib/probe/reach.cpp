// SPDX-License-Identifier: MIT
#include "probe/reach.hpp"

#include <algorithm>

#include "traversal/servers.hpp"
#include "wire/stun.hpp"

namespace natterjack {

Result<std::vector<HostPort>> servers_to_ask(const std::vector<std::string>& named,
                                             const ChainParts& parts) {
    auto names = named;
    if (names.empty()) {
        const auto servers = parts.read_servers();
        if (!servers) return servers.error();
        names = servers->stun;
    }
    if (names.size() > kMaxServers)
        return Error{Errc::InvalidArgument, "more than 32 STUN servers"};
    std::vector<HostPort> out;
    for (const auto& name : names) {
        auto parsed = parse_host_port(name, stun::kServerPort);
        if (!parsed) return Error{Errc::InvalidArgument, parsed.error().message};
        if (std::find(out.begin(), out.end(), *parsed) == out.end()) out.push_back(*parsed);
    }
    return out;
}

Source source_towards(const IpAddress& server, const net::Network& network,
                      const NetworkChoice& choice) {
    Source out{.address = server.is_v4() ? IpAddress() : IpAddress::v6({})};
    if (choice.source && choice.source->is_v4() == server.is_v4()) {
        out.address = *choice.source;
    } else if (const auto* interface = network.find(choice.interface)) {
        out.interface = interface->index;
        for (const auto& each : interface->addresses) {
            if (each.address.is_v4() == server.is_v4() && !each.address.is_link_local() &&
                !each.deprecated && !each.tentative) {
                out.address = each.address;
                break;
            }
        }
    } else if (const auto route = net::route_to(server)) {
        out.address = route->source;
    }
    return out;
}

} // namespace natterjack
