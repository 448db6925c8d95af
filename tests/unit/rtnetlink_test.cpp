// SPDX-License-Identifier: MIT
#include <array>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "net/rtnetlink.hpp"

namespace natterjack::net {
namespace {

using Bytes = std::vector<std::uint8_t>;

/// Netlink speaks the host's byte order.
template<class T>
void put(Bytes& out, T value) {
    std::array<std::uint8_t, sizeof value> bytes{};
    std::memcpy(bytes.data(), &value, sizeof value);
    out.insert(out.end(), bytes.begin(), bytes.end());
}

Bytes number(std::uint32_t value) {
    Bytes out;
    put(out, value);
    return out;
}

void pad(Bytes& out) {
    out.resize((out.size() + 3) / 4 * 4);
}

Bytes attribute(std::uint16_t type, const Bytes& value) {
    Bytes out;
    put(out, static_cast<std::uint16_t>(4 + value.size()));
    put(out, type);
    out.insert(out.end(), value.begin(), value.end());
    pad(out);
    return out;
}

Bytes operator+(Bytes left, const Bytes& right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

Bytes message(std::uint16_t type, const Bytes& body, std::uint16_t flags = 0) {
    Bytes out;
    put(out, static_cast<std::uint32_t>(16 + body.size()));
    put(out, type);
    put(out, flags);
    put(out, std::uint32_t{42}); // sequence
    put(out, std::uint32_t{7});  // port id
    return out + body;
}

constexpr std::uint16_t kNewLink = 16;
constexpr std::uint16_t kNewAddress = 20;
constexpr std::uint16_t kNewRoute = 24;
constexpr std::uint16_t kError = 2;
constexpr std::uint16_t kDone = 3;

// struct rtmsg of an IPv4 unicast default route: family, dst_len, src_len, tos, table, protocol,
// scope, type, flags (4 bytes).
const Bytes kRouteHeader = {2, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0};
const Bytes kGatewayBytes = {192, 168, 1, 1};

const Bytes kRoute = message(kNewRoute, kRouteHeader + attribute(15, number(254)) + // RTA_TABLE
                                            attribute(6, number(100)) +             // RTA_PRIORITY
                                            attribute(5, kGatewayBytes) +           // RTA_GATEWAY
                                            attribute(7, {192, 168, 1, 5}) +        // RTA_PREFSRC
                                            attribute(4, number(2)));               // RTA_OIF

template<class T>
T decode_one(const Bytes& bytes) {
    const auto messages = decode_netlink(bytes);
    EXPECT_TRUE(messages);
    if (!messages || messages->size() != 1) {
        ADD_FAILURE() << "not one message";
        return {};
    }
    const auto* body = std::get_if<T>(&messages->front().body);
    EXPECT_NE(body, nullptr);
    return body != nullptr ? *body : T{};
}

TEST(Rtnetlink, ReadsARoute) {
    const auto route = decode_one<RouteMessage>(kRoute);
    EXPECT_TRUE(route.v4);
    EXPECT_EQ(route.prefix_length, 0U);
    EXPECT_FALSE(route.destination);
    EXPECT_EQ(route.table, 254U);
    EXPECT_EQ(route.metric, 100U);
    EXPECT_EQ(route.source, IpAddress::v4(0xC0A80105));
    ASSERT_EQ(route.next_hops.size(), 1U);
    EXPECT_EQ(route.next_hops[0].gateway, IpAddress::v4(0xC0A80101));
    EXPECT_EQ(route.next_hops[0].interface, 2U);
}

TEST(Rtnetlink, RefusesEveryTruncation) {
    for (std::size_t length = 1; length < kRoute.size(); ++length) {
        const auto messages = decode_netlink(ByteView(kRoute).first(length));
        ASSERT_FALSE(messages) << length;
        EXPECT_EQ(messages.error().code, Errc::Truncated);
    }
}

TEST(Rtnetlink, SurvivesEveryLengthByteChanged) {
    // In messages and attributes alike a wrong length must neither loop nor read outside.
    for (std::size_t at = 0; at < kRoute.size(); ++at) {
        for (const std::uint8_t value : Bytes{0, 1, 3, 4, 5, 15, 16, 127, 255}) {
            auto bytes = kRoute;
            bytes[at] = value;
            static_cast<void>(decode_netlink(bytes));
        }
    }
}

TEST(Rtnetlink, RefusesAnAttributeLongerThanItsMessage) {
    const auto bad = message(kNewRoute, kRouteHeader + Bytes{200, 0, 5, 0, 1, 2, 3, 4});
    EXPECT_FALSE(decode_netlink(bad));
    const auto too_short = message(kNewRoute, kRouteHeader + Bytes{3, 0, 5, 0});
    EXPECT_FALSE(decode_netlink(too_short));
}

TEST(Rtnetlink, ReadsTheHopsOfAMultipathRoute) {
    const auto hop = [](std::uint8_t flags, std::uint32_t interface, const Bytes& attributes) {
        Bytes out;
        put(out, static_cast<std::uint16_t>(8 + attributes.size()));
        out.push_back(flags);
        out.push_back(0); // weight - 1
        return out + number(interface) + attributes;
    };
    Bytes ipv6(16);
    ipv6[0] = 0xfe;
    ipv6[1] = 0x80;
    ipv6[15] = 1;
    const auto hops = hop(0, 2, attribute(5, kGatewayBytes)) + hop(1, 3, {}) +
                      hop(16, 4, attribute(18, Bytes{10, 0} + ipv6)); // RTA_VIA, AF_INET6
    const auto route =
        decode_one<RouteMessage>(message(kNewRoute, kRouteHeader + attribute(9, hops)));
    ASSERT_EQ(route.next_hops.size(), 3U);
    EXPECT_EQ(route.next_hops[0].gateway, IpAddress::v4(0xC0A80101));
    EXPECT_FALSE(route.next_hops[0].dead);
    EXPECT_TRUE(route.next_hops[1].gateway.is_unspecified());
    EXPECT_TRUE(route.next_hops[1].dead); // RTNH_F_DEAD
    EXPECT_EQ(route.next_hops[2].gateway.to_string(), "fe80::1%4");
    EXPECT_TRUE(route.next_hops[2].dead); // RTNH_F_LINKDOWN
    const auto cut = hops.size() - 4;
    EXPECT_FALSE(decode_netlink(message(
        kNewRoute,
        kRouteHeader + attribute(9, Bytes(hops.begin(), hops.begin() + static_cast<long>(cut))))));
}

TEST(Rtnetlink, TakesTheTableFromItsAttribute) {
    const auto route = decode_one<RouteMessage>(
        message(kNewRoute, kRouteHeader + attribute(15, number(51820)) + attribute(4, number(9))));
    EXPECT_EQ(route.table, 51820U);
    EXPECT_EQ(decode_one<RouteMessage>(message(kNewRoute, kRouteHeader)).table, 254U);
}

TEST(Rtnetlink, ReadsALink) {
    Bytes header = {0, 0, 1, 0}; // family, padding, type
    header = header + number(3) + number(0x10043) + number(0);
    const auto link =
        decode_one<LinkMessage>(message(kNewLink, header + attribute(3, {'l', 'a', 'n', 0})));
    EXPECT_EQ(link.index, 3U);
    EXPECT_EQ(link.name, "lan");
    EXPECT_EQ(link.flags, 0x10043U);
}

TEST(Rtnetlink, ReadsOurEndOfAPointToPointLink) {
    const Bytes header = Bytes{2, 32, 0x80, 0} + number(5);
    const auto address = decode_one<AddressMessage>(
        message(kNewAddress, header + attribute(1, {10, 8, 0, 5}) + // IFA_ADDRESS: the far end
                                 attribute(2, {10, 8, 0, 6}) +      // IFA_LOCAL
                                 attribute(8, number(0x180))));     // IFA_FLAGS
    EXPECT_EQ(address.interface, 5U);
    EXPECT_EQ(address.address, IpAddress::v4(0x0A080006));
    EXPECT_EQ(address.prefix_length, 32U);
    EXPECT_EQ(address.flags, 0x180U);
}

TEST(Rtnetlink, ReadsErrorsAndTheEnd) {
    EXPECT_EQ(decode_one<ErrorMessage>(message(kError, number(static_cast<std::uint32_t>(-101))))
                  .error_number,
              101);
    EXPECT_EQ(decode_one<DoneMessage>(message(kDone, number(0))).error_number, 0);
    EXPECT_EQ(decode_one<DoneMessage>(message(kDone, {})).error_number, 0);
}

TEST(Rtnetlink, TellsSequenceAndInterruption) {
    const auto messages = decode_netlink(message(kNewRoute, kRouteHeader) +
                                         message(kNewRoute, kRouteHeader, 0x12) + // DUMP_INTR
                                         message(99, {1, 2, 3, 4}) +              // of no interest
                                         message(kDone, number(0)));
    ASSERT_TRUE(messages);
    ASSERT_EQ(messages->size(), 3U);
    EXPECT_EQ((*messages)[0].sequence, 42U);
    EXPECT_FALSE((*messages)[0].interrupted);
    EXPECT_TRUE((*messages)[1].interrupted);
    EXPECT_TRUE(std::holds_alternative<DoneMessage>((*messages)[2].body));
}

TEST(Rtnetlink, TakesAnEmptyDatagramForNothing) {
    const auto messages = decode_netlink({});
    ASSERT_TRUE(messages);
    EXPECT_TRUE(messages->empty());
}

} // namespace
} // namespace natterjack::net
