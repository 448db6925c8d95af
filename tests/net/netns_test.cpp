// SPDX-License-Identifier: MIT
#include <array>
#include <cerrno>
#include <string>

#include <net/if.h>

#include <gtest/gtest.h>

#include "net/loop.hpp"
#include "net/udp_socket.hpp"
#include "tests/support/loop_runner.hpp"
#include "tests/support/netns.hpp"

namespace natterjack::test {
namespace {

using net::UdpSocket;

std::unique_ptr<UdpSocket> open_at(const LoopRunner& runner, const Endpoint& where) {
    UdpSocket::Options options;
    options.bind = where;
    auto socket = UdpSocket::open(runner.loop(), options);
    EXPECT_TRUE(socket) << (socket ? "" : socket.error().message);
    return socket ? std::move(*socket) : nullptr;
}

std::unique_ptr<UdpSocket> open_in_router(const LoopRunner& runner, const Endpoint& where) {
    const InRouter in_router;
    return open_at(runner, where);
}

constexpr std::array<std::uint8_t, 1> kPayload = {'x'};

TEST(PrivateNetwork, LetsAFakeGatewayServeTheHostOnOneLoop) {
    LoopRunner runner;
    // The same well-known port may be open on both sides: they are two networks.
    const auto gateway = open_in_router(runner, {kGateway, 5351});
    const auto taken = open_at(runner, {kHost, 5351});
    const auto client = open_at(runner, {IpAddress(), 0});
    gateway->on_datagram([&](const Endpoint& from, ByteView payload) {
        EXPECT_EQ(from.address, kHost);
        EXPECT_TRUE(gateway->send(from, payload));
    });
    Endpoint answered;
    client->on_datagram([&](const Endpoint& from, ByteView) { answered = from; });
    ASSERT_TRUE(client->send({kGateway, 5351}, kPayload));
    ASSERT_TRUE(runner.run_until([&] { return answered.port != 0; }));
    EXPECT_EQ(answered, (Endpoint{kGateway, 5351}));
}

TEST(PrivateNetwork, CarriesIpv6) {
    LoopRunner runner;
    const auto gateway = open_in_router(runner, {gateway_v6(), 5351});
    const auto client = open_at(runner, {host_v6(), 0});
    Endpoint seen;
    gateway->on_datagram([&](const Endpoint& from, ByteView) { seen = from; });
    ASSERT_TRUE(client->send({gateway_v6(), 5351}, kPayload));
    ASSERT_TRUE(runner.run_until([&] { return seen.port != 0; }));
    EXPECT_EQ(seen.address, host_v6());
}

TEST(PrivateNetwork, GivesTheHostMoreAddresses) {
    const LoopRunner runner;
    const Endpoint extra{*IpAddress::parse("192.168.77.9"), 0};
    {
        const HostAddress address("192.168.77.9/24");
        EXPECT_TRUE(open_at(runner, extra));
    }
    UdpSocket::Options options;
    options.bind = extra;
    EXPECT_FALSE(UdpSocket::open(runner.loop(), options));
}

/// Sockets as the mappers use them: on links, with zones, by multicast.
TEST(UdpSocketOnALink, KeepsTheZoneOfALinkLocalSender) {
    LoopRunner runner;
    const unsigned lan0 = if_nametoindex(kHostLink);
    const auto link_local = *IpAddress::parse("fe80::1");
    const unsigned gw0 = [] {
        const InRouter in_router;
        return if_nametoindex(kGatewayLink);
    }();
    const auto gateway =
        open_in_router(runner, {IpAddress::v6(link_local.mapped_bytes(), gw0), 5351});
    gateway->on_datagram(
        [&](const Endpoint& from, ByteView payload) { EXPECT_TRUE(gateway->send(from, payload)); });
    UdpSocket::Options options;
    options.bind.address = IpAddress::v6({});
    options.interface = lan0;
    const auto client = UdpSocket::open(runner.loop(), options);
    ASSERT_TRUE(client);
    Endpoint answered;
    (*client)->on_datagram([&](const Endpoint& from, ByteView) { answered = from; });
    ASSERT_TRUE((*client)->send({link_local, 5351}, kPayload)); // the zone is the socket's
    ASSERT_TRUE(runner.run_until([&] { return answered.port != 0; }));
    EXPECT_EQ(answered.address, IpAddress::v6(link_local.mapped_bytes(), lan0));
}

TEST(UdpSocketOnALink, HearsAndSendsMulticastThere) {
    LoopRunner runner;
    const auto group = *IpAddress::parse("239.255.255.250");
    const auto gateway = open_in_router(runner, {IpAddress(), 1900});
    {
        const InRouter in_router;
        ASSERT_TRUE(gateway->join(group, if_nametoindex(kGatewayLink)));
    }
    UdpSocket::Options options;
    options.interface = if_nametoindex(kHostLink);
    const auto client = UdpSocket::open(runner.loop(), options);
    ASSERT_TRUE(client);
    Endpoint seen;
    gateway->on_datagram([&](const Endpoint& from, ByteView) { seen = from; });
    ASSERT_TRUE((*client)->send({group, 1900}, kPayload));
    ASSERT_TRUE(runner.run_until([&] { return seen.port != 0; }));
    EXPECT_EQ(seen.address, kHost);
}

TEST(UdpSocketOnALink, IsDeafToOtherLinks) {
    LoopRunner runner;
    const Link other("lan1", "gw1");
    ip("address add 192.168.78.2/24 dev lan1");
    {
        const InRouter in_router;
        ip("address add 192.168.78.1/24 dev gw1");
    }
    const auto sender = open_in_router(runner, {IpAddress(), 0});
    UdpSocket::Options options;
    options.interface = if_nametoindex(kHostLink);
    const auto confined = UdpSocket::open(runner.loop(), options);
    ASSERT_TRUE(confined);
    std::vector<Endpoint> heard;
    (*confined)->on_datagram([&](const Endpoint& from, ByteView) { heard.push_back(from); });
    const auto port = (*confined)->local().port;
    // The first comes in by lan1; the second, by lan0, shows that the first had its chance.
    ASSERT_TRUE(sender->send({*IpAddress::parse("192.168.78.2"), port}, kPayload));
    ASSERT_TRUE(sender->send({kHost, port}, kPayload));
    ASSERT_TRUE(runner.run_until([&] { return !heard.empty(); }));
    ASSERT_EQ(heard.size(), 1U);
    EXPECT_EQ(heard[0].address, kGateway);
}

TEST(UdpSocketOnALink, ReportsAGatewayThatRefuses) {
    LoopRunner runner;
    const auto client = open_at(runner, {kHost, 0});
    Endpoint refused;
    client->on_icmp([&](const net::IcmpReport& report) {
        EXPECT_EQ(report.kind, net::IcmpReport::Kind::PortUnreachable);
        EXPECT_EQ(report.from, kGateway);
        EXPECT_EQ(report.error_number, ECONNREFUSED);
        refused = report.to;
    });
    ASSERT_TRUE(client->send({kGateway, 5351}, kPayload));
    ASSERT_TRUE(runner.run_until([&] { return refused.port != 0; }));
    EXPECT_EQ(refused, (Endpoint{kGateway, 5351}));
}

} // namespace
} // namespace natterjack::test
