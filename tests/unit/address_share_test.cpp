// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "traversal/address_share.hpp"

namespace natterjack {
namespace {

IpAddress ip(const char* text) {
    return IpAddress::parse(text).value_or({});
}

/// A host on one link, with these addresses by IPv6.
net::Network host(const std::vector<const char*>& addresses,
                  const std::vector<const char*>& deprecated = {}) {
    net::Network out;
    net::Interface link{.index = 2, .name = "eth0", .up = true, .multicast = true};
    for (const auto* address : addresses) {
        link.addresses.push_back({.address = ip(address), .prefix_length = 64});
    }
    for (const auto* address : deprecated) {
        link.addresses.push_back({.address = ip(address), .prefix_length = 64, .deprecated = true});
    }
    out.interfaces = {link};
    out.default_routes = {{.gateway = ip("fe80::1%2"), .interface = 2}};
    return out;
}

class AddressShareTest : public testing::Test {
protected:
    std::shared_ptr<AddressShare::Pool> pool_ =
        std::make_shared<AddressShare::Pool>(NetworkChoice{});
    AddressShare first_{pool_, ip("2a00:1::1")};
    AddressShare second_{pool_, ip("2a00:1::2")};
};

TEST_F(AddressShareTest, StaysWithAnAddressThatStands) {
    const auto network = host({"2a00:1::9", "2a00:1::1", "2a00:1::2"});
    EXPECT_EQ(first_.pick(network), ip("2a00:1::1"));
    EXPECT_EQ(second_.pick(network), ip("2a00:1::2"));
}

TEST_F(AddressShareTest, GivesEachOpeningAnotherAddressOfTheNewPrefix) {
    const auto network = host({"2a00:2::1", "2a00:2::2"}, {"2a00:1::1", "2a00:1::2"});
    EXPECT_EQ(first_.pick(network), ip("2a00:2::1"));
    EXPECT_EQ(second_.pick(network), ip("2a00:2::2"));
    EXPECT_EQ(first_.pick(network), ip("2a00:2::1")); // asked again, it stays
}

TEST_F(AddressShareTest, LeavesOthersAddressesAlone) {
    const auto network = host({"2a00:1::2"}, {"2a00:1::1"});
    EXPECT_TRUE(first_.ways(network).empty());
    EXPECT_EQ(first_.pick(network), ip("2a00:1::1")); // what it has, for want of another
    ASSERT_EQ(second_.ways(network).size(), 1U);
    EXPECT_EQ(second_.ways(network)[0].source, ip("2a00:1::2"));
}

TEST_F(AddressShareTest, KeepsToWhatTheCallerChose) {
    const auto pool = std::make_shared<AddressShare::Pool>(NetworkChoice{.interface = "eth0"});
    AddressShare chosen(pool, ip("2a00:1::1"));
    auto network = host({"2a00:2::1"});
    EXPECT_EQ(chosen.ways(network).size(), 1U);
    network.interfaces[0].name = "wlan0";
    EXPECT_TRUE(chosen.ways(network).empty());
}

} // namespace
} // namespace natterjack
