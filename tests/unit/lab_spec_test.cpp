// SPDX-License-Identifier: MIT
#include <array>

#include <gtest/gtest.h>

#include "nat-lab/spec.hpp"

namespace natterjack::lab {
namespace {

using namespace std::chrono_literals;

RouterSpec router_of(std::string_view text) {
    const auto site = parse_spec(text);
    EXPECT_TRUE(site) << text << ": " << (site ? "" : site.error().message);
    if (!site || site->routers.size() != 1) return {};
    return site->routers.front();
}

std::string refusal(std::string_view text) {
    const auto site = parse_spec(text);
    if (site) return "accepted";
    EXPECT_EQ(site.error().code, Errc::InvalidArgument);
    return site.error().message;
}

TEST(LabSpec, ReadsEachCell) {
    const std::array mappings{std::pair{"eim", Mapping::EndpointIndependent},
                              std::pair{"adm", Mapping::AddressDependent},
                              std::pair{"apdm", Mapping::AddressAndPortDependent}};
    const std::array filterings{std::pair{"eif", Filtering::EndpointIndependent},
                                std::pair{"adf", Filtering::AddressDependent},
                                std::pair{"apdf", Filtering::AddressAndPortDependent}};
    for (const auto& [mapping_word, mapping] : mappings) {
        for (const auto& [filtering_word, filtering] : filterings) {
            const auto router = router_of(std::string(mapping_word) + "/" + filtering_word);
            EXPECT_EQ(router.mapping, mapping);
            EXPECT_EQ(router.filtering, filtering);
            EXPECT_FALSE(router.port_mapping.any());
            EXPECT_FALSE(router.udp_blocked);
            EXPECT_FALSE(router.uplink.relayed);
        }
    }
}

TEST(LabSpec, PortsArePreservedWhereOneServesAllDestinations) {
    EXPECT_EQ(router_of("eim/eif").ports, Ports::Preserve);
    EXPECT_EQ(router_of("adm/eif").ports, Ports::Random);
    EXPECT_EQ(router_of("apdm/eif").ports, Ports::Random);
    EXPECT_EQ(router_of("eim/eif,ports=random").ports, Ports::Random);
    EXPECT_EQ(router_of("apdm/eif,ports=sequential").ports, Ports::Sequential);
    EXPECT_EQ(refusal("adm/eif,ports=preserve"),
              "'ports=preserve' gives one port for all destinations, which is 'eim'");
}

TEST(LabSpec, ReadsABlockOfPorts) {
    EXPECT_EQ(router_of("eim/eif,block=1024-2047").block, (PortBlock{1024, 2047}));
    EXPECT_EQ(router_of("eim/eif,block=1-65535").block, (PortBlock{1, 65535}));
    EXPECT_EQ(router_of("eim/eif,ports=sequential,block=5-4100").block, (PortBlock{5, 4100}));
}

TEST(LabSpec, ReadsHairpinAndTimeouts) {
    EXPECT_EQ(router_of("eim/eif").hairpin, Hairpin::Off);
    EXPECT_EQ(router_of("eim/eif,hairpin=internal").hairpin, Hairpin::Internal);
    EXPECT_EQ(router_of("eim/eif,hairpin=external").hairpin, Hairpin::External);
    EXPECT_EQ(router_of("eim/eif,timeout=30s").timeout, 30s);
    EXPECT_EQ(router_of("eim/eif,stream-timeout=86400s").stream_timeout, 24h);
}

TEST(LabSpec, AHostMayHaveAFirewall) {
    for (const auto* text : {"none,firewall", "home,firewall"}) {
        const auto site = parse_spec(text);
        ASSERT_TRUE(site) << text;
        EXPECT_TRUE(site->firewall) << text;
    }
    EXPECT_FALSE(parse_spec("none")->firewall);
}

TEST(LabSpec, NoneHasNoRouter) {
    const auto site = parse_spec("none");
    ASSERT_TRUE(site);
    EXPECT_TRUE(site->routers.empty());
}

TEST(LabSpec, BlockedIsARouterWithoutUdp) {
    EXPECT_TRUE(router_of("blocked").udp_blocked);
}

TEST(LabSpec, HomeStandsForARouterWithAllThreeProtocols) {
    EXPECT_EQ(router_of("home"), router_of("eim/apdf,igd,natpmp,pcp"));
    EXPECT_EQ(router_of("home,delay=1ms"), router_of("eim/apdf,igd,natpmp,pcp,delay=1ms"));
}

TEST(LabSpec, EveryPresetIsAValidSpec) {
    for (const auto& preset : presets()) {
        const auto named = parse_spec(preset.name);
        const auto spelled = parse_spec(preset.spec);
        ASSERT_TRUE(named && spelled) << preset.name;
        EXPECT_EQ(*named, *spelled) << preset.name;
    }
}

TEST(LabSpec, OptionsOfferProtocols) {
    EXPECT_EQ(router_of("eim/eif,igd").port_mapping, (PortMapping{true, false, false, false}));
    EXPECT_EQ(router_of("eim/eif,igd1").port_mapping, (PortMapping{true, true, false, false}));
    EXPECT_EQ(router_of("eim/eif,natpmp").port_mapping, (PortMapping{false, false, true, false}));
    EXPECT_EQ(router_of("eim/eif,pcp").port_mapping, (PortMapping{false, false, false, true}));
}

TEST(LabSpec, ClosedPortsRejectUnlessToldToDrop) {
    EXPECT_EQ(router_of("eim/eif").closed, ClosedPorts::Reject);
    EXPECT_EQ(router_of("eim/eif,closed=drop").closed, ClosedPorts::Drop);
    EXPECT_EQ(router_of("eim/eif,closed=drop,closed=reject").closed, ClosedPorts::Reject);
}

TEST(LabSpec, ImpairsTheUplink) {
    const auto uplink = router_of("eim/apdf,delay=40ms,jitter=1.5ms,loss=2%").uplink;
    EXPECT_EQ(uplink.delay, 40ms);
    EXPECT_EQ(uplink.jitter, 1500us);
    EXPECT_EQ(uplink.loss_ppm, 20'000U);
}

TEST(LabSpec, ImpairsTheLan) {
    const auto site = parse_spec("home,lan-delay=300us,lan-jitter=1ms,lan-loss=0.25%");
    ASSERT_TRUE(site);
    EXPECT_EQ(site->host_link, (Impairment{300us, 1ms, 2'500, true}));
    EXPECT_FALSE(site->routers.front().uplink.relayed);
}

TEST(LabSpec, WithoutRouterTheHostsOwnLinkIsTheUplink) {
    const auto site = parse_spec("none,delay=1s");
    ASSERT_TRUE(site);
    EXPECT_EQ(site->host_link.delay, 1s);
}

TEST(LabSpec, TheLastOfTwoEqualOptionsCounts) {
    EXPECT_EQ(router_of("eim/apdf,delay=40ms,delay=5ms").uplink.delay, 5ms);
}

TEST(LabSpec, ALinkThatIsToChangeLaterIsRelayedFromTheStart) {
    EXPECT_TRUE(router_of("eim/apdf,delay=0ms").uplink.relayed);
    EXPECT_FALSE(router_of("eim/apdf,lan-delay=0ms").uplink.relayed);
}

TEST(LabSpec, ChangesOnlyWhatItIsToldOfALink) {
    const Impairment present{40ms, 5ms, 20'000, true};
    const auto changed = parse_impairment(present, "loss=0%,delay=1s");
    ASSERT_TRUE(changed);
    EXPECT_EQ(*changed, (Impairment{1s, 5ms, 0, true}));
    for (const auto* words : {"", ",", "sideways", "delay", "delay=1", "igd", "lan-delay=1ms"}) {
        EXPECT_FALSE(parse_impairment(present, words)) << words;
    }
}

TEST(LabSpec, LimitsAreInclusive) {
    EXPECT_EQ(router_of("eim/apdf,delay=10s").uplink.delay, 10s);
    EXPECT_EQ(router_of("eim/apdf,loss=100%").uplink.loss_ppm, 1'000'000U);
    EXPECT_EQ(router_of("eim/apdf,loss=0%").uplink.loss_ppm, 0U);
}

TEST(LabSpec, NamesTheBadWordAndWhatMayStandThere) {
    EXPECT_EQ(refusal("cone"), "unknown NAT 'cone'; it is MAPPING/FILTERING (eim, adm or "
                               "apdm; eif, adf or apdf), or one of none, blocked, home, "
                               "full-cone, symmetric, hotel, corporate, cgn, double, vpn, "
                               "ipv6-only");
    EXPECT_EQ(refusal("home,upnp"),
              "unknown option 'upnp'; options are igd, igd1, natpmp, pcp, "
              "server=miniupnpd|own|liar, external=ADDRESS, table=N, lan=private|shared, "
              "ports=preserve|sequential|random, block=FIRST-LAST, hairpin=off|internal|external, "
              "timeout=TIME, stream-timeout=TIME, closed=reject|drop, "
              "out=tcp|udp:PORT+PORT, firewall, vpn, ipv6, no-ipv4, "
              "delay=TIME, "
              "jitter=TIME, loss=PERCENT%, lan-delay=TIME, lan-jitter=TIME, "
              "lan-loss=PERCENT%");
}

TEST(LabSpec, RefusesWhatItDoesNotKnow) {
    for (const auto* text : {
             "",
             ",",
             "eim",
             "eim/",
             "/apdf",
             "eim/apdf/eif",
             "EIM/APDF",
             " eim/apdf",
             "adm",
             "apdm/adm",
             "eif/eim",
             "eim/apdf,ports=",
             "eim/apdf,ports=odd",
             "eim/apdf,hairpin",
             "eim/apdf,block=",
             "eim/apdf,block=1024",
             "eim/apdf,block=0-10",
             "eim/apdf,block=20-10",
             "eim/apdf,block=1-65536",
             "eim/apdf,block=1-2-3",
             "eim/apdf,timeout=0s",
             "eim/apdf,timeout=1.5s",
             "eim/apdf,timeout=30",
             "eim/apdf,timeout=86401s",
             "eim/apdf,stream-timeout=5ms",
             "eim/apdf,firewall=on",
             "eim/apdf,ports=sequential,block=1-4097",
             "home,",
             "home,,igd",
             "home,delay",
             "home,delay=",
             "home,delay=4",
             "home,delay=ms",
             "home,delay=-1ms",
             "home,delay=1.ms",
             "home,delay=.5ms",
             "home,delay=1e3ms",
             "home,delay=1 ms",
             "home,delay=10.000001s",
             "home,delay=9999999us",
             "home,delay=11s",
             "home,delay=18446744073709551616ms",
             "home,loss=2",
             "home,loss=",
             "home,loss=%",
             "home,loss=101%",
             "home,loss=100.0001%",
             "home,closed=",
             "home,closed=maybe",
             "home,igd=yes",
             "home,lan-",
             "home,lan-igd",
             "home,home",
             "home>",
             ">home",
             "home>>home",
             "home>none",
             "none>home",
             "home>home,firewall",
             "home>home,ipv6",
             "home>home,vpn",
             "home,vpn,ipv6",
             "home,out=",
             "home,out=80",
             "home,out=sctp:80",
             "home,out=tcp:",
             "home,out=tcp:80+",
             "home,out=tcp:0",
             "blocked,out=tcp:80",
             "home,ipv6>home,no-ipv4",
             "home,no-ipv4",
             "home,ipv6=on",
             "home>home,lan-delay=1ms",
             "home>home>home>home>home",
             "home,server=mine",
             "home,lan=wide",
             "home,external=25.0.0.1",
             "home,table=1",
             "home,server=own,table=0",
             "home,server=own,table=x",
             "home,server=own,table=65536",
             "home,server=own,external=25.0.0",
             "home,server=own,external=25.0.0.256",
             "home,server=own,external=25.0.0.1.",
             "home,server=own,external=::1",
         }) {
        EXPECT_NE(refusal(text), "accepted") << text;
    }
}

TEST(LabSpec, ASiteHasTheFamiliesThatItsSpecSays) {
    const auto plain = parse_spec("home");
    ASSERT_TRUE(plain);
    EXPECT_TRUE(plain->ipv4);
    EXPECT_FALSE(plain->ipv6);
    const auto both = parse_spec("home,ipv6>cgn");
    ASSERT_TRUE(both);
    EXPECT_TRUE(both->ipv4 && both->ipv6);
    EXPECT_TRUE(both->routers[0].ipv6 && both->routers[1].ipv6);
    const auto only = parse_spec("eim/apdf,no-ipv4,ipv6");
    ASSERT_TRUE(only);
    EXPECT_TRUE(!only->ipv4 && only->ipv6);
}

TEST(LabSpec, ReadsWhatGoesOut) {
    const auto router = router_of("eim/apdf,out=tcp:80+443,out=udp:53");
    EXPECT_EQ(router.egress, (std::vector<Egress>{{true, {80, 443}}, {false, {53}}}));
    EXPECT_TRUE(router_of("home").egress.empty());
}

TEST(LabSpec, AHostMayHaveAVpn) {
    for (const auto* text : {"home,vpn", "none,vpn", "vpn"}) {
        const auto site = parse_spec(text);
        ASSERT_TRUE(site) << text;
        EXPECT_TRUE(site->vpn) << text;
    }
}

TEST(LabSpec, OptionsOfAPresetOfSeveralRouters) {
    const auto site = parse_spec("double,delay=3ms,closed=drop");
    ASSERT_TRUE(site);
    ASSERT_EQ(site->routers.size(), 2U);
    EXPECT_EQ(site->routers[0].closed, ClosedPorts::Drop);
    EXPECT_FALSE(site->routers[0].uplink.relayed);
    EXPECT_EQ(site->routers[1].uplink.delay, 3ms);
    EXPECT_EQ(site->routers[0].port_mapping.server, Server::Own);
}

TEST(LabSpec, RoutersStandBehindEachOther) {
    const auto site = parse_spec("home,delay=5ms,lan-delay=1ms,firewall>cgn,pcp,delay=9ms");
    ASSERT_TRUE(site);
    ASSERT_EQ(site->routers.size(), 2U);
    EXPECT_EQ(site->host_link.delay, 1ms);
    EXPECT_TRUE(site->firewall);
    EXPECT_EQ(site->routers[0].uplink.delay, 5ms);
    EXPECT_EQ(site->routers[1].uplink.delay, 9ms);
    EXPECT_FALSE(site->routers[0].shared_lan);
    EXPECT_TRUE(site->routers[1].shared_lan);
    EXPECT_TRUE(site->routers[0].port_mapping.igd);
    EXPECT_FALSE(site->routers[1].port_mapping.igd);
    EXPECT_TRUE(site->routers[1].port_mapping.pcp);
}

TEST(LabSpec, TheRouterBehindAnotherHasTheServerThatMapsThere) {
    const auto server = [](const char* text, std::size_t depth) {
        const auto site = parse_spec(text);
        return site ? site->routers.at(depth).port_mapping.server : Server::Unsaid;
    };
    EXPECT_EQ(server("home", 0), Server::Miniupnpd);
    EXPECT_EQ(server("home>home", 0), Server::Own);
    EXPECT_EQ(server("home>home", 1), Server::Miniupnpd);
    EXPECT_EQ(server("home,server=miniupnpd>home", 0), Server::Miniupnpd);
    EXPECT_EQ(server("home,server=liar", 0), Server::Liar);
    EXPECT_EQ(router_of("home,server=own,table=1").port_mapping.table, 1);
    EXPECT_EQ(router_of("home,server=own,external=25.0.9.9").port_mapping.external, "25.0.9.9");
}

TEST(LabSpec, WithoutRouterNothingMapsPorts) {
    for (const auto* option : {"igd", "igd1", "natpmp", "pcp", "closed=drop"}) {
        EXPECT_EQ(refusal("none," + std::string(option)),
                  "'" + std::string(option) + "' needs a router, and with 'none' there is none");
    }
    EXPECT_NE(refusal("none,lan-delay=1ms"), "accepted");
}

TEST(LabSpec, BlockedOpensNoPorts) {
    EXPECT_EQ(refusal("blocked,igd"),
              "'blocked' lets nothing in: igd, natpmp and pcp cannot stand beside it");
}

} // namespace
} // namespace natterjack::lab
