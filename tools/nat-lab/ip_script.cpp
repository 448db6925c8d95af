// SPDX-License-Identifier: MIT
#include "ip_script.hpp"

#include <utility>

namespace natterjack::lab {

namespace {

/// Every interface of a lab has an index of its own. By chance equal ones, at the two ends of a
/// link, would make the kernel wait up to a second before it tells of the link's carrier.
class VethScript {
public:
    void join(std::string_view name, std::string_view node, std::string_view peer,
              std::string_view peer_node) {
        text_ += "link add " + end(name, node);
        text_ += " type veth peer " + end(peer, peer_node) + "\n";
    }
    [[nodiscard]] std::string take() && { return std::move(text_); }

private:
    std::string end(std::string_view name, std::string_view node) {
        return "name " + std::string(name) + " index " + std::to_string(index_++) + " netns " +
               std::string(node);
    }

    std::string text_;
    int index_ = 10;
};

std::string up(std::string_view name) {
    return "link set " + std::string(name) + " up\n";
}

} // namespace

RelayPorts relay_ports(std::size_t index) {
    return {"near" + std::to_string(index), "far" + std::to_string(index)};
}

std::string link_script(const Plan& plan) {
    VethScript script;
    for (std::size_t i = 0; i < plan.links.size(); ++i) {
        const auto& [near, far, impairment] = plan.links[i];
        if (impairment.relayed) {
            const auto ports = relay_ports(i);
            script.join(near.name, near.node, ports.near, kRelayNode);
            script.join(far.name, far.node, ports.far, kRelayNode);
        } else {
            script.join(near.name, near.node, far.name, far.node);
        }
    }
    return std::move(script).take();
}

std::string addresses_script(const Interface& end) {
    std::string script;
    const auto add = [&](const std::string& address, const char* more) {
        if (address.empty()) return;
        script += "address replace " + address + " dev " + end.name + more + "\n";
    };
    add(end.address, "");
    // Without the search for duplicates, which takes seconds.
    add(end.address6, " nodad");
    add(end.gateway ? "fe80::1/64" : "", " nodad");
    return script;
}

std::string node_script(const Plan& plan, const Node& node) {
    std::string script;
    for (const auto& address : node.loopback) script += "address add " + address + " dev lo\n";
    script += up("lo");
    for (const auto& link : plan.links) {
        for (const auto& end : {link.near, link.far}) {
            if (end.node != node.name) continue;
            script += addresses_script(end);
            script += up(end.name);
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
