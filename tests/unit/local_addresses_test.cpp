// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "peer/local_addresses.hpp"

namespace natterjack::peer {
namespace {

IpAddress ip(const std::string& text) {
    return IpAddress::parse(text).value_or({});
}

/// A laptop whose default route is by Wi-Fi, with a cable, containers and IPv6.
net::Network laptop() {
    net::Network out;
    out.interfaces = {
        {.index = 1, .name = "lo", .up = true, .loopback = true, .addresses = {{ip("127.0.0.1")}}},
        {.index = 2, .name = "eth0", .up = true, .addresses = {{ip("10.77.0.5")}}},
        {.index = 3,
         .name = "wlan0",
         .up = true,
         .addresses = {{ip("192.168.5.5")},
                       {ip("fe80::5")},
                       {.address = ip("2001:db8::1"), .deprecated = true},
                       {.address = ip("2001:db8::2"), .tentative = true},
                       {ip("2001:db8::3")}}},
        {.index = 4, .name = "docker0", .up = true, .addresses = {{ip("172.17.0.1")}}},
        {.index = 5, .name = "eth1", .up = false, .addresses = {{ip("10.88.0.5")}}},
    };
    out.default_routes = {
        {.gateway = ip("192.168.5.1"), .interface = 3, .source = ip("192.168.5.5"), .metric = 600}};
    return out;
}

std::vector<IpAddress> chosen(const net::Network& network, const AddressChoice& choice = {}) {
    return choose_addresses(network, choice).value_or({});
}

TEST(ChooseAddresses, TakesThoseTowardsTheDefaultRouteFirst) {
    EXPECT_EQ(chosen(laptop()),
              (std::vector{ip("192.168.5.5"), ip("10.77.0.5"), ip("2001:db8::3")}));
}

TEST(ChooseAddresses, LeavesIpv6AndLoopbackAsItIsAsked) {
    EXPECT_EQ(chosen(laptop(), {.ipv6 = false}), (std::vector{ip("192.168.5.5"), ip("10.77.0.5")}));
    EXPECT_EQ(chosen(laptop(), {.ipv6 = false, .loopback = true}),
              (std::vector{ip("192.168.5.5"), ip("127.0.0.1"), ip("10.77.0.5")}));
}

TEST(ChooseAddresses, TakesWhatIsNamed) {
    EXPECT_EQ(chosen(laptop(), {.network = {.interface = "docker0"}}),
              std::vector{ip("172.17.0.1")});
    EXPECT_EQ(chosen(laptop(), {.network = {.source = ip("2001:db8::3")}}),
              std::vector{ip("2001:db8::3")});
}

TEST(ChooseAddresses, TakesABridgeWhereThereIsNothingElse) {
    auto network = laptop();
    std::erase_if(network.interfaces,
                  [](const auto& each) { return each.name != "docker0" && each.name != "lo"; });
    EXPECT_EQ(chosen(network), std::vector{ip("172.17.0.1")});
}

TEST(ChooseAddresses, TakesNoMoreThanSixteen) {
    auto network = laptop();
    for (int i = 0; i < 40; ++i) {
        network.interfaces[1].addresses.push_back({ip("10.77.1." + std::to_string(i))});
    }
    const auto out = chosen(network);
    EXPECT_EQ(out.size(), kMaxAddresses);
    EXPECT_EQ(out.front(), ip("192.168.5.5"));
}

TEST(ChooseAddresses, SaysWhatIsNotThere) {
    const auto failure = [](const net::Network& network, const AddressChoice& choice) {
        const auto out = choose_addresses(network, choice);
        return out ? Errc::Network : out.error().code;
    };
    EXPECT_EQ(failure(laptop(), {.network = {.interface = "eth7"}}), Errc::InvalidArgument);
    EXPECT_EQ(failure(laptop(), {.network = {.source = ip("10.0.0.1")}}), Errc::InvalidArgument);
    EXPECT_EQ(failure(laptop(), {.network = {.interface = "eth1"}}), Errc::NoNetwork);
    EXPECT_EQ(failure({}, {}), Errc::NoNetwork);
}

} // namespace
} // namespace natterjack::peer
