// SPDX-License-Identifier: MIT
// The table of nat-lab-gateway, which tests of double NAT stand on.
#include <gtest/gtest.h>

#include "tests/support/gateway/mapping_table.hpp"

namespace natterjack::gateway {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart(1000h); // not zero: that is "never" too easily
constexpr IpAddress kHost = IpAddress::v4(0xC0A8010A);
constexpr IpAddress kOther = IpAddress::v4(0xC0A8010B);

Mapping mapping(std::uint16_t external, const IpAddress& host, std::uint16_t internal) {
    return {Transport::Udp, external, {host, internal}, std::nullopt, "", std::nullopt};
}

TEST(MappingTable, GivesAPortToOneHostOnly) {
    MappingTable table;
    EXPECT_TRUE(table.put(mapping(7000, kHost, 1)));
    const auto refused = table.put(mapping(7000, kOther, 1));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::Conflict);
    EXPECT_TRUE(table.put(mapping(7000, kHost, 2))); // its own may be changed
    EXPECT_EQ(table.at(Transport::Udp, 7000)->internal.port, 2);
    EXPECT_EQ(table.at(Transport::Tcp, 7000), nullptr);
    EXPECT_EQ(table.all().size(), 1U);
}

TEST(MappingTable, ANonceKeepsOthersOut) {
    MappingTable table;
    auto mine = mapping(7000, kHost, 1);
    mine.nonce = pcp::Nonce{1};
    EXPECT_TRUE(table.put(mine));
    EXPECT_TRUE(table.put(mine));
    mine.nonce = pcp::Nonce{2};
    EXPECT_FALSE(table.put(mine));
}

TEST(MappingTable, RefusesWhenItIsFullAndRenewsAllTheSame) {
    MappingTable table(1);
    EXPECT_TRUE(table.put(mapping(7000, kHost, 1)));
    const auto refused = table.put(mapping(7001, kHost, 2));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::Refused);
    EXPECT_TRUE(table.put(mapping(7000, kHost, 1)));
}

TEST(MappingTable, FindsTheNextFreePort) {
    MappingTable table;
    EXPECT_EQ(table.put_anywhere(mapping(0, kHost, 7000)).value_or(0), 7000);
    EXPECT_EQ(table.put_anywhere(mapping(7000, kOther, 1)).value_or(0), 7001);
    EXPECT_EQ(table.put_anywhere(mapping(9000, kHost, 7000)).value_or(0), 7000); // it has one
    EXPECT_EQ(table.put_anywhere(mapping(65535, kHost, 5)).value_or(0), 65535);
    EXPECT_EQ(table.put_anywhere(mapping(65535, kHost, 6)).value_or(0), 1); // and never 0
}

TEST(MappingTable, EndsAtTheVeryInstant) {
    MappingTable table;
    auto short_lived = mapping(7000, kHost, 1);
    short_lived.end = kStart + 2s;
    EXPECT_TRUE(table.put(short_lived));
    EXPECT_TRUE(table.put(mapping(7001, kHost, 2)));
    EXPECT_EQ(time_left(short_lived, kStart).count(), 2U);
    EXPECT_EQ(time_left(short_lived, kStart + 1500ms).count(), 1U);
    EXPECT_EQ(time_left(mapping(7001, kHost, 2), kStart).count(), 0U);
    EXPECT_FALSE(table.expire(kStart + 1999ms));
    EXPECT_TRUE(table.expire(kStart + 2s));
    EXPECT_EQ(table.all().size(), 1U);
}

TEST(MappingTable, ErasesOneOrAllOfAHost) {
    MappingTable table;
    EXPECT_TRUE(table.put(mapping(7000, kHost, 1)));
    EXPECT_TRUE(table.put(mapping(7001, kHost, 2)));
    EXPECT_TRUE(table.put(mapping(7002, kOther, 2)));
    EXPECT_TRUE(table.erase(Transport::Udp, 7000));
    EXPECT_FALSE(table.erase(Transport::Udp, 7000));
    EXPECT_TRUE(table.erase_all(Transport::Tcp, kHost));
    EXPECT_EQ(table.all().size(), 2U);
    EXPECT_TRUE(table.erase_all(Transport::Udp, kHost));
    ASSERT_EQ(table.all().size(), 1U);
    EXPECT_EQ(table.all().front().internal.address, kOther);
}

} // namespace
} // namespace natterjack::gateway
