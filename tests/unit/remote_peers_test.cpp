// SPDX-License-Identifier: MIT
#include <string>

#include <gtest/gtest.h>

#include <natterjack/remote_peers.hpp>

namespace natterjack {
namespace {

TEST(RemotePeers, AreReadAndWrittenInOneForm) {
    for (const auto* text : {"192.0.2.0/24", "192.0.2.7", "192.0.2.7:5000", "192.0.2.0/24:5000",
                             "2001:db8::/32", "2001:db8::7", "[2001:db8::7]:5000",
                             "[2001:db8::]/32:5000", "128.0.0.0/1", "10.32.0.0/11"}) {
        const auto peers = RemotePeers::parse(text);
        ASSERT_TRUE(peers) << text;
        EXPECT_EQ(peers->to_string(), text);
        EXPECT_EQ(*RemotePeers::parse(peers->to_string()), *peers);
    }
}

TEST(RemotePeers, OfAHostAreItsWholeAddress) {
    EXPECT_EQ(RemotePeers::parse("192.0.2.7/32")->to_string(), "192.0.2.7");
    EXPECT_TRUE(RemotePeers::parse("192.0.2.7")->is_one_host());
    EXPECT_TRUE(RemotePeers::parse("2001:db8::7/128")->is_one_host());
    EXPECT_FALSE(RemotePeers::parse("192.0.2.6/31")->is_one_host());
}

TEST(RemotePeers, AreNothingThatSomebodyMayHaveMeantOtherwise) {
    for (const auto* text : {"",
                             "/",
                             "0.0.0.0/0",
                             "::/0",
                             "192.0.2.7/24",
                             "2001:db8::7/32",
                             "192.0.2.0/33",
                             "2001:db8::/129",
                             "192.0.2.0/",
                             "192.0.2.0/24:",
                             "192.0.2.0/24:0",
                             "192.0.2.7:0",
                             "192.0.2.0/24:65536",
                             "192.0.2.0/-1",
                             "192.0.2.0/24 ",
                             "example.net",
                             "example.net/24",
                             "fe80::1%2",
                             "192.0.2.0/24/24",
                             "[2001:db8::/32"}) {
        const auto peers = RemotePeers::parse(text);
        ASSERT_FALSE(peers) << text;
        EXPECT_EQ(peers.error().code, Errc::InvalidArgument);
    }
}

} // namespace
} // namespace natterjack
