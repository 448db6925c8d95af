// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "strategies/gateway_ear.hpp"
#include "wire/natpmp.hpp"
#include "wire/pcp.hpp"

namespace natterjack {
namespace {

const std::vector<std::uint8_t> kAnnounce =
    pcp::encode(pcp::Response{.epoch = Lifetime(7), .body = pcp::Announce{}});
const auto kAddressNotice = natpmp::encode(
    natpmp::AddressResponse{natpmp::ResultCode::Success, Lifetime(7), IpAddress::v4(0xCB007105)});

IpAddress address(const char* text) {
    return IpAddress::parse(text).value_or(IpAddress());
}

std::optional<Announcement> heard(const char* gateway, const char* from, std::uint16_t port,
                                  ByteView payload) {
    return announcement_of(address(gateway), {address(from), port}, payload);
}

TEST(GatewayEar, HearsTheGatewaysOwnPcpPort) {
    const auto pcp = heard("192.168.1.1", "192.168.1.1", 5351, kAnnounce);
    EXPECT_EQ(pcp, (Announcement{EpochCheck::Rule::Pcp, Lifetime(7), std::nullopt, false}));
    const auto natpmp = heard("192.168.1.1", "192.168.1.1", 5351, kAddressNotice);
    EXPECT_EQ(natpmp, (Announcement{EpochCheck::Rule::NatPmp, Lifetime(7),
                                    IpAddress::v4(0xCB007105), false}));
}

TEST(GatewayEar, HearsNobodyElse) {
    EXPECT_FALSE(heard("192.168.1.1", "192.168.1.9", 5351, kAnnounce));
    EXPECT_FALSE(heard("192.168.1.1", "169.254.1.9", 5351, kAnnounce));
    EXPECT_FALSE(heard("192.168.1.1", "192.168.1.1", 5350, kAnnounce));
    EXPECT_FALSE(heard("192.168.1.1", "fe80::1", 5351, kAnnounce));
    EXPECT_FALSE(heard("fe80::1", "fe80::1", 5350, kAnnounce));
    EXPECT_FALSE(heard("fe80::1", "2001:db8::1", 5351, kAnnounce));
}

TEST(GatewayEar, AnotherLinkLocalAddressMayBeTheGatewaysToo) {
    const auto its_own = heard("fe80::1", "fe80::1", 5351, kAnnounce);
    ASSERT_TRUE(its_own);
    EXPECT_FALSE(its_own->uncertain);
    const auto other = heard("fe80::1", "fe80::2", 5351, kAnnounce);
    ASSERT_TRUE(other);
    EXPECT_TRUE(other->uncertain);
    EXPECT_FALSE(heard("fe80::1", "fe80::2", 5351, kAddressNotice));
}

TEST(GatewayEar, RefusesEveryPrefix) {
    for (std::size_t size = 0; size < kAnnounce.size(); ++size) {
        EXPECT_FALSE(heard("192.168.1.1", "192.168.1.1", 5351, ByteView(kAnnounce).first(size)));
    }
    for (std::size_t size = 0; size < kAddressNotice.size(); ++size) {
        EXPECT_FALSE(
            heard("192.168.1.1", "192.168.1.1", 5351, ByteView(kAddressNotice).first(size)));
    }
}

} // namespace
} // namespace natterjack
