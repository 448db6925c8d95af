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

// The same over IPv6: of a range that is given to providers in Europe.
constexpr std::string_view kPrefix6 = "2a00:25:";
// The two ends of a VPN's tunnel.
constexpr std::string_view kVpnClient = "10.8.0.2";
constexpr std::string_view kVpnServer = "10.8.0.1";
constexpr std::string_view kGatewayLinkLocal = "fe80::1";

std::string address6(std::string_view network, std::string_view host) {
    return std::string(kPrefix6) + std::string(network) + "::" + std::string(host);
}
const std::string kStun6 = address6("1", "1");
const std::string kSecondStun6 = address6("2", "1");
const std::string kOutside6 = address6("3", "2");
const std::string kOutsideGateway6 = address6("3", "1");
const std::string kSecondOutside6 = address6("4", "2");

/// The addresses on one router's two sides.
struct RouterAddresses {
    std::string lan;   ///< Its own on the LAN side.
    std::string below; ///< Of what stands on the LAN: the host, or the next router's WAN side.
    std::string lan6;  ///< The same over IPv6.
    std::string below6;
    std::string network6; ///< The LAN's prefix.
};

/// The addresses of one site.
struct SiteAddresses {
    std::vector<RouterAddresses> routers; ///< The host's own first.
    std::string wan;                      ///< Of the last router, or of the host without one.
    std::string isp;
    std::string wan6;
    std::string isp6;
    std::string vpn; ///< Of the VPN's server, where there is one.
    std::string vpn_isp;

    /// The address under which the internet sees the host.
    [[nodiscard]] const std::string& seen(const SiteSpec& spec) const {
        return spec.vpn ? vpn : wan;
    }
    [[nodiscard]] const std::string& host6() const {
        return routers.empty() ? wan6 : routers.front().below6;
    }
    [[nodiscard]] const std::string& wan6_of(std::size_t depth) const {
        return depth + 1 == routers.size() ? wan6 : routers[depth + 1].below6;
    }
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
    const auto vpn = "25.0." + std::to_string(123 + index) + ".";
    out.vpn = vpn + "2";
    out.vpn_isp = vpn + "1";
    out.wan6 = address6(std::to_string(113 + index), "2");
    out.isp6 = address6(std::to_string(113 + index), "1");
    for (std::size_t depth = 0; depth < spec.routers.size(); ++depth) {
        const auto number = std::to_string(10 * depth + 1 + index);
        const auto lan = (spec.routers[depth].shared_lan ? "100.64." : "192.168.") + number + ".";
        const auto network = std::string(index == 0 ? "a" : "b") + number; // delegated to the site
        out.routers.push_back({lan + "1", lan + (depth == 0 ? "10" : "2"), address6(network, "1"),
                               address6(network, depth == 0 ? "10" : "2"),
                               address6(network, "/64")});
    }
    return out;
}

std::string with_prefix(std::string_view address) {
    return std::string(address) + "/24";
}

/// One end of a link, with the addresses of those families that the site has.
Interface interface(std::string node, std::string_view name, const SiteSpec& spec,
                    std::string_view address, std::string_view address6) {
    Interface out{std::move(node), std::string(name), {}, {}, false};
    out.address = with_prefix(address);
    if (spec.ipv6) out.address6 = std::string(address6) + "/64";
    return out;
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
    node.ipv6 = router.ipv6;
    node.routes = {"default via " + at.gateway_of(depth)};
    if (router.ipv6) {
        node.routes.push_back(depth + 1 == site.spec.routers.size()
                                  ? "default via " + at.isp6
                                  : "default via " + std::string(kGatewayLinkLocal) + " dev " +
                                        std::string(kWanInterface));
        // What is said to a link without naming one, such as miniupnpd's announcements, is said to
        // the home; else it would be whichever link came up first.
        node.routes.push_back("multicast ff02::/16 table local dev " + std::string(kLanInterface));
        for (std::size_t inner = 0; inner < depth; ++inner) {
            node.routes.push_back(at.routers[inner].network6 + " via " + at.routers[depth].below6);
        }
    }
    node.rules = nft_rules(router);
    node.switches = timeouts(router);
    const auto& offered = router.port_mapping;
    const auto& lan = at.routers[depth].lan;
    if (needs_version_answerer(offered)) {
        plan.version_points.push_back({node.name, lan, offered.pcp ? Speaks::Pcp : Speaks::NatPmp});
    }
    if (offered.any()) {
        plan.daemons.push_back(offered.server == Server::Miniupnpd
                                   ? miniupnpd(node.name, offered, lan, router.ipv6)
                                   : own_gateway(node.name, offered, lan));
    }
    plan.nodes.push_back(std::move(node));
}

/// The host of \a site, with the variables that its commands get.
Node host_of(const Site& site, const SiteAddresses& at) {
    const auto& routers = site.spec.routers;
    Node host;
    host.name = site.letter;
    host.ipv6 = site.spec.ipv6;
    if (site.spec.firewall) host.rules = nft_host_firewall();
    if (site.spec.ipv4) {
        host.routes = {"default via " + (site.spec.vpn ? std::string(kVpnServer) : at.gateway())};
        host.environment = {{"NATLAB_HOST", at.host()},
                            {"NATLAB_GATEWAY", at.gateway()},
                            {"NATLAB_WAN", at.seen(site.spec)}};
        if (routers.size() > 1) host.environment["NATLAB_GATEWAY2"] = at.routers[1].lan;
    }
    if (site.spec.ipv6) {
        host.routes.push_back(routers.empty() ? "default via " + at.isp6
                                              : "default via " + std::string(kGatewayLinkLocal) +
                                                    " dev " + std::string(kHostInterface));
        host.environment["NATLAB_HOST6"] = at.host6();
        host.environment["NATLAB_GATEWAY6"] = routers.empty() ? at.isp6 : at.routers.front().lan6;
    }
    return host;
}

void add_site(Plan& plan, const Site& site, const SiteAddresses& at) {
    const auto& spec = site.spec;
    const auto& host = site.letter;
    plan.nodes.push_back(host_of(site, at));

    // From the host outwards, each link from the last thing to the next router.
    auto near = interface(host, kHostInterface, spec, at.host(), at.host6());
    if (!spec.ipv4) near.address.clear();
    auto impairment = spec.host_link;
    for (std::size_t depth = 0; depth < spec.routers.size(); ++depth) {
        add_router(plan, site, at, depth);
        const auto& name = plan.nodes.back().name;
        const auto& addresses = at.routers[depth];
        auto lan = interface(name, kLanInterface, spec, addresses.lan, addresses.lan6);
        lan.gateway = spec.ipv6;
        plan.links.push_back({near, lan, impairment});
        near = interface(name, kWanInterface, spec, at.wan_of(depth), at.wan6_of(depth));
        impairment = spec.routers[depth].uplink;
    }
    const auto internet =
        interface(std::string(kInternetNode), "to-" + host, spec, at.isp, at.isp6);
    plan.links.push_back({near, internet, impairment});
}

/// The tunnel is a link of its own from the host to the server, which translates: what matters is
/// that the host's traffic does not come from where its router could let anybody in.
void add_vpn(Plan& plan, const Site& site, const SiteAddresses& at) {
    Node server;
    server.name = "vpn-" + site.letter;
    server.forwards = true;
    server.routes = {"default via " + at.vpn_isp};
    server.rules = nft_rules(RouterSpec());
    const SiteSpec ipv4;
    plan.links.push_back({interface(site.letter, kTunnelInterface, ipv4, kVpnClient, ""),
                          interface(server.name, kLanInterface, ipv4, kVpnServer, ""),
                          {}});
    plan.links.push_back(
        {interface(server.name, kWanInterface, ipv4, at.vpn, ""),
         interface(std::string(kInternetNode), "to-" + server.name, ipv4, at.vpn_isp, ""),
         {}});
    plan.nodes.push_back(std::move(server));
}

/// What the provider routes to the site: the prefixes of its LANs.
std::vector<std::string> delegations(const SiteAddresses& at) {
    std::vector<std::string> out;
    for (const auto& router : at.routers) out.push_back(router.network6 + " via " + at.wan6);
    return out;
}

void add_internet(Plan& plan, bool servers, bool ipv6) {
    Node internet;
    internet.name = kInternetNode;
    internet.forwards = true;
    internet.ipv6 = ipv6;
    // The default ones: what belongs to nobody is lost without a word, at a host that does not
    // forward. Were it unreachable, coturn would end a client's relay with the first datagram for
    // such an address (a peer's private one, say).
    internet.routes = {std::string(kOutside2) + "/32 via " + std::string(kOutside),
                       "default via " + std::string(kOutside)};
    if (ipv6) {
        internet.routes.push_back(kSecondOutside6 + "/128 via " + kOutside6);
        internet.routes.push_back("default via " + kOutside6);
    }
    if (servers) {
        internet.loopback = {std::string(kStun) + "/32", std::string(kStun2) + "/32"};
        std::vector<std::string> addresses{std::string(kStun), std::string(kStun2)};
        if (ipv6) {
            internet.loopback.insert(internet.loopback.end(),
                                     {kStun6 + "/128", kSecondStun6 + "/128"});
            addresses.insert(addresses.end(), {kStun6, kSecondStun6});
        }
        plan.daemons.push_back(coturn(internet.name, addresses));
    }
    plan.nodes.push_back(std::move(internet));

    Node outside;
    outside.name = kOutsideNode;
    outside.ipv6 = ipv6;
    outside.loopback = {std::string(kOutside2) + "/32"};
    outside.routes = {"default via " + std::string(kOutsideGateway)};
    if (ipv6) {
        outside.loopback.push_back(kSecondOutside6 + "/128");
        outside.routes.push_back("default via " + kOutsideGateway6);
    }
    plan.nodes.push_back(std::move(outside));
    SiteSpec families;
    families.ipv6 = ipv6;
    plan.links.push_back(
        {interface(std::string(kOutsideNode), kHostInterface, families, kOutside, kOutside6),
         interface(std::string(kInternetNode), "to-outside", families, kOutsideGateway,
                   kOutsideGateway6),
         {}});
}

std::string turn_url(std::string_view address, std::uint16_t port = kStunPort) {
    return "turn:" + std::string(kTurnUser) + ":" + std::string(kTurnPassword) + "@" +
           std::string(address) + ":" + std::to_string(port);
}

std::map<std::string, std::string> common_environment(bool servers, bool ipv6) {
    std::map<std::string, std::string> out{{"NATLAB_OUTSIDE", std::string(kOutside)},
                                           {"NATLAB_OUTSIDE2", std::string(kOutside2)}};
    const auto port = ":" + std::to_string(kStunPort);
    if (servers) {
        out["NATLAB_STUN"] = std::string(kStun) + port;
        out["NATLAB_STUN2"] = std::string(kStun2) + port;
        out["NATLAB_TURN"] = turn_url(kStun) + "?transport=udp";
        out["NATLAB_TURN_TCP"] = turn_url(kStun) + "?transport=tcp";
        out["NATLAB_STUN_443"] = std::string(kStun) + ":" + std::to_string(kWebPort);
        out["NATLAB_STUN2_443"] = std::string(kStun2) + ":" + std::to_string(kWebPort);
        out["NATLAB_TURN_443"] = turn_url(kStun, kWebPort) + "?transport=tcp";
    }
    if (!ipv6) return out;
    out["NATLAB_OUTSIDE6"] = kOutside6;
    out["NATLAB_OUTSIDE6_2"] = kSecondOutside6;
    if (servers) {
        const auto bracketed = "[" + kStun6 + "]";
        out["NATLAB_STUN6"] = bracketed + port;
        out["NATLAB_STUN6_2"] = "[" + kSecondStun6 + "]" + port;
        out["NATLAB_TURN6"] = turn_url(bracketed) + "?transport=udp";
        out["NATLAB_TURN6_TCP"] = turn_url(bracketed) + "?transport=tcp";
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
    const bool ipv6 =
        std::any_of(sites.begin(), sites.end(), [](const Site& site) { return site.spec.ipv6; });
    auto environment = common_environment(servers, ipv6);
    add_internet(plan, servers, ipv6);
    for (const auto& site : sites) {
        const auto index = static_cast<std::size_t>(site.letter.front() - 'a');
        const auto at = site_addresses(index, site.spec);
        add_site(plan, site, at);
        if (site.spec.vpn) add_vpn(plan, site, at);
        const auto name = "NATLAB_" + upper(site.letter);
        if (site.spec.ipv4) {
            environment[name + "_HOST"] = at.host();
            environment[name + "_WAN"] = at.seen(site.spec);
        }
        if (site.spec.ipv6) {
            environment[name + "_HOST6"] = at.host6();
            auto& routes = plan.nodes.front().routes;
            for (auto& route : delegations(at)) routes.push_back(std::move(route));
        }
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
