// SPDX-License-Identifier: MIT
#include "topology.hpp"

#include <algorithm>

#include "daemons.hpp"
#include "nft_rules.hpp"

namespace natterjack::lab {

namespace {

// Ordinary-looking addresses on purpose: miniupnpd, libminiupnpc and our own is_public() take the
// documentation ranges (and 10/8, 100.64/10, ...) for unroutable and would refuse to map there.
// Nothing in a lab has a way out, so their real owners never hear of it.
constexpr std::string_view kStun = "25.0.1.1";
constexpr std::string_view kStun2 = "25.0.2.1";
constexpr std::string_view kOutside = "25.0.3.2";
constexpr std::string_view kOutsideGateway = "25.0.3.1";
constexpr std::string_view kOutside2 = "25.0.4.2";

/// The addresses on one router's two sides.
struct RouterAddresses {
    std::string lan;   ///< Its own on the LAN side.
    std::string below; ///< Of what stands on the LAN: the host, or the next router's WAN side.
};

/// The addresses of one site.
struct SiteAddresses {
    std::vector<RouterAddresses> routers; ///< The host's own first.
    std::string wan;                      ///< Of the last router, or of the host without one.
    std::string isp;

    [[nodiscard]] const std::string& host() const {
        return routers.empty() ? wan : routers.front().below;
    }
    [[nodiscard]] const std::string& gateway() const {
        return routers.empty() ? isp : routers.front().lan;
    }
    /// The WAN address of the router at \a depth, and what it calls its gateway.
    [[nodiscard]] const std::string& wan_of(std::size_t depth) const {
        return depth + 1 == routers.size() ? wan : routers[depth + 1].below;
    }
    [[nodiscard]] const std::string& gateway_of(std::size_t depth) const {
        return depth + 1 == routers.size() ? isp : routers[depth + 1].lan;
    }
};

/// \a index: 0 for a, 1 for b. Each site has its own networks, so that a host candidate of one peer
/// never means a machine at the other; so has each router of a site.
SiteAddresses site_addresses(std::size_t index, const SiteSpec& spec) {
    SiteAddresses out;
    const auto wan = "25.0." + std::to_string(113 + index) + ".";
    out.wan = wan + "2";
    out.isp = wan + "1";
    for (std::size_t depth = 0; depth < spec.routers.size(); ++depth) {
        const auto number = std::to_string(10 * depth + 1 + index);
        const auto lan = (spec.routers[depth].shared_lan ? "100.64." : "192.168.") + number + ".";
        out.routers.push_back({lan + "1", lan + (depth == 0 ? "10" : "2")});
    }
    return out;
}

std::string with_prefix(std::string_view address) {
    return std::string(address) + "/24";
}

std::string upper(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    return text;
}

/// conntrack's own timers, by which the kernel forgets a mapping.
std::vector<std::pair<std::string, std::string>> timeouts(const RouterSpec& router) {
    std::vector<std::pair<std::string, std::string>> out;
    const auto stream = router.stream_timeout.count() != 0 ? router.stream_timeout : router.timeout;
    const auto set = [&](const char* name, std::chrono::seconds time) {
        if (time.count() != 0) out.emplace_back(name, std::to_string(time.count()));
    };
    set("netfilter/nf_conntrack_udp_timeout", router.timeout);
    set("netfilter/nf_conntrack_udp_timeout_stream", stream);
    return out;
}

std::string router_name(const std::string& host, std::size_t depth) {
    return "router-" + host + (depth == 0 ? "" : "-" + std::to_string(depth + 1));
}

void add_router(Plan& plan, const Site& site, const SiteAddresses& at, std::size_t depth) {
    const auto& router = site.spec.routers[depth];
    Node node;
    node.name = router_name(site.letter, depth);
    node.forwards = true;
    node.routes = {"default via " + at.gateway_of(depth)};
    node.rules = nft_rules(router);
    node.switches = timeouts(router);
    const auto& offered = router.port_mapping;
    const auto& lan = at.routers[depth].lan;
    if (needs_version_answerer(offered)) {
        plan.version_points.push_back({node.name, lan, offered.pcp ? Speaks::Pcp : Speaks::NatPmp});
    }
    if (offered.any()) {
        plan.daemons.push_back(offered.server == Server::Miniupnpd
                                   ? miniupnpd(node.name, offered, lan)
                                   : own_gateway(node.name, offered, lan));
    }
    plan.nodes.push_back(std::move(node));
}

void add_site(Plan& plan, const Site& site, const SiteAddresses& at) {
    const auto& host = site.letter;
    const auto& routers = site.spec.routers;
    Node host_node;
    host_node.name = host;
    host_node.routes = {"default via " + at.gateway()};
    host_node.environment = {
        {"NATLAB_HOST", at.host()}, {"NATLAB_GATEWAY", at.gateway()}, {"NATLAB_WAN", at.wan}};
    if (routers.size() > 1) host_node.environment["NATLAB_GATEWAY2"] = at.routers[1].lan;
    if (site.spec.firewall) host_node.rules = nft_host_firewall();
    plan.nodes.push_back(std::move(host_node));

    // From the host outwards, each link from the last thing to the next router.
    Interface near{host, "eth0", with_prefix(at.host())};
    auto impairment = site.spec.host_link;
    for (std::size_t depth = 0; depth < routers.size(); ++depth) {
        add_router(plan, site, at, depth);
        const auto& name = plan.nodes.back().name;
        plan.links.push_back(
            {near,
             {name, std::string(kLanInterface), with_prefix(at.routers[depth].lan)},
             impairment});
        near = {name, std::string(kWanInterface), with_prefix(at.wan_of(depth))};
        impairment = routers[depth].uplink;
    }
    plan.links.push_back(
        {near, {std::string(kInternetNode), "to-" + host, with_prefix(at.isp)}, impairment});
}

void add_internet(Plan& plan, bool servers) {
    Node internet;
    internet.name = kInternetNode;
    internet.forwards = true;
    if (servers) {
        internet.loopback = {std::string(kStun) + "/32", std::string(kStun2) + "/32"};
        plan.daemons.push_back(coturn(internet.name, kStun, kStun2));
    }
    // The last one: what belongs to nobody is lost without a word, at a host that does not forward.
    // Were it unreachable, coturn would end a client's relay with the first datagram for such an
    // address (a peer's private one, say).
    internet.routes = {std::string(kOutside2) + "/32 via " + std::string(kOutside),
                       "default via " + std::string(kOutside)};
    plan.nodes.push_back(std::move(internet));

    Node outside;
    outside.name = kOutsideNode;
    outside.loopback = {std::string(kOutside2) + "/32"};
    outside.routes = {"default via " + std::string(kOutsideGateway)};
    plan.nodes.push_back(std::move(outside));
    plan.links.push_back({{std::string(kOutsideNode), "eth0", with_prefix(kOutside)},
                          {std::string(kInternetNode), "to-outside", with_prefix(kOutsideGateway)},
                          {}});
}

std::map<std::string, std::string> common_environment(bool servers) {
    std::map<std::string, std::string> out{{"NATLAB_OUTSIDE", std::string(kOutside)},
                                           {"NATLAB_OUTSIDE2", std::string(kOutside2)}};
    if (servers) {
        const auto turn = "turn:" + std::string(kTurnUser) + ":" + std::string(kTurnPassword) +
                          "@" + std::string(kStun) + ":" + std::to_string(kStunPort);
        out["NATLAB_STUN"] = std::string(kStun) + ":" + std::to_string(kStunPort);
        out["NATLAB_STUN2"] = std::string(kStun2) + ":" + std::to_string(kStunPort);
        out["NATLAB_TURN"] = turn + "?transport=udp";
        out["NATLAB_TURN_TCP"] = turn + "?transport=tcp";
    }
    return out;
}

} // namespace

const Node* Plan::find(std::string_view name) const {
    if (name == "host") name = "a";
    const auto found = std::find_if(nodes.begin(), nodes.end(),
                                    [&](const Node& node) { return node.name == name; });
    return found == nodes.end() ? nullptr : &*found;
}

Plan plan_lab(const std::vector<Site>& sites, bool servers) {
    Plan plan;
    auto environment = common_environment(servers);
    add_internet(plan, servers);
    for (const auto& site : sites) {
        const auto index = static_cast<std::size_t>(site.letter.front() - 'a');
        const auto at = site_addresses(index, site.spec);
        add_site(plan, site, at);
        environment["NATLAB_" + upper(site.letter) + "_HOST"] = at.host();
        environment["NATLAB_" + upper(site.letter) + "_WAN"] = at.wan;
    }
    for (auto& node : plan.nodes) {
        node.environment.insert(environment.begin(), environment.end());
        node.environment["NATLAB_NODE"] = node.name;
    }
    return plan;
}

void rename_address(Plan& plan, const std::string& old, const std::string& now) {
    const auto rename = [&](std::string& text) {
        const auto slash = std::min(text.find('/'), text.size());
        if (text.compare(0, slash, old) == 0) text.replace(0, slash, now);
    };
    for (auto& link : plan.links) {
        rename(link.near.address);
        rename(link.far.address);
    }
    for (auto& node : plan.nodes) {
        for (auto& [name, value] : node.environment) rename(value);
    }
}

std::string config_path(std::string_view daemon) {
    return std::string(kStateDirectory) + "/" + std::string(daemon) + ".conf";
}

std::string lease_path(std::string_view daemon) {
    return std::string(kStateDirectory) + "/" + std::string(daemon) + ".leases";
}

} // namespace natterjack::lab
