// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "nat-lab/nft_rules.hpp"

namespace natterjack::lab {
namespace {

std::string rules_for(std::string_view spec) {
    const auto site = parse_spec(spec);
    EXPECT_TRUE(site) << spec;
    return site ? nft_rules(site->routers.front()) : std::string();
}

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

/// The lines of one chain, without indentation.
std::string chain(const std::string& rules, const std::string& name) {
    const auto start = rules.find("    chain " + name + " {\n");
    if (start == std::string::npos) return {};
    std::string out;
    for (auto at = rules.find('\n', start) + 1; rules.compare(at, 5, "    }") != 0;) {
        const auto end = rules.find('\n', at);
        out += rules.substr(at, end - at + 1).substr(8);
        at = end + 1;
    }
    return out;
}

TEST(NftRules, APortPreservingRouterIsTheWholeText) {
    EXPECT_EQ(rules_for("eim/apdf"), R"(table inet natlab {
    chain prerouting {
        type nat hook prerouting priority dstnat; policy accept;
    }
    chain postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        oifname "wan0" masquerade
    }
    chain input {
        type filter hook input priority filter; policy accept;
        # Dropped, not accepted and refused: an accepted packet leaves a conntrack entry,
        # and the host's own flow from that port would then be given another port.
        iifname "wan0" ct state new drop
    }
    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
        ct state invalid drop
        iifname "lan0" oifname "wan0" accept
    }
}
)");
}

TEST(NftRules, AMappingForEachDestinationHasARandomPort) {
    const auto rules = rules_for("apdm/apdf");
    EXPECT_TRUE(has(chain(rules, "postrouting"), "masquerade fully-random\n"));
    EXPECT_FALSE(has(rules, "@given"));
    EXPECT_FALSE(has(rules_for("eim/eif"), "random"));
}

TEST(NftRules, AMappingForEachAddressIsRememberedByAddress) {
    const auto rules = rules_for("adm/apdf");
    EXPECT_EQ(chain(rules, "postrouting"),
              "type nat hook postrouting priority srcnat; policy accept;\n"
              "oifname \"wan0\" meta l4proto { tcp, udp } masquerade to "
              ":meta l4proto . ip saddr . th sport . ip daddr map @given\n"
              "oifname \"wan0\" masquerade fully-random\n");
    EXPECT_EQ(chain(rules, "remember"),
              "type filter hook postrouting priority srcnat + 1; policy accept;\n"
              "oifname \"wan0\" meta l4proto { tcp, udp } ct direction original update @given "
              "{ meta l4proto . ct original ip saddr . ct original proto-src . ip daddr "
              "timeout 300s : th sport }\n");
}

TEST(NftRules, ARandomPortForAllDestinationsIsRememberedWithoutThem) {
    const auto rules = rules_for("eim/apdf,ports=random");
    EXPECT_TRUE(has(rules, "type inet_proto . ipv4_addr . inet_service : inet_service\n"));
    EXPECT_TRUE(has(chain(rules, "postrouting"), ":meta l4proto . ip saddr . th sport map @given"));
}

TEST(NftRules, SequentialPortsAreCountedThrough) {
    EXPECT_TRUE(has(chain(rules_for("apdm/apdf,ports=sequential,block=2000-2002"), "postrouting"),
                    "masquerade to :numgen inc mod 3 map { 0 : 2000, 1 : 2001, 2 : 2002 }\n"
                    "oifname \"wan0\" masquerade\n"));
    EXPECT_TRUE(
        has(rules_for("eim/eif,ports=sequential"), "numgen inc mod 1024 map { 0 : 40000, "));
}

TEST(NftRules, ABlockLimitsThePorts) {
    EXPECT_TRUE(has(chain(rules_for("eim/apdf,block=1024-2047"), "postrouting"),
                    "masquerade to :1024-2047\n"));
    EXPECT_TRUE(has(chain(rules_for("apdm/apdf,block=1024-2047"), "postrouting"),
                    "masquerade to :1024-2047 fully-random\n"));
}

TEST(NftRules, HairpinComesBackToTheOwnerOfThePort) {
    const auto internal = rules_for("eim/apdf,hairpin=internal");
    EXPECT_TRUE(has(chain(internal, "prerouting"),
                    "iifname \"lan0\" fib daddr type local fib daddr . iif type != local "
                    "meta l4proto { tcp, udp } dnat ip to meta l4proto . th dport map @cone\n"));
    EXPECT_FALSE(has(chain(internal, "prerouting"), "wan0")); // filtering is as strict as ever
    EXPECT_TRUE(has(chain(internal, "forward"),
                    "iifname \"lan0\" oifname \"lan0\" ct status dnat accept\n"));
    EXPECT_FALSE(has(internal, "snat"));
    EXPECT_TRUE(has(chain(rules_for("eim/apdf,hairpin=external"), "postrouting"),
                    "iifname \"lan0\" oifname \"lan0\" ct status dnat snat ip to "
                    "ct original ip daddr\n"));
    EXPECT_FALSE(has(rules_for("eim/eif"), "oifname \"lan0\""));
}

TEST(NftRules, MappingsLastAsLongAsAsked) {
    const auto rules = rules_for("adm/adf,timeout=7s");
    EXPECT_FALSE(has(rules, "300s"));
    for (const auto* name : {"map cone", "map given", "set contacted"}) {
        EXPECT_TRUE(has(rules.substr(rules.find(name)), "timeout 7s\n")) << name;
    }
}

TEST(NftRules, Ipv6IsNotTranslated) {
    const auto rules = rules_for("adm/adf,ipv6,hairpin=external");
    for (const auto* name : {"prerouting", "postrouting", "remember"}) {
        const auto text = chain(rules, name);
        EXPECT_EQ(text.find("meta nfproto ipv6 accept\n"), text.find('\n') + 1) << name;
    }
    EXPECT_FALSE(has(chain(rules, "forward"), "nfproto")); // the same firewall for both
    EXPECT_FALSE(has(rules_for("adm/adf"), "ipv6"));
}

TEST(NftRules, NeighbourDiscoveryGetsThroughEverywhere) {
    EXPECT_TRUE(has(chain(rules_for("eim/apdf,ipv6,closed=drop"), "input"), "ipv6-icmp } accept"));
    EXPECT_TRUE(has(chain(rules_for("blocked,ipv6"), "forward"), "ipv6-icmp } accept"));
}

TEST(NftRules, AHostsFirewallDropsWhatItHasNotAskedFor) {
    const auto input = chain(nft_host_firewall(), "input");
    EXPECT_TRUE(input.starts_with("type filter hook input priority filter; policy drop;\n"));
    EXPECT_TRUE(has(input, "ct state established,related accept\n"));
}

TEST(NftRules, AnOpenMappingLetsEverybodyIn) {
    const auto rules = rules_for("eim/eif");
    EXPECT_TRUE(has(chain(rules, "prerouting"), "dnat ip to meta l4proto . th dport map @cone"));
    EXPECT_TRUE(has(chain(rules, "forward"), "iifname \"wan0\" ct status dnat accept\n"));
    EXPECT_FALSE(has(rules, "@contacted"));
}

TEST(NftRules, AddressFilteringLetsOnlyContactedAddressesIn) {
    const auto forward = chain(rules_for("eim/adf"), "forward");
    EXPECT_TRUE(has(forward, "@contacted accept\n"));
    EXPECT_FALSE(has(forward, "ct status dnat accept"));
    // Remembered before conntrack lets the rest of a flow through: each packet out refreshes.
    EXPECT_LT(forward.find("update @contacted"), forward.find("ct state established"));
}

TEST(NftRules, BlockedDropsUdpBeforeAnythingElse) {
    const auto forward = chain(rules_for("blocked"), "forward");
    EXPECT_LT(forward.find("meta l4proto udp drop"), forward.find("accept\n"));
    EXPECT_TRUE(has(forward, "meta l4proto { tcp, icmp } accept"));
}

TEST(NftRules, OnlyWhatIsNamedGoesOut) {
    const auto forward = chain(rules_for("apdm/apdf,out=tcp:80+443,out=udp:53"), "forward");
    EXPECT_TRUE(has(forward, "iifname \"lan0\" oifname \"wan0\" tcp dport { 80, 443 } accept\n"
                             "iifname \"lan0\" oifname \"wan0\" udp dport { 53 } accept\n"));
    EXPECT_FALSE(has(forward, "oifname \"wan0\" accept"));
}

TEST(NftRules, PortMappingHasChainsOfItsOwn) {
    const auto rules = rules_for("home");
    EXPECT_TRUE(has(chain(rules, "prerouting"), "jump upnp_prerouting"));
    EXPECT_TRUE(has(chain(rules, "postrouting"), "jump upnp_postrouting"));
    EXPECT_TRUE(has(chain(rules, "forward"), "iifname \"wan0\" jump upnp_forward"));
    for (const auto* name : {"upnp_prerouting", "upnp_postrouting", "upnp_forward"}) {
        EXPECT_TRUE(has(rules, "chain " + std::string(name) + " {\n    }\n")) << name;
    }
    EXPECT_FALSE(has(rules_for("eim/apdf"), "upnp"));
}

TEST(NftRules, TheLabsOwnGatewayFillsTables) {
    const auto rules = rules_for("home,server=own");
    EXPECT_EQ(chain(rules, "upnp_prerouting"),
              "meta l4proto { tcp, udp } dnat ip to meta l4proto . th dport map @mapped_in\n");
    EXPECT_EQ(chain(rules, "upnp_postrouting"),
              "meta l4proto { tcp, udp } masquerade to "
              ":meta l4proto . ip saddr . th sport map @mapped_out\n");
    EXPECT_EQ(chain(rules, "upnp_forward"),
              "meta l4proto { tcp, udp } meta l4proto . ip daddr . th dport @mapped_hosts accept\n"
              "meta l4proto { tcp, udp } meta l4proto . ip daddr . th dport . ip saddr . th sport "
              "@mapped_from accept\n");
    EXPECT_FALSE(has(rules_for("home"), "@mapped"));
    EXPECT_FALSE(has(rules_for("eim/eif,pcp,server=own"), "version")); // it answers itself
}

TEST(NftRules, MiniupnpdsOwnRulesComeBeforeTheRoutersMapping) {
    const auto postrouting = chain(rules_for("home"), "postrouting");
    EXPECT_LT(postrouting.find("jump"), postrouting.find("masquerade"));
}

TEST(NftRules, OneVersionOfTwoIsSentElsewhere) {
    EXPECT_TRUE(has(chain(rules_for("eim/apdf,natpmp"), "version_request"),
                    "iifname \"lan0\" udp dport 5351 @th,64,8 != 0 udp dport set 5352 notrack\n"));
    EXPECT_TRUE(has(chain(rules_for("eim/apdf,pcp"), "version_request"), "@th,64,8 != 2 "));
    EXPECT_TRUE(has(chain(rules_for("eim/apdf,pcp"), "version_answer"),
                    "udp sport 5352 udp sport set 5351 notrack\n"));
    for (const auto* spec : {"home", "eim/apdf", "eim/apdf,igd"}) {
        EXPECT_FALSE(has(rules_for(spec), "version")) << spec;
    }
}

TEST(NftRules, ClosedPortsAreSilentWhenAskedTo) {
    EXPECT_FALSE(has(chain(rules_for("home"), "input"), "lan0"));
    const auto bare = chain(rules_for("eim/apdf,closed=drop"), "input");
    EXPECT_TRUE(bare.ends_with("iifname \"lan0\" drop\n"));
    EXPECT_FALSE(has(bare, "dport"));
    const auto igd = chain(rules_for("eim/apdf,igd,closed=drop"), "input");
    EXPECT_TRUE(has(igd, "udp dport 1900 accept") && has(igd, "tcp dport 5000 accept"));
    EXPECT_FALSE(has(igd, "5351"));
    EXPECT_TRUE(has(chain(rules_for("eim/apdf,pcp,closed=drop"), "input"),
                    "udp dport { 5351, 5352 } accept"));
}

} // namespace
} // namespace natterjack::lab
