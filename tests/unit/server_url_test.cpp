// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "base/server_url.hpp"

namespace natterjack {
namespace {

TEST(TurnServerUrl, NamesServerLoginAndTransport) {
    const auto server = parse_turn_server("turn:user:pass@turn.example:5349?transport=tcp");
    ASSERT_TRUE(server) << server.error().message;
    EXPECT_EQ(*server, (TurnServer{{"turn.example", 5349}, Transport::Tcp, "user", "pass"}));
    EXPECT_EQ(parse_turn_server("turn:u:p@192.0.2.1")->server, (HostPort{"192.0.2.1", 3478}));
    EXPECT_EQ(parse_turn_server("turn:u:p@[2001:db8::1]:1")->server, (HostPort{"2001:db8::1", 1}));
    EXPECT_EQ(parse_turn_server("TURN:u:p@h?transport=UDP")->transport, Transport::Udp);
}

TEST(TurnServerUrl, TakesAnyBytesInALogin) {
    const auto server = parse_turn_server("turn:a%3Ab:c@d?e%25@h");
    ASSERT_TRUE(server) << server.error().message;
    EXPECT_EQ(server->user, "a:b");
    EXPECT_EQ(server->password, "c@d?e%");
}

TEST(TurnServerUrl, IsRefusedWithoutRepeatingThePassword) {
    for (const auto* text :
         {"", "turn:", "turn:h", "turn:u@h", "turn:u:secret@", "turn:u:secret@h:0",
          "turn:u:secret@h:99999", "turn:u:secret@h?transport=sctp", "turn::secret@h", "turn:u:@h",
          "turn:u:%GGsecret@h", "turn:u:%00secret@h", "turn:u:secret@-h", "stun:u:secret@h"}) {
        const auto server = parse_turn_server(text);
        ASSERT_FALSE(server) << text;
        EXPECT_EQ(server.error().code, Errc::InvalidArgument) << text;
        EXPECT_EQ(server.error().message.find("secret"), std::string::npos) << text;
    }
    EXPECT_EQ(parse_turn_server("turns:u:p@h").error().code, Errc::Unsupported);
}

TEST(StunServerUrl, MayHaveAScheme) {
    EXPECT_EQ(*parse_stun_server("stun:h:1"), (HostPort{"h", 1}));
    EXPECT_EQ(*parse_stun_server("h"), (HostPort{"h", 3478}));
    EXPECT_EQ(parse_stun_server("stuns:h").error().code, Errc::Unsupported);
    EXPECT_EQ(parse_stun_server("h:").error().code, Errc::InvalidArgument);
}

} // namespace
} // namespace natterjack
