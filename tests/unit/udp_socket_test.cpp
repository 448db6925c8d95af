// SPDX-License-Identifier: MIT
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "net/loop.hpp"
#include "net/socket_address.hpp"
#include "net/udp_socket.hpp"
#include "tests/support/loop_runner.hpp"

namespace natterjack::net {
namespace {

using namespace std::chrono_literals;
using test::LoopRunner;

IpAddress address(const char* text) {
    return IpAddress::parse(text).value_or(IpAddress());
}

std::unique_ptr<UdpSocket> open_on(const LoopRunner& runner, const char* host) {
    UdpSocket::Options options;
    options.bind = {address(host), 0};
    auto socket = UdpSocket::open(runner.loop(), options);
    EXPECT_TRUE(socket) << (socket ? "" : socket.error().message);
    return socket ? std::move(*socket) : nullptr;
}

ByteView bytes_of(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string text_of(ByteView bytes) {
    return {bytes.begin(), bytes.end()};
}

/// A port of 127.0.0.1 at which nobody listens.
Endpoint closed_port(const LoopRunner& runner) {
    return open_on(runner, "127.0.0.1")->local();
}

class UdpSocketOfFamily : public testing::TestWithParam<const char*> {};

TEST_P(UdpSocketOfFamily, CarriesDatagramsBothWays) {
    LoopRunner runner;
    const auto server = open_on(runner, GetParam());
    const auto client = open_on(runner, GetParam());
    server->on_datagram([&](const Endpoint& from, ByteView payload) {
        EXPECT_EQ(from, client->local());
        EXPECT_TRUE(server->send(from, bytes_of(text_of(payload) + " and back")));
    });
    std::string answer;
    client->on_datagram([&](const Endpoint& from, ByteView payload) {
        EXPECT_EQ(from, server->local());
        answer = text_of(payload);
    });
    ASSERT_TRUE(client->send(server->local(), bytes_of("there")));
    ASSERT_TRUE(runner.run_until([&] { return !answer.empty(); }));
    EXPECT_EQ(answer, "there and back");
}

INSTANTIATE_TEST_SUITE_P(Families, UdpSocketOfFamily, testing::Values("127.0.0.1", "::1"),
                         [](const auto& test) {
                             return std::string(test.index == 0 ? "IPv4" : "IPv6");
                         });

TEST(UdpSocket, TakesEmptyAndLargestDatagrams) {
    LoopRunner runner;
    const auto server = open_on(runner, "127.0.0.1");
    const auto client = open_on(runner, "127.0.0.1");
    std::vector<std::size_t> sizes;
    server->on_datagram(
        [&](const Endpoint&, ByteView payload) { sizes.push_back(payload.size()); });
    ASSERT_TRUE(client->send(server->local(), {}));
    ASSERT_TRUE(client->send(server->local(), bytes_of(std::string(65507, 'x'))));
    ASSERT_TRUE(runner.run_until([&] { return sizes.size() == 2; }));
    EXPECT_EQ(sizes, (std::vector<std::size_t>{0, 65507}));
}

TEST(UdpSocket, ReportsAClosedPortOnce) {
    LoopRunner runner;
    const auto closed = closed_port(runner);
    const auto client = open_on(runner, "127.0.0.1");
    std::vector<IcmpReport> reports;
    client->on_icmp([&](const IcmpReport& report) { reports.push_back(report); });
    ASSERT_TRUE(client->send(closed, bytes_of("anyone?")));
    ASSERT_TRUE(runner.run_until([&] { return !reports.empty(); }));
    runner.run_pending();
    const IcmpReport expected{IcmpReport::Kind::PortUnreachable, closed, closed.address,
                              ECONNREFUSED};
    EXPECT_EQ(reports, std::vector{expected});
}

TEST(UdpSocket, SendsToOthersAlthoughOneRefused) {
    LoopRunner runner;
    const auto closed = closed_port(runner);
    const auto server = open_on(runner, "127.0.0.1");
    const auto client = open_on(runner, "127.0.0.1");
    int received = 0;
    server->on_datagram([&](const Endpoint&, ByteView) { ++received; });
    for (int i = 0; i < 10; ++i) {
        ASSERT_TRUE(client->send(closed, bytes_of("x"))); // leaves an error pending on the socket
        ASSERT_TRUE(client->send(server->local(), bytes_of("y")));
    }
    EXPECT_TRUE(runner.run_until([&] { return received == 10; }));
}

TEST(UdpSocket, SaysWhichSendTheKernelRefused) {
    const LoopRunner runner;
    const auto client = open_on(runner, "127.0.0.1");
    const auto sent = client->send({address("2001:db8::1"), 5351}, bytes_of("x"));
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().code, Errc::Network);
    EXPECT_EQ(sent.error().detail, EAFNOSUPPORT);
    EXPECT_NE(sent.error().message.find("[2001:db8::1]:5351"), std::string::npos);
}

TEST(UdpSocket, RefusesAnAddressThatIsNotOurs) {
    const LoopRunner runner;
    UdpSocket::Options options;
    options.bind = {address("192.0.2.1"), 0};
    const auto socket = UdpSocket::open(runner.loop(), options);
    ASSERT_FALSE(socket);
    EXPECT_EQ(socket.error().code, Errc::Network);
    EXPECT_EQ(socket.error().detail, EADDRNOTAVAIL);
}

TEST(UdpSocket, SharesItsPortOnlyWhenAsked) {
    const LoopRunner runner;
    UdpSocket::Options options;
    options.reuse_address = true;
    const auto first = UdpSocket::open(runner.loop(), options);
    ASSERT_TRUE(first);
    options.bind.port = (*first)->local().port;
    EXPECT_TRUE(UdpSocket::open(runner.loop(), options));
    options.reuse_address = false;
    EXPECT_FALSE(UdpSocket::open(runner.loop(), options));
}

TEST(UdpSocket, LeavesTurnsToOthersInAFlood) {
    LoopRunner runner;
    const auto server = open_on(runner, "127.0.0.1");
    const auto client = open_on(runner, "127.0.0.1");
    int received = 0;
    int received_before_timer = -1;
    Timer timer(runner.loop());
    server->on_datagram([&](const Endpoint&, ByteView) {
        if (received++ == 0) timer.start_after(0ms, [&] { received_before_timer = received; });
    });
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(client->send(server->local(), bytes_of("x")));
    ASSERT_TRUE(runner.run_until([&] { return received == 100 && received_before_timer >= 0; }));
    EXPECT_LT(received_before_timer, 100);
}

TEST(UdpSocket, MayBeDestroyedInItsHandlers) {
    LoopRunner runner;
    auto server = open_on(runner, "127.0.0.1");
    auto client = open_on(runner, "127.0.0.1");
    int received = 0;
    server->on_datagram([&, text = std::string(40, 'x')](const Endpoint&, ByteView) {
        server.reset();
        received += static_cast<int>(text.size());
    });
    const auto to = server->local();
    ASSERT_TRUE(client->send(to, bytes_of("1")));
    ASSERT_TRUE(client->send(to, bytes_of("2")));
    ASSERT_TRUE(runner.run_until([&] { return received > 0; }));
    bool refused = false;
    client->on_icmp([&](const IcmpReport&) {
        client.reset();
        refused = true;
    });
    ASSERT_TRUE(client->send(to, bytes_of("3")));
    ASSERT_TRUE(runner.run_until([&] { return refused; }));
    EXPECT_EQ(received, 40); // the second datagram went down with the socket
}

TEST(UdpSocket, MayReplaceAHandlerInsideIt) {
    LoopRunner runner;
    const auto server = open_on(runner, "127.0.0.1");
    const auto client = open_on(runner, "127.0.0.1");
    std::string log;
    server->on_datagram([&](const Endpoint&, ByteView) {
        server->on_datagram([&](const Endpoint&, ByteView) { log += "second"; });
        log += "first ";
    });
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(client->send(server->local(), bytes_of("x")));
    ASSERT_TRUE(runner.run_until([&] { return log.size() > 6; }));
    EXPECT_EQ(log, "first second");
}

TEST(SocketAddress, GivesBackWhatItTook) {
    for (const char* text : {"192.0.2.1:80", "[2001:db8::1]:65535", "[fe80::1%3]:1900"}) {
        const auto endpoint = Endpoint::parse(text);
        ASSERT_TRUE(endpoint) << text;
        EXPECT_EQ(to_endpoint(to_socket_address(*endpoint)), *endpoint);
    }
    EXPECT_EQ(to_endpoint(SocketAddress{}), Endpoint{}); // AF_UNSPEC
}

} // namespace
} // namespace natterjack::net
