// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "traversal/paths.hpp"

namespace natterjack {
namespace {

IpAddress ip(const char* text) {
    return IpAddress::parse(text).value_or({});
}

/// A laptop on a cable and on Wi-Fi, with a VPN that covers the default route by halves.
net::Network laptop() {
    net::Network out;
    out.interfaces = {
        {.index = 1,
         .name = "lo",
         .up = true,
         .loopback = true,
         .addresses = {{.address = ip("127.0.0.1"), .prefix_length = 8}}},
        {.index = 2,
         .name = "eth0",
         .up = true,
         .multicast = true,
         .addresses = {{.address = ip("10.77.0.5"), .prefix_length = 24}}},
        {.index = 3,
         .name = "wlan0",
         .up = true,
         .multicast = true,
         .addresses = {{.address = ip("192.168.5.5"), .prefix_length = 24},
                       {.address = ip("192.168.5.6"), .prefix_length = 24}}},
        {.index = 4,
         .name = "tun0",
         .up = true,
         .point_to_point = true,
         .addresses = {{.address = ip("10.99.0.2"), .prefix_length = 24}}},
    };
    out.default_routes = {
        {.gateway = ip("10.77.0.1"), .interface = 2, .source = ip("10.77.0.5"), .metric = 100},
        {.gateway = ip("192.168.5.1"), .interface = 3, .source = ip("192.168.5.5"), .metric = 600},
        {.gateway = ip("10.99.0.1"), .interface = 4, .source = ip("10.99.0.2"), .prefix_length = 1},
    };
    return out;
}

TEST(ChoosePaths, TakesEveryDefaultGatewayInTheKernelsOrder) {
    const auto paths = choose_paths(laptop(), {});
    ASSERT_TRUE(paths) << paths.error().message;
    ASSERT_EQ(paths->size(), 3U);
    EXPECT_EQ((*paths)[0].gateway, ip("10.77.0.1"));
    EXPECT_EQ((*paths)[0].source, ip("10.77.0.5"));
    EXPECT_EQ((*paths)[0].interface_name, "eth0");
    EXPECT_EQ((*paths)[0].prefix_length, 24U);
    EXPECT_TRUE((*paths)[0].multicast);
    EXPECT_EQ((*paths)[1].gateway, ip("192.168.5.1"));
    EXPECT_EQ((*paths)[2].gateway, ip("10.99.0.1"));
    EXPECT_FALSE((*paths)[2].multicast);
}

TEST(ChoosePaths, FollowsTheCallersChoice) {
    const auto by_interface = choose_paths(laptop(), {.interface = "wlan0"});
    ASSERT_TRUE(by_interface);
    ASSERT_EQ(by_interface->size(), 1U);
    EXPECT_EQ((*by_interface)[0].gateway, ip("192.168.5.1"));

    const auto by_source = choose_paths(laptop(), {.source = ip("192.168.5.6")});
    ASSERT_TRUE(by_source);
    ASSERT_EQ(by_source->size(), 1U);
    EXPECT_EQ((*by_source)[0].source, ip("192.168.5.6"));

    const auto by_gateway = choose_paths(laptop(), {.gateway = ip("10.99.0.77")});
    ASSERT_TRUE(by_gateway);
    ASSERT_EQ(by_gateway->size(), 1U);
    EXPECT_EQ((*by_gateway)[0].interface_name, "tun0");
    EXPECT_EQ((*by_gateway)[0].source, ip("10.99.0.2"));
    EXPECT_EQ((*by_gateway)[0].prefix_length, 32U); // nobody else of that network serves
}

TEST(ChoosePaths, NamesWhatIsWrongWithTheChoice) {
    EXPECT_EQ(choose_paths(laptop(), {.interface = "eth7"}).error().code, Errc::InvalidArgument);
    EXPECT_EQ(choose_paths(laptop(), {.source = ip("1.2.3.4")}).error().code,
              Errc::InvalidArgument);
    EXPECT_EQ(choose_paths(laptop(), {.gateway = ip("224.0.0.1")}).error().code,
              Errc::InvalidArgument);
    EXPECT_EQ(choose_paths(laptop(), {.interface = "lo"}).error().code, Errc::NoNetwork);
    EXPECT_EQ(choose_paths({}, {}).error().code, Errc::NoNetwork);
}

TEST(ChoosePaths, PassesOverIpv6AndDeviceOnlyRoutesAndAsksAFewAtMost) {
    auto network = laptop();
    network.default_routes = {{.gateway = ip("fe80::1%2"), .interface = 2},
                              {.gateway = IpAddress(), .interface = 4}};
    EXPECT_EQ(choose_paths(network, {}).error().code, Errc::NoNetwork);
    for (std::uint32_t i = 1; i < 20; ++i) {
        network.default_routes.push_back(
            {.gateway = IpAddress::v4(0x0A4D0000 + i), .interface = 2});
    }
    const auto paths = choose_paths(network, {});
    ASSERT_TRUE(paths);
    EXPECT_EQ(paths->size(), kMaxPaths);
    EXPECT_EQ((*paths)[0].source, ip("10.77.0.5")); // the route named none
}

/// A host on one link with a router, and these addresses.
net::Network host_by_ipv6(std::vector<net::InterfaceAddress> addresses) {
    net::Network out;
    out.interfaces = {{.index = 2, .name = "eth0", .up = true, .addresses = std::move(addresses)}};
    out.default_routes = {{.gateway = ip("fe80::1%2"), .interface = 2}};
    return out;
}

TEST(ChooseIpv6Paths, TakesStableAddressesFirstAndTemporaryOnesLast) {
    const auto paths = choose_ipv6_paths(
        host_by_ipv6({{.address = ip("2a00:113::7"), .prefix_length = 64, .temporary = true},
                      {.address = ip("2a00:113::5"), .prefix_length = 64},
                      {.address = ip("fd77::2"), .prefix_length = 64},
                      {.address = ip("fe80::2%2"), .prefix_length = 64}}),
        {});
    ASSERT_TRUE(paths) << paths.error().message;
    ASSERT_EQ(paths->size(), 2U);
    EXPECT_EQ((*paths)[0].source, ip("2a00:113::5"));
    EXPECT_EQ((*paths)[0].gateway, ip("fe80::1%2"));
    EXPECT_EQ((*paths)[0].prefix_length, 64U);
    EXPECT_EQ((*paths)[1].source, ip("2a00:113::7"));
}

TEST(ChooseIpv6Paths, LeavesOutDeprecatedAndTentativeAddresses) {
    std::vector<net::InterfaceAddress> addresses = {
        {.address = ip("2a00:113::5"), .prefix_length = 64, .deprecated = true},
        {.address = ip("2a00:113::6"), .prefix_length = 64, .tentative = true},
        {.address = ip("2a00:113::7"), .prefix_length = 64, .temporary = true, .deprecated = true}};
    EXPECT_EQ(choose_ipv6_paths(host_by_ipv6(addresses), {}).error().code, Errc::NoNetwork);
    addresses.push_back({.address = ip("2a00:113::8"), .prefix_length = 64});
    const auto paths = choose_ipv6_paths(host_by_ipv6(addresses), {});
    ASSERT_TRUE(paths) << paths.error().message;
    ASSERT_EQ(paths->size(), 1U);
    EXPECT_EQ((*paths)[0].source, ip("2a00:113::8"));
}

TEST(ChooseIpv6Paths, AreLimitedAndKeepAStableAddressBeforeTemporaryOnes) {
    std::vector<net::InterfaceAddress> addresses;
    for (std::size_t i = 0; i < kMaxIpv6Sources; ++i) {
        addresses.push_back({.address = ip(("2a00:113::1:" + std::to_string(i)).c_str()),
                             .prefix_length = 64,
                             .temporary = true});
    }
    const auto all = choose_ipv6_paths(host_by_ipv6(addresses), {});
    ASSERT_TRUE(all) << all.error().message;
    EXPECT_EQ(all->size(), kMaxIpv6Sources);
    addresses.push_back({.address = ip("2a00:113::5"), .prefix_length = 64});
    const auto paths = choose_ipv6_paths(host_by_ipv6(addresses), {});
    ASSERT_TRUE(paths) << paths.error().message;
    EXPECT_EQ(paths->size(), kMaxIpv6Sources);
    EXPECT_EQ((*paths)[0].source, ip("2a00:113::5"));
}

TEST(PublicAddresses, FindsThoseOfTheHostItself) {
    auto network = laptop();
    EXPECT_TRUE(public_addresses(network, {}).empty());
    network.interfaces[1].addresses.push_back({.address = ip("25.0.113.9"), .prefix_length = 24});
    const auto found = public_addresses(network, {});
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].source, ip("25.0.113.9"));
    EXPECT_TRUE(found[0].gateway.is_unspecified());
    EXPECT_TRUE(public_addresses(network, {.interface = "wlan0"}).empty());
}

} // namespace
} // namespace natterjack
