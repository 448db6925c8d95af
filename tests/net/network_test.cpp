// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include <net/if.h>

#include <gtest/gtest.h>

#include "net/network.hpp"
#include "net/network_watch.hpp"
#include "tests/support/loop_runner.hpp"
#include "tests/support/netns.hpp"

namespace natterjack::net {
namespace {

using test::ip;
using test::kGateway;
using test::kHost;
using test::Link;

IpAddress address(const char* text) {
    const auto parsed = IpAddress::parse(text);
    EXPECT_TRUE(parsed) << text;
    return parsed.value_or(IpAddress());
}

Network read() {
    auto network = read_network();
    EXPECT_TRUE(network) << (network ? "" : network.error().message);
    return network.value_or(Network{});
}

/// "gateway%link from source /prefix metric table", to compare at a glance.
std::string to_text(const DefaultRoute& route) {
    std::array<char, IF_NAMESIZE> name{};
    if_indextoname(route.interface, name.data());
    return (route.gateway.is_unspecified() ? "-" : route.gateway.to_string()) + " on " +
           name.data() + " from " + route.source.to_string() + " /" +
           std::to_string(route.prefix_length) + " metric " + std::to_string(route.metric) +
           " table " + std::to_string(route.table);
}

std::vector<std::string> default_routes() {
    std::vector<std::string> out;
    for (const auto& route : read().default_routes) out.push_back(to_text(route));
    return out;
}

const std::string kHome = "192.168.77.1 on lan0 from 192.168.77.2 /0 metric 0 table 254";

/// A route for the length of a test.
class TestRoute {
public:
    explicit TestRoute(std::string route) : route_(std::move(route)) { ip("route add " + route_); }
    ~TestRoute() { ip("route del " + route_); }
    TestRoute(const TestRoute&) = delete;
    TestRoute& operator=(const TestRoute&) = delete;

private:
    std::string route_;
};

TEST(ReadNetwork, KnowsLinksAndAddresses) {
    const auto network = read();
    const auto* lan0 = network.find("lan0");
    ASSERT_NE(lan0, nullptr);
    EXPECT_EQ(lan0->index, if_nametoindex("lan0"));
    EXPECT_EQ(network.find(lan0->index), lan0);
    EXPECT_TRUE(lan0->up);
    EXPECT_TRUE(lan0->multicast);
    EXPECT_FALSE(lan0->loopback);
    EXPECT_FALSE(lan0->point_to_point);
    EXPECT_EQ(network.owner_of(kHost), lan0);
    EXPECT_EQ(network.owner_of(test::host_v6()), lan0);
    EXPECT_EQ(network.owner_of(kGateway), nullptr);
    const auto link_local =
        std::find_if(lan0->addresses.begin(), lan0->addresses.end(), [](const auto& one) {
            return !one.address.is_v4() && one.address.is_link_local();
        });
    ASSERT_NE(link_local, lan0->addresses.end());
    EXPECT_EQ(link_local->address.scope_id(), lan0->index);
    EXPECT_EQ(link_local->prefix_length, 64U);
    const auto* lo = network.find("lo");
    ASSERT_NE(lo, nullptr);
    EXPECT_TRUE(lo->loopback);
    EXPECT_EQ(network.find("nonesuch"), nullptr);
}

TEST(ReadNetwork, FindsTheLinkOfANeighbour) {
    const auto network = read();
    const auto near = network.on_link(kGateway);
    EXPECT_EQ(near.interface, network.find("lan0"));
    EXPECT_EQ(near.source, kHost);
    EXPECT_EQ(network.on_link(test::gateway_v6()).source, test::host_v6());
    EXPECT_EQ(network.on_link(address("192.0.2.1")).interface, nullptr);
}

TEST(ReadNetwork, TellsADownLink) {
    const Link other("lan1", "gw1");
    ip("link set lan1 down");
    const auto network = read();
    ASSERT_NE(network.find("lan1"), nullptr);
    EXPECT_FALSE(network.find("lan1")->up);
}

TEST(ReadNetwork, TellsWhichAddressesAreNotForUse) {
    ip("address add 2001:db8::5/64 dev lan0 nodad preferred_lft 0");
    const auto network = read();
    const auto& addresses = network.find("lan0")->addresses;
    const auto old = std::find_if(addresses.begin(), addresses.end(), [](const auto& one) {
        return one.address == address("2001:db8::5");
    });
    ASSERT_NE(old, addresses.end());
    EXPECT_TRUE(old->deprecated);
    EXPECT_FALSE(old->tentative);
    ip("address del 2001:db8::5/64 dev lan0");
}

TEST(DefaultRoutes, HoldTheGateway) {
    EXPECT_EQ(default_routes(), std::vector<std::string>{kHome});
}

TEST(DefaultRoutes, AreOrderedByMetric) {
    const Link other("lan1", "gw1");
    ip("address add 192.168.78.2/24 dev lan1");
    const TestRoute last("default via 192.168.78.254 metric 900");
    const TestRoute second("default via 192.168.78.1 metric 600");
    EXPECT_EQ(default_routes(),
              (std::vector<std::string>{
                  kHome, "192.168.78.1 on lan1 from 192.168.78.2 /0 metric 600 table 254",
                  "192.168.78.254 on lan1 from 192.168.78.2 /0 metric 900 "
                  "table 254"}));
}

TEST(DefaultRoutes, HoldTheHalvesOfAVpnOnceAndLast) {
    const Link tunnel("tun0", "server0");
    ip("address add 10.8.0.2/24 dev tun0");
    const TestRoute low("0.0.0.0/1 via 10.8.0.1");
    const TestRoute high("128.0.0.0/1 via 10.8.0.1");
    EXPECT_EQ(
        default_routes(),
        (std::vector<std::string>{kHome, "10.8.0.1 on tun0 from 10.8.0.2 /1 metric 0 table 254"}));
}

TEST(DefaultRoutes, MayHaveNoGateway) {
    const Link tunnel("ppp0", "server0");
    ip("address add 10.9.0.2/32 dev ppp0");
    const TestRoute route("default dev ppp0 metric 50");
    EXPECT_EQ(default_routes(),
              (std::vector<std::string>{kHome, "- on ppp0 from 10.9.0.2 /0 metric 50 table 254"}));
}

TEST(DefaultRoutes, PreferTheRoutesOwnSource) {
    const test::HostAddress extra("192.168.77.9/24");
    const TestRoute route("default via 192.168.77.1 src 192.168.77.9 metric 7");
    EXPECT_EQ(default_routes(),
              (std::vector<std::string>{
                  kHome, "192.168.77.1 on lan0 from 192.168.77.9 /0 metric 7 table 254"}));
}

TEST(DefaultRoutes, ChooseTheSourceInTheGatewaysNetwork) {
    const test::HostAddress extra("10.77.0.2/16");
    const TestRoute route("default via 10.77.0.1 metric 7");
    EXPECT_EQ(default_routes(),
              (std::vector<std::string>{kHome,
                                        "10.77.0.1 on lan0 from 10.77.0.2 /0 metric 7 table 254"}));
}

TEST(DefaultRoutes, HoldEachHopOfAMultipathRoute) {
    const TestRoute route(
        "default metric 5 nexthop via 192.168.77.1 weight 1 nexthop via 192.168.77.3 weight 2");
    EXPECT_EQ(default_routes(),
              (std::vector<std::string>{
                  kHome, "192.168.77.3 on lan0 from 192.168.77.2 /0 metric 5 table 254"}));
}

TEST(DefaultRoutes, LeaveOutWhatLeadsNowhere) {
    const TestRoute blackhole("blackhole default metric 1");
    const TestRoute unreachable("unreachable default metric 2");
    const TestRoute prohibit("prohibit default metric 3");
    EXPECT_EQ(default_routes(), std::vector<std::string>{kHome});
}

TEST(DefaultRoutes, HoldThoseOfPolicyTables) {
    const Link tunnel("wg0", "server0");
    ip("address add 10.10.0.2/32 dev wg0");
    const TestRoute route("default dev wg0 table 51820");
    const TestRoute copy("default via 192.168.77.1 table 100"); // the same next hop again
    EXPECT_EQ(default_routes(),
              (std::vector<std::string>{kHome, "- on wg0 from 10.10.0.2 /0 metric 0 table 51820"}));
}

TEST(DefaultRoutes, SpeakIpv6WithALinkLocalGateway) {
    const test::HostAddress global("2001:db8:77::2/64");
    const TestRoute route("default via fe80::1 dev lan0");
    const auto zone = std::to_string(if_nametoindex("lan0"));
    const auto routes = read().default_routes;
    ASSERT_EQ(routes.size(), 2U);
    EXPECT_EQ(routes[1].gateway.to_string(), "fe80::1%" + zone);
    EXPECT_FALSE(routes[1].source.is_v4());
    EXPECT_FALSE(routes[1].source.is_link_local());
}

TEST(DefaultRoutes, PreferAPublicIpv6Source) {
    const test::HostAddress global("2a00:77::2/64");
    const TestRoute route("default via fd77::1 metric 10");
    const TestRoute link_local("default via fe80::1 dev lan0 metric 20");
    const auto zone = std::to_string(if_nametoindex("lan0"));
    EXPECT_EQ(default_routes(),
              (std::vector<std::string>{
                  kHome, "fd77::1 on lan0 from fd77::2 /0 metric 10 table 254",
                  "fe80::1%" + zone + " on lan0 from 2a00:77::2 /0 metric 20 table 254"}));
}

TEST(DefaultRoutes, HoldIpv6HalvesOnce) {
    const TestRoute low("::/1 via fd77::1");
    const TestRoute high("8000::/1 via fd77::1");
    EXPECT_EQ(
        default_routes(),
        (std::vector<std::string>{kHome, "fd77::1 on lan0 from fd77::2 /1 metric 1024 table 254"}));
}

TEST(DefaultRoutes, MayLeadOverIpv6ForIpv4) {
    const TestRoute route("default via inet6 fd77::1 dev lan0 metric 9");
    EXPECT_EQ(default_routes(), (std::vector<std::string>{
                                    kHome, "fd77::1 on lan0 from fd77::2 /0 metric 9 table 254"}));
}

TEST(DefaultRoutes, LeaveOutALinkWithoutCarrier) {
    const Link other("lan1", "gw1");
    ip("address add 192.168.78.2/24 dev lan1");
    const TestRoute route("default via 192.168.78.1 metric 600");
    {
        const test::InRouter in_router;
        ip("link set gw1 down");
    }
    EXPECT_EQ(default_routes(), std::vector<std::string>{kHome});
}

TEST(DefaultRoutes, AreFoundInALargeTable) {
    // Many times the 32 KiB that the kernel puts into one datagram, with the default route's
    // competitor on the far side.
    test::ip_batch([] {
        std::string commands;
        for (int i = 0; i < 3000; ++i) {
            commands += "route add 10." + std::to_string(i / 250) + "." + std::to_string(i % 250) +
                        ".0/24 via 192.168.77.1\n";
        }
        return commands;
    }());
    EXPECT_EQ(default_routes(), std::vector<std::string>{kHome});
    ip("route flush via 192.168.77.1 root 10.0.0.0/8");
    EXPECT_EQ(default_routes(), std::vector<std::string>{kHome});
}

TEST(RouteTo, NamesSourceGatewayAndLink) {
    const auto route = route_to(address("192.0.2.1"));
    ASSERT_TRUE(route) << route.error().message;
    EXPECT_EQ(route->source, kHost);
    EXPECT_EQ(route->gateway, kGateway);
    EXPECT_EQ(route->interface, if_nametoindex("lan0"));
}

TEST(RouteTo, SaysWhatIsOnTheLink) {
    const auto route = route_to(kGateway);
    ASSERT_TRUE(route) << route.error().message;
    EXPECT_EQ(route->source, kHost);
    EXPECT_TRUE(route->gateway.is_unspecified());
}

TEST(RouteTo, FollowsTheHalvesOfAVpn) {
    const Link tunnel("tun0", "server0");
    ip("address add 10.8.0.2/24 dev tun0");
    const TestRoute low("0.0.0.0/1 via 10.8.0.1");
    const auto route = route_to(address("9.9.9.9"));
    ASSERT_TRUE(route) << route.error().message;
    EXPECT_EQ(route->gateway, address("10.8.0.1"));
    EXPECT_EQ(route->source, address("10.8.0.2"));
}

TEST(RouteTo, SpeaksIpv6) {
    const auto near = route_to(test::gateway_v6());
    ASSERT_TRUE(near) << near.error().message;
    EXPECT_EQ(near->source, test::host_v6());
    EXPECT_TRUE(near->gateway.is_unspecified());
    EXPECT_FALSE(near->gateway.is_v4());
    const auto lan0 = if_nametoindex("lan0");
    const auto link_local = route_to(IpAddress::v6(address("fe80::1").mapped_bytes(), lan0));
    ASSERT_TRUE(link_local) << link_local.error().message;
    EXPECT_EQ(link_local->interface, lan0);
    EXPECT_EQ(link_local->source, IpAddress::v6(address("fe80::2").mapped_bytes(), lan0));
}

TEST(RouteTo, SaysWhenThereIsNone) {
    for (const char* text : {"2001:db8::1", "240.0.0.1"}) {
        const TestRoute unreachable("unreachable 240.0.0.0/8");
        const auto route = route_to(address(text));
        ASSERT_FALSE(route) << text;
        EXPECT_EQ(route.error().code, Errc::NoNetwork);
        EXPECT_NE(route.error().message.find(text), std::string::npos);
    }
}

std::ptrdiff_t open_files() {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

TEST(NetworkWatch, TellsEverybodyOnALoopByOneSocket) {
    test::LoopRunner runner;
    std::array<int, 3> told{};
    std::array<std::unique_ptr<NetworkWatch>, 3> watches;
    const auto before = open_files();
    for (std::size_t i = 0; i < watches.size(); ++i) {
        auto watch = NetworkWatch::open(runner.loop(), Duration(1), [&, i] {
            ++told[i];
            if (i == 1) watches[0].reset(), watches[1].reset();
        });
        ASSERT_TRUE(watch) << watch.error().message;
        watches[i] = *std::move(watch);
    }
    EXPECT_EQ(open_files() - before, 1);
    {
        const test::HostAddress first("192.168.77.9/24");
        ASSERT_TRUE(runner.run_until([&] { return told[1] == 1 && told[2] == 1; }));
        told = {};
        const test::HostAddress second("192.168.77.10/24");
        ASSERT_TRUE(runner.run_until([&] { return told[2] == 1; }));
    }
    EXPECT_EQ(told[0] + told[1], 0) << "those that are gone";
    watches[2].reset();
    EXPECT_EQ(open_files(), before);
}

} // namespace
} // namespace natterjack::net
