// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "nat-connect/specs.hpp"

namespace nat_connect {
namespace {

using natterjack::Endpoint;
using natterjack::Errc;
using natterjack::Transport;

TEST(ConnectSpecs, ReadForwards) {
    struct {
        const char* text;
        Transport transport;
        const char* listen;
        HostPort target;
    } const cases[]{
        {"tcp:8080:localhost:80", Transport::Tcp, "127.0.0.1:8080", {"localhost", 80}},
        {"udp:0:10.0.0.1:53", Transport::Udp, "127.0.0.1:0", {"10.0.0.1", 53}},
        {"tcp:192.168.1.2:8080:web:80", Transport::Tcp, "192.168.1.2:8080", {"web", 80}},
        {"tcp:*:8080:web:80", Transport::Tcp, "0.0.0.0:8080", {"web", 80}},
        {"tcp:[::1]:8080:[2001:db8::1]:80", Transport::Tcp, "[::1]:8080", {"2001:db8::1", 80}},
        {"udp:65535:a-b.example:65535", Transport::Udp, "127.0.0.1:65535", {"a-b.example", 65535}},
    };
    for (const auto& c : cases) {
        const auto forward = parse_forward(c.text);
        ASSERT_TRUE(forward) << c.text << ": " << forward.error().message;
        EXPECT_EQ(forward->transport, c.transport) << c.text;
        EXPECT_EQ(forward->listen.to_string(), c.listen) << c.text;
        EXPECT_EQ(forward->target, c.target) << c.text;
    }
}

TEST(ConnectSpecs, RefuseForwardsThatMakeNoSense) {
    for (const char* text : {"",
                             "tcp",
                             "tcp:",
                             "tcp:80",
                             "tcp:80:host",
                             "8080:host:80",
                             "sctp:80:host:80",
                             "tcp:80:host:0",
                             "tcp:80:host:65536",
                             "tcp:80:host:x",
                             "tcp:65536:host:80",
                             "tcp:x:host:80",
                             "tcp::host:80",
                             "tcp:80::80",
                             "tcp:name:80:host:80",
                             "tcp:::1:80:host:80",
                             "tcp:80:[::1:80",
                             "tcp:80:[1.2.3.4]:80",
                             "tcp:80:ho st:80",
                             "tcp:80:host:80:",
                             "tcp:1:2:3:host:80"}) {
        const auto forward = parse_forward(text);
        ASSERT_FALSE(forward) << text;
        EXPECT_EQ(forward.error().code, Errc::InvalidArgument) << text;
        EXPECT_NE(forward.error().message.find('"'), std::string::npos) << text;
    }
}

TEST(ConnectSpecs, PrintNothingThatATerminalObeys) {
    const auto forward = parse_forward("tcp:80:\x1b[31m:80");
    ASSERT_FALSE(forward);
    EXPECT_EQ(forward.error().message.find('\x1b'), std::string::npos);
}

bool allowed(const char* rule_text, const char* target, Transport transport = Transport::Tcp) {
    const auto rule = AllowRule::parse(rule_text);
    EXPECT_TRUE(rule) << rule_text;
    const auto where = parse_host_port(target);
    EXPECT_TRUE(where) << target;
    return rule && where && rule->allows(transport, *where);
}

TEST(AllowRule, AllowsWhatItNamesAndNothingElse) {
    EXPECT_TRUE(allowed("localhost:80", "localhost:80"));
    EXPECT_TRUE(allowed("LocalHost:80", "localhost:80"));
    EXPECT_FALSE(allowed("localhost:80", "localhost:81"));
    EXPECT_FALSE(allowed("localhost:80", "127.0.0.1:80")); // names are not resolved
    EXPECT_FALSE(allowed("localhost:80", "localhost.evil:80"));
    EXPECT_FALSE(allowed("localhost:80", "xlocalhost:80"));
    EXPECT_TRUE(allowed("*:80", "anything:80"));
    EXPECT_FALSE(allowed("*:80", "anything:81"));
    EXPECT_TRUE(allowed("web:*", "web:1"));
    EXPECT_TRUE(allowed("*:*", "[2001:db8::1]:9"));
    EXPECT_TRUE(allowed("*.lan:22", "a.b.lan:22"));
    EXPECT_FALSE(allowed("*.lan:22", "lan:22"));
    EXPECT_FALSE(allowed("*.lan:22", "a.lan.evil:22"));
    EXPECT_TRUE(allowed("a*b*c:1", "aXbXbXc:1"));
    EXPECT_FALSE(allowed("a*b*c:1", "aXbXbX:1"));
}

TEST(AllowRule, ComparesAddressesByValue) {
    EXPECT_TRUE(allowed("[2001:db8:0::1]:80", "[2001:db8::1]:80"));
    EXPECT_TRUE(allowed("127.0.0.1:80", "[::ffff:127.0.0.1]:80"));
    EXPECT_FALSE(allowed("127.0.0.1:80", "127.0.0.2:80"));
}

TEST(AllowRule, TellsTransportsApart) {
    EXPECT_TRUE(allowed("tcp:web:80", "web:80", Transport::Tcp));
    EXPECT_FALSE(allowed("tcp:web:80", "web:80", Transport::Udp));
    EXPECT_TRUE(allowed("udp:web:80", "web:80", Transport::Udp));
    EXPECT_TRUE(allowed("web:80", "web:80", Transport::Udp));
}

TEST(AllowRule, IsRefusedWhenItIsNotHostPort) {
    for (const char* text : {"", "web", "web:", ":80", "web:0", "web:65536", "tcp:80", "a:b:80"})
        EXPECT_FALSE(AllowRule::parse(text)) << text;
}

TEST(AllowRule, IsNotSlowedByManyStars) {
    std::string stars;
    for (int i = 0; i < 120; ++i) stars += "*a";
    const auto rule = AllowRule::parse(stars + "b:1");
    ASSERT_TRUE(rule);
    EXPECT_FALSE(rule->allows(Transport::Tcp, {std::string(253, 'a'), 1}));
}

bool may_listen(const char* rule_text, const char* at, Transport transport = Transport::Tcp) {
    const auto rule = ListenRule::parse(rule_text);
    EXPECT_TRUE(rule) << rule_text;
    return rule && rule->allows(transport, *Endpoint::parse(at));
}

TEST(ListenRule, AllowsWhatItNamesAndNothingElse) {
    EXPECT_TRUE(may_listen("8080", "127.0.0.1:8080"));
    EXPECT_FALSE(may_listen("8080", "0.0.0.0:8080"));
    EXPECT_FALSE(may_listen("8080", "127.0.0.1:8081"));
    EXPECT_FALSE(may_listen("8080", "127.0.0.1:0"));
    EXPECT_TRUE(may_listen("*:8080", "0.0.0.0:8080"));
    EXPECT_TRUE(may_listen("*", "127.0.0.1:0"));
    EXPECT_TRUE(may_listen("*:*", "[::1]:22"));
    EXPECT_TRUE(may_listen("[::1]:8080", "[::1]:8080"));
    EXPECT_FALSE(may_listen("udp:8080", "127.0.0.1:8080"));
    EXPECT_TRUE(may_listen("udp:8080", "127.0.0.1:8080", Transport::Udp));
    for (const char* text : {"", "0", "x", ":80", "name:80", "[::1:80", "65536"})
        EXPECT_FALSE(ListenRule::parse(text)) << text;
}

TEST(TurnPassword, IsPutWhereItBelongs) {
    EXPECT_TRUE(lacks_password("turn:ann@relay.example:3478?transport=tcp"));
    EXPECT_FALSE(lacks_password("turn:ann:secret@relay.example:3478"));
    EXPECT_FALSE(lacks_password("turn:relay.example:3478"));
    EXPECT_FALSE(lacks_password(""));
    EXPECT_EQ(with_password("turn:ann@relay.example:3478?transport=tcp", "p@ss:w%rd/\xc3\xa4"),
              "turn:ann:p%40ss%3Aw%25rd%2F%C3%A4@relay.example:3478?transport=tcp");
}

} // namespace
} // namespace nat_connect
