// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <natterjack/endpoint.hpp>

namespace natterjack {
namespace {

IpAddress address(const char* text) {
    const auto parsed = IpAddress::parse(text);
    EXPECT_TRUE(parsed) << text;
    return parsed.value_or(IpAddress());
}

TEST(IpAddress, PrintsWhatItParses) {
    for (const char* text : {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "2001:db8::1",
                             "fe80::1%3", "2001:db8:0:1:1:1:1:1", "1::", "2001:db8::1:0:0:1"}) {
        EXPECT_EQ(address(text).to_string(), text);
    }
}

TEST(IpAddress, PrintsTheFormOfRfc5952) {
    EXPECT_EQ(address("2001:DB8:0:0:1:0:0:1").to_string(), "2001:db8::1:0:0:1");
    EXPECT_EQ(address("2001:0db8:0000:0000:0000:0000:0000:0001").to_string(), "2001:db8::1");
}

TEST(IpAddress, TakesAMappedAddressForIpv4) {
    const auto mapped = address("::ffff:192.0.2.33");
    EXPECT_TRUE(mapped.is_v4());
    EXPECT_EQ(mapped, IpAddress::v4(0xC0000221));
    EXPECT_EQ(IpAddress::v6(mapped.mapped_bytes()), mapped);
}

TEST(IpAddress, RefusesWhatIsNoNumericAddress) {
    for (const char* text : {"",
                             "localhost",
                             "1.2.3",
                             "1.2.3.4.5",
                             "1.2.3.256",
                             "1.2.3.04",
                             "0x7f.1",
                             "1.2.3.4 ",
                             ":",
                             ":::",
                             "1:2:3:4:5:6:7",
                             "1:2:3:4:5:6:7:8:9",
                             "1::2::3",
                             "12345::",
                             "fe80::1%eth0",
                             "1:2:3:4:5:6:7:",
                             "::1.2.3",
                             "+1.2.3.4",
                             "g::",
                             "1.2.3.4::",
                             "::1.2.3.4:5",
                             "1.2.3.4::1"}) {
        EXPECT_FALSE(IpAddress::parse(text)) << text;
    }
}

struct Kind {
    const char* text;
    bool is_public;
    bool is_private;
    bool is_shared;
};

TEST(IpAddress, KnowsWhatTheInternetCanReach) {
    for (const Kind& row :
         {Kind{"8.8.8.8", true, false, false},         Kind{"10.0.0.1", false, true, false},
          Kind{"172.16.0.1", false, true, false},      Kind{"172.32.0.1", true, false, false},
          Kind{"192.168.255.1", false, true, false},   Kind{"100.64.0.1", false, false, true},
          Kind{"100.127.255.255", false, false, true}, Kind{"100.128.0.1", true, false, false},
          Kind{"169.254.1.1", false, false, false},    Kind{"127.0.0.1", false, false, false},
          Kind{"192.0.0.9", false, false, false},      Kind{"203.0.113.7", false, false, false},
          Kind{"198.19.1.1", false, false, false},     Kind{"240.0.0.1", false, false, false},
          Kind{"224.0.0.1", false, false, false},      Kind{"0.1.2.3", false, false, false},
          Kind{"25.0.113.1", true, false, false},      Kind{"2001:db8::1", false, false, false},
          Kind{"2a00::1", true, false, false},         Kind{"fd00::1", false, true, false},
          Kind{"fe80::1", false, false, false},        Kind{"ff02::1", false, false, false}}) {
        EXPECT_EQ(address(row.text).is_public(), row.is_public) << row.text;
        EXPECT_EQ(address(row.text).is_private(), row.is_private) << row.text;
        EXPECT_EQ(address(row.text).is_shared(), row.is_shared) << row.text;
    }
}

TEST(SameNetwork, ComparesThePrefixWithinTheFamily) {
    EXPECT_TRUE(same_network(address("192.168.1.7"), address("192.168.1.250"), 24));
    EXPECT_FALSE(same_network(address("192.168.1.7"), address("192.168.2.7"), 24));
    EXPECT_TRUE(same_network(address("192.168.1.7"), address("192.168.2.7"), 22));
    EXPECT_TRUE(same_network(address("1.2.3.4"), address("200.2.3.4"), 0));
    EXPECT_FALSE(same_network(address("1.2.3.4"), address("::1"), 0));
    EXPECT_TRUE(same_network(address("2001:db8::1"), address("2001:db8::2"), 64));
    EXPECT_FALSE(same_network(address("2001:db8::1"), address("2001:db8::2"), 200));
}

TEST(Endpoint, PrintsWhatItParses) {
    for (const char* text : {"192.0.2.1:80", "[2001:db8::1]:65535", "0.0.0.0:0"}) {
        const auto endpoint = Endpoint::parse(text);
        ASSERT_TRUE(endpoint) << text;
        EXPECT_EQ(endpoint->to_string(), text);
    }
    for (const char* text : {"", "192.0.2.1", "192.0.2.1:", "192.0.2.1:65536", "2001:db8::1:80",
                             "[192.0.2.1]:80", "host:80", "[::1]", "192.0.2.1:-1"}) {
        EXPECT_FALSE(Endpoint::parse(text)) << text;
    }
}

} // namespace
} // namespace natterjack
