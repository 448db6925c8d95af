// SPDX-License-Identifier: MIT
#include "ip_script.hpp"

namespace natterjack::lab {

namespace {

std::string veth(std::string_view name, std::string_view node, std::string_view peer,
                 std::string_view peer_node) {
    std::string line = "link add name ";
    line.append(name).append(" netns ").append(node).append(" type veth peer name ");
    line.append(peer).append(" netns ").append(peer_node).append("\n");
    return line;
}

std::string up(std::string_view name) {
    return "link set " + std::string(name) + " up\n";
}

} // namespace

RelayPorts relay_ports(std::size_t index) {
    return {"near" + std::to_string(index), "far" + std::to_string(index)};
}

std::string link_script(const Plan& plan) {
    std::string script;
    for (std::size_t i = 0; i < plan.links.size(); ++i) {
        const auto& [near, far, impairment] = plan.links[i];
        if (impairment.relayed) {
            const auto ports = relay_ports(i);
            script += veth(near.name, near.node, ports.near, kRelayNode);
            script += veth(far.name, far.node, ports.far, kRelayNode);
        } else {
            script += veth(near.name, near.node, far.name, far.node);
        }
    }
    return script;
}

std::string node_script(const Plan& plan, const Node& node) {
    std::string script;
    for (const auto& address : node.loopback) script += "address add " + address + " dev lo\n";
    script += up("lo");
    for (const auto& link : plan.links) {
        for (const auto& end : {link.near, link.far}) {
            if (end.node != node.name) continue;
            script += "address add " + end.address + " dev " + end.name + "\n" + up(end.name);
        }
    }
    return script + routes_script(node);
}

std::string routes_script(const Node& node) {
    std::string script;
    for (const auto& route : node.routes) script += "route replace " + route + "\n";
    return script;
}

std::string relay_script(const Plan& plan) {
    std::string script;
    for (std::size_t i = 0; i < plan.links.size(); ++i) {
        if (!plan.links[i].impairment.relayed) continue;
        const auto ports = relay_ports(i);
        script += up(ports.near) + up(ports.far);
    }
    return script;
}

} // namespace natterjack::lab
