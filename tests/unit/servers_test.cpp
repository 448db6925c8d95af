// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "base/host_port.hpp"
#include "traversal/servers.hpp"

namespace natterjack {
namespace {

TEST(HostPort, ReadsNamesAndAddresses) {
    struct Row {
        const char* text;
        HostPort want;
    };
    for (const Row& row :
         {Row{"stun.example.net", {"stun.example.net", 3478}},
          Row{"stun.example.net:19302", {"stun.example.net", 19302}},
          Row{"192.0.2.1:1", {"192.0.2.1", 1}}, Row{"[2001:db8::1]:65535", {"2001:db8::1", 65535}},
          Row{"[2001:db8::1]", {"2001:db8::1", 3478}}}) {
        const auto parsed = parse_host_port(row.text, 3478);
        ASSERT_TRUE(parsed) << row.text;
        EXPECT_EQ(*parsed, row.want);
    }
}

TEST(HostPort, RefusesAnythingElse) {
    for (const std::string text :
         {"", ":1", "a:", "a:0", "a:65536", "a:1x", "a b:1", "2001:db8::1", "2001:db8::1:80",
          "[2001:db8::1", "[192.0.2.1]:1", "[]:1", "[::1]x", "-a:1", "a/b:1", "a\n:1"}) {
        const auto parsed = parse_host_port(text, 3478);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().code, Errc::InvalidArgument);
    }
    EXPECT_TRUE(parse_host_port(std::string(253, 'a'), 1));
    EXPECT_FALSE(parse_host_port(std::string(254, 'a'), 1));
}

TEST(Servers, ReadsOneALine) {
    const auto servers = parse_servers("# ours\n\n stun stun.example.net:3478 # first\r\n"
                                       "stun\t192.0.2.1\nturn turn:u:p@turn.example.net");
    ASSERT_TRUE(servers) << servers.error().message;
    EXPECT_EQ(servers->stun, (std::vector<std::string>{"stun.example.net:3478", "192.0.2.1"}));
    EXPECT_EQ(servers->turn, (std::vector<std::string>{"turn:u:p@turn.example.net"}));
    EXPECT_TRUE(parse_servers("")->stun.empty());
    EXPECT_FALSE(parse_servers("")->check);
    EXPECT_EQ(parse_servers("check http://a.example/x is online")->check->expected, "is online");
}

TEST(Servers, NamesTheLineAtFault) {
    for (const char* line : {"stun", "stun a:b", "check", "check https://a/", "turn", "sturn a:1",
                             "stun a b", "\x01"}) {
        const auto servers = parse_servers("stun a:1\n" + std::string(line) + "\nstun c:1\n");
        ASSERT_FALSE(servers) << line;
        EXPECT_EQ(servers.error().code, Errc::Malformed) << line;
        EXPECT_EQ(servers.error().detail, 2) << line;
    }
}

TEST(Servers, NamesOnePageToCheck) {
    const auto servers = parse_servers("check http://a/\ncheck http://b/");
    ASSERT_FALSE(servers);
    EXPECT_EQ(servers.error().detail, 2);
}

TEST(Servers, IsBounded) {
    std::string text;
    for (std::size_t i = 0; i < kMaxServers; ++i) text += "stun a:1\n";
    EXPECT_TRUE(parse_servers(text));
    EXPECT_EQ(parse_servers(text + "stun a:1\n").error().code, Errc::TooLarge);
}

} // namespace
} // namespace natterjack
