// SPDX-License-Identifier: MIT
#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "nat-lab/ip_script.hpp"
#include "nat-lab/topology.hpp"

namespace natterjack::lab {
namespace {

Site site(const char* letter, std::string_view spec) {
    const auto parsed = parse_spec(spec);
    EXPECT_TRUE(parsed) << spec;
    return {letter, parsed ? *parsed : SiteSpec()};
}

std::set<std::string> node_names(const Plan& plan) {
    std::set<std::string> names;
    for (const auto& node : plan.nodes) names.insert(node.name);
    return names;
}

TEST(Topology, ASiteWithARouter) {
    const auto plan = plan_lab({site("a", "eim/apdf")}, false);
    EXPECT_EQ(node_names(plan), (std::set<std::string>{"a", "router-a", "internet", "outside"}));
    EXPECT_TRUE(plan.find("router-a")->forwards);
    EXPECT_FALSE(plan.find("a")->forwards);
    EXPECT_FALSE(plan.find("router-a")->rules.empty());
    EXPECT_TRUE(plan.daemons.empty());
}

TEST(Topology, RoutersBehindEachOther) {
    const auto plan = plan_lab({site("a", "home>cgn"), site("b", "home>home>home")}, false);
    EXPECT_EQ(node_names(plan),
              (std::set<std::string>{"a", "b", "router-a", "router-a-2", "router-b", "router-b-2",
                                     "router-b-3", "internet", "outside"}));
    const auto joined = [&](const char* near, const char* near_address, const char* far,
                            const char* far_address) {
        return std::any_of(plan.links.begin(), plan.links.end(), [&](const Link& link) {
            return link.near.node == near && link.near.address == near_address &&
                   link.far.node == far && link.far.address == far_address;
        });
    };
    EXPECT_TRUE(joined("a", "192.168.1.10/24", "router-a", "192.168.1.1/24"));
    EXPECT_TRUE(joined("router-a", "100.64.11.2/24", "router-a-2", "100.64.11.1/24"));
    EXPECT_TRUE(joined("router-a-2", "25.0.113.2/24", "internet", "25.0.113.1/24"));
    EXPECT_TRUE(joined("router-b-2", "192.168.22.2/24", "router-b-3", "192.168.22.1/24"));
    EXPECT_EQ(plan.find("router-a")->routes, std::vector<std::string>{"default via 100.64.11.1"});
    const auto& environment = plan.find("a")->environment;
    EXPECT_EQ(environment.at("NATLAB_GATEWAY"), "192.168.1.1");
    EXPECT_EQ(environment.at("NATLAB_GATEWAY2"), "100.64.11.1");
    EXPECT_EQ(environment.at("NATLAB_WAN"), "25.0.113.2");
}

TEST(Topology, TheLabsOwnGatewayIsToldWhatToOffer) {
    const auto command = [](const char* spec) {
        return plan_lab({site("a", spec)}, false).daemons.at(0).command;
    };
    using Words = std::vector<std::string>;
    EXPECT_EQ(command("eim/apdf,igd1,natpmp,server=own"),
              (Words{"nat-lab-gateway", "--lan=lan0", "--wan=wan0", "--address=192.168.1.1",
                     "--table=natlab", "--igd=1", "--natpmp"}));
    EXPECT_EQ(command("eim/apdf,igd,pcp,server=liar,external=25.0.9.9"),
              (Words{"nat-lab-gateway", "--lan=lan0", "--wan=wan0", "--address=192.168.1.1",
                     "--table=natlab", "--igd=2", "--pcp", "--liar", "--external=25.0.9.9"}));
}

TEST(Topology, IPv6IsWhereASiteHasIt) {
    const auto plan = plan_lab({site("a", "home,ipv6>cgn"), site("b", "home")}, true);
    for (const auto* name : {"a", "router-a", "router-a-2", "internet", "outside"}) {
        EXPECT_TRUE(plan.find(name)->ipv6) << name;
    }
    EXPECT_FALSE(plan.find("b")->ipv6 || plan.find("router-b")->ipv6);
    for (const auto& link : plan.links) {
        const bool of_b = link.near.node == "b" || link.near.node == "router-b";
        EXPECT_EQ(link.near.address6.empty(), of_b) << link.near.node;
        EXPECT_EQ(link.far.address6.empty(), of_b) << link.near.node;
        EXPECT_EQ(link.far.gateway, link.far.name == "lan0" && !of_b) << link.far.node;
    }
    const auto routes = [&](const char* name) {
        const auto& list = plan.find(name)->routes;
        return std::set<std::string>(list.begin(), list.end());
    };
    EXPECT_TRUE(routes("a").contains("default via fe80::1 dev eth0"));
    EXPECT_TRUE(routes("router-a").contains("default via fe80::1 dev wan0"));
    EXPECT_TRUE(routes("router-a-2").contains("default via 2a00:25:113::1"));
    EXPECT_TRUE(routes("router-a-2").contains("2a00:25:a1::/64 via 2a00:25:a11::2"));
    EXPECT_TRUE(routes("internet").contains("2a00:25:a1::/64 via 2a00:25:113::2"));
    EXPECT_EQ(plan.find("a")->environment.at("NATLAB_HOST6"), "2a00:25:a1::10");
    EXPECT_EQ(plan.find("b")->environment.at("NATLAB_STUN6"), "[2a00:25:1::1]:3478");
}

TEST(Topology, AHostOfIPv6OnlyHasNothingElse) {
    const auto plan = plan_lab({site("a", "eim/apdf,ipv6,no-ipv4")}, false);
    const auto& host = *plan.find("a");
    EXPECT_EQ(host.environment.count("NATLAB_HOST") + host.environment.count("NATLAB_WAN"), 0U);
    EXPECT_EQ(host.routes, std::vector<std::string>{"default via fe80::1 dev eth0"});
    EXPECT_EQ(node_script(plan, host),
              "link set lo up\naddress replace 2a00:25:a1::10/64 dev eth0 nodad\nlink set eth0 up\n"
              "route replace default via fe80::1 dev eth0\n");
}

TEST(Topology, AVpnsServerIsWhereTheHostIsSeen) {
    const auto plan = plan_lab({site("a", "vpn"), site("b", "none,vpn")}, false);
    EXPECT_EQ(plan.find("a")->routes, std::vector<std::string>{"default via 10.8.0.1"});
    EXPECT_EQ(plan.find("a")->environment.at("NATLAB_WAN"), "25.0.123.2");
    EXPECT_EQ(plan.find("a")->environment.at("NATLAB_GATEWAY"), "192.168.1.1");
    EXPECT_EQ(plan.find("a")->environment.at("NATLAB_B_WAN"), "25.0.124.2");
    ASSERT_TRUE(plan.find("vpn-a") && plan.find("vpn-b"));
    EXPECT_TRUE(plan.find("vpn-a")->forwards);
    EXPECT_TRUE(node_script(plan, *plan.find("a")).find("10.8.0.2/24 dev tun0") !=
                std::string::npos);
}

TEST(Topology, TheServersAreAlsoWhereTheWebIs) {
    const auto plan = plan_lab({site("a", "none")}, true);
    EXPECT_EQ(plan.find("a")->environment.at("NATLAB_STUN_443"), "25.0.1.1:443");
    EXPECT_EQ(plan.find("a")->environment.at("NATLAB_STUN2_443"), "25.0.2.1:443");
    EXPECT_EQ(plan.find("a")->environment.at("NATLAB_TURN_443"),
              "turn:natlab:natlab@25.0.1.1:443?transport=tcp");
}

TEST(Topology, ARoutersTimeoutsAreConntracks) {
    const auto switches = [](const char* spec) {
        const auto plan = plan_lab({site("a", spec)}, false);
        const auto& list = plan.find("router-a")->switches;
        return std::map<std::string, std::string>(list.begin(), list.end());
    };
    const std::string unreplied = "netfilter/nf_conntrack_udp_timeout";
    const std::string stream = "netfilter/nf_conntrack_udp_timeout_stream";
    using Switches = std::map<std::string, std::string>;
    EXPECT_EQ(switches("eim/eif"), Switches());
    EXPECT_EQ(switches("eim/eif,timeout=5s"), (Switches{{unreplied, "5"}, {stream, "5"}}));
    EXPECT_EQ(switches("eim/eif,timeout=5s,stream-timeout=9s"),
              (Switches{{unreplied, "5"}, {stream, "9"}}));
    EXPECT_EQ(switches("eim/eif,stream-timeout=9s"), (Switches{{stream, "9"}}));
}

TEST(Topology, AHostsFirewallIsItsOwn) {
    const auto plan = plan_lab({site("a", "eim/eif,firewall"), site("b", "none")}, false);
    EXPECT_FALSE(plan.find("a")->rules.empty());
    EXPECT_TRUE(plan.find("b")->rules.empty());
}

TEST(Topology, ASiteWithoutRouterHasAPublicAddress) {
    const auto plan = plan_lab({site("a", "none")}, false);
    EXPECT_EQ(node_names(plan), (std::set<std::string>{"a", "internet", "outside"}));
    const auto& environment = plan.find("a")->environment;
    EXPECT_EQ(environment.at("NATLAB_HOST"), environment.at("NATLAB_WAN"));
}

TEST(Topology, WhatBelongsToNobodyIsLostOutside) {
    const auto plan = plan_lab({site("a", "none")}, true);
    const auto& routes = plan.find("internet")->routes;
    EXPECT_EQ(std::count_if(routes.begin(), routes.end(),
                            [](const auto& each) { return each.starts_with("default via "); }),
              1);
    EXPECT_FALSE(plan.find("outside")->forwards);
}

TEST(Topology, HostIsAnotherNameForA) {
    const auto plan = plan_lab({site("a", "none")}, false);
    EXPECT_EQ(plan.find("host"), plan.find("a"));
    EXPECT_EQ(plan.find("b"), nullptr);
    EXPECT_EQ(plan_lab({site("b", "none")}, false).find("host"), nullptr);
}

TEST(Topology, SitesShareNoAddress) {
    const auto plan = plan_lab({site("a", "home"), site("b", "none")}, true);
    std::set<std::string> addresses;
    std::size_t count = 0;
    for (const auto& link : plan.links) {
        addresses.insert({link.near.address, link.far.address});
        count += 2;
    }
    EXPECT_EQ(addresses.size(), count);
}

TEST(Topology, NoLinkHasANameThatPeersIgnore) {
    // libnice leaves out interfaces whose names begin like these.
    const auto plan = plan_lab({site("a", "home,delay=1ms"), site("b", "none")}, true);
    for (const auto& link : plan.links) {
        for (const auto& name : {link.near.name, link.far.name}) {
            EXPECT_LE(name.size(), 15U) << name; // IFNAMSIZ - 1
            for (const auto* prefix : {"veth", "docker", "virbr", "vnet"}) {
                EXPECT_FALSE(name.starts_with(prefix)) << name;
            }
        }
    }
}

TEST(Topology, ServersAreStartedOnlyWhereNeeded) {
    const auto names = [](const Plan& plan) {
        std::set<std::string> out;
        for (const auto& daemon : plan.daemons) out.insert(daemon.name);
        return out;
    };
    EXPECT_EQ(names(plan_lab({site("a", "none")}, true)), std::set<std::string>{"coturn"});
    EXPECT_EQ(names(plan_lab({site("a", "home"), site("b", "eim/eif,pcp")}, false)),
              (std::set<std::string>{"miniupnpd-router-a", "miniupnpd-router-b"}));
}

TEST(Topology, OneVersionOfTwoNeedsAnAnswerer) {
    EXPECT_TRUE(plan_lab({site("a", "home")}, false).version_points.empty());
    EXPECT_TRUE(plan_lab({site("a", "eim/eif,igd")}, false).version_points.empty());
    const auto plan = plan_lab({site("a", "eim/eif,pcp")}, false);
    ASSERT_EQ(plan.version_points.size(), 1U);
    EXPECT_EQ(plan.version_points[0].speaks, Speaks::Pcp);
    EXPECT_EQ(plan.version_points[0].address, "192.168.1.1");
}

TEST(Topology, EveryNodeKnowsTheServersAndTheSites) {
    const auto plan = plan_lab({site("a", "home"), site("b", "home")}, true);
    for (const auto& node : plan.nodes) {
        EXPECT_EQ(node.environment.at("NATLAB_NODE"), node.name);
        EXPECT_EQ(node.environment.at("NATLAB_STUN"), "25.0.1.1:3478");
        EXPECT_EQ(node.environment.at("NATLAB_A_WAN"), "25.0.113.2");
        EXPECT_EQ(node.environment.at("NATLAB_B_WAN"), "25.0.114.2");
    }
    EXPECT_EQ(plan.find("b")->environment.at("NATLAB_GATEWAY"), "192.168.2.1");
    EXPECT_EQ(plan.find("outside")->environment.count("NATLAB_GATEWAY"), 0U);
}

TEST(Topology, WithoutServersNobodyIsToldOfThem) {
    const auto plan = plan_lab({site("a", "none")}, false);
    EXPECT_EQ(plan.find("a")->environment.count("NATLAB_STUN"), 0U);
    EXPECT_EQ(plan.find("a")->environment.count("NATLAB_TURN"), 0U);
}

TEST(Topology, MiniupnpdIsToldWhatToOffer) {
    const auto config = [](const char* spec) {
        return plan_lab({site("a", spec)}, false).daemons.at(0).config;
    };
    const auto has = [](const std::string& text, const char* line) {
        return ("\n" + text).find("\n" + std::string(line) + "\n") != std::string::npos;
    };
    const auto home = config("home");
    for (const auto* line :
         {"ext_ifname=wan0", "listening_ip=lan0", "enable_upnp=yes", "enable_natpmp=yes",
          "force_igd_desc_v1=no", "upnp_table_name=natlab", "upnp_nat_table_name=natlab",
          "upnp_forward_chain=upnp_forward", "upnp_nat_chain=upnp_prerouting",
          "upnp_nat_postrouting_chain=upnp_postrouting"}) {
        EXPECT_TRUE(has(home, line)) << line << "\n" << home;
    }
    EXPECT_TRUE(has(config("eim/eif,igd"), "enable_natpmp=no"));
    EXPECT_TRUE(has(config("eim/eif,igd1"), "force_igd_desc_v1=yes"));
    EXPECT_TRUE(has(config("eim/eif,pcp"), "enable_upnp=no"));
    EXPECT_TRUE(has(config("eim/eif,natpmp"), "enable_natpmp=yes"));
}

TEST(Topology, CoturnNamesTheContactedAddressFirst) {
    const auto plan = plan_lab({site("a", "none")}, true);
    const auto& command = plan.daemons.at(0).command;
    const auto first = std::find(command.begin(), command.end(), "--listening-ip=25.0.1.1");
    const auto second = std::find(command.begin(), command.end(), "--listening-ip=25.0.2.1");
    ASSERT_NE(second, command.end());
    EXPECT_LT(first, second);
}

TEST(Topology, AnAddressIsRenamedWhereverItStandsAlone) {
    auto plan = plan_lab({site("a", "home")}, true);
    rename_address(plan, "25.0.113.2", "25.0.113.20");
    rename_address(plan, "25.0.1.1", "25.0.1.9");
    EXPECT_EQ(plan.find("outside")->environment.at("NATLAB_A_WAN"), "25.0.113.20");
    EXPECT_EQ(plan.find("a")->environment.at("NATLAB_WAN"), "25.0.113.20");
    EXPECT_EQ(plan.find("a")->environment.at("NATLAB_STUN"), "25.0.1.1:3478");
    EXPECT_TRUE(std::any_of(plan.links.begin(), plan.links.end(), [](const Link& link) {
        return link.near.address == "25.0.113.20/24";
    }));
}

TEST(IpScript, JoinsTwoNodes) {
    const auto plan = plan_lab({site("a", "none")}, false);
    EXPECT_EQ(
        link_script(plan),
        "link add name eth0 index 10 netns outside "
        "type veth peer name to-outside index 11 netns internet\n"
        "link add name eth0 index 12 netns a type veth peer name to-a index 13 netns internet\n");
}

TEST(IpScript, LeadsAnImpairedLinkThroughTheRelay) {
    const auto plan = plan_lab({site("a", "none,delay=1ms")}, false);
    EXPECT_EQ(link_script(plan),
              "link add name eth0 index 10 netns outside "
              "type veth peer name to-outside index 11 netns internet\n"
              "link add name eth0 index 12 netns a type veth peer name near1 index 13 netns relay\n"
              "link add name to-a index 14 netns internet "
              "type veth peer name far1 index 15 netns relay\n");
    EXPECT_EQ(relay_script(plan), "link set near1 up\nlink set far1 up\n");
}

TEST(IpScript, SetsANodeUp) {
    const auto plan = plan_lab({site("a", "eim/apdf")}, true);
    EXPECT_EQ(node_script(plan, *plan.find("router-a")),
              "link set lo up\n"
              "address replace 192.168.1.1/24 dev lan0\nlink set lan0 up\n"
              "address replace 25.0.113.2/24 dev wan0\nlink set wan0 up\n"
              "route replace default via 25.0.113.1\n");
    EXPECT_TRUE(node_script(plan, *plan.find("internet"))
                    .starts_with("address add 25.0.1.1/32 dev lo\n"
                                 "address add 25.0.2.1/32 dev lo\nlink set lo up\n"));
    EXPECT_EQ(relay_script(plan), "");
}

} // namespace
} // namespace natterjack::lab
