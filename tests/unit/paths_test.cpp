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
