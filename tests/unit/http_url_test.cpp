// SPDX-License-Identifier: MIT
#include <string>

#include <gtest/gtest.h>

#include "net/http_url.hpp"

namespace natterjack::net {
namespace {

struct Good {
    const char* url;
    const char* host;
    const char* target;
    const char* again;
};

TEST(HttpUrl, ReadsPlainHttpToANumericAddress) {
    for (const auto& row : {
             Good{"http://192.168.1.1:5000/rootDesc.xml", "192.168.1.1:5000", "/rootDesc.xml",
                  "http://192.168.1.1:5000/rootDesc.xml"},
             Good{"http://192.168.1.1", "192.168.1.1:80", "/", "http://192.168.1.1:80/"},
             Good{"HTTP://192.168.1.1/a%20b?c=d", "192.168.1.1:80", "/a%20b?c=d",
                  "http://192.168.1.1:80/a%20b?c=d"},
             Good{"http://192.168.1.1?q", "192.168.1.1:80", "/?q", "http://192.168.1.1:80/?q"},
             Good{"http://192.168.1.1/a#b", "192.168.1.1:80", "/a", "http://192.168.1.1:80/a"},
             Good{"http://192.168.1.1/a@b", "192.168.1.1:80", "/a@b", "http://192.168.1.1:80/a@b"},
             Good{"http://[FD00::1]:49152/x", "[fd00::1]:49152", "/x", "http://[fd00::1]:49152/x"},
             Good{"http://[fe80::1%253]/", "[fe80::1%3]:80", "/", "http://[fe80::1%253]:80/"},
             Good{"http://[::ffff:192.168.1.1]:8080/", "192.168.1.1:8080", "/",
                  "http://192.168.1.1:8080/"},
         }) {
        const auto url = parse_http_url(row.url);
        ASSERT_TRUE(url) << row.url;
        EXPECT_EQ(url->host.to_string(), row.host) << row.url;
        EXPECT_EQ(url->target, row.target) << row.url;
        EXPECT_EQ(url->to_string(), row.again) << row.url;
    }
}

TEST(HttpUrl, RefusesEverythingElse) {
    for (const char* url :
         {"", "http://", "http:///x", "https://192.168.1.1/", "ftp://192.168.1.1/", "192.168.1.1",
          "//192.168.1.1/", "file:///etc/passwd",
          // names, and numbers that only some take for addresses
          "http://localhost/", "http://router.lan/", "http://192.168.1.1.example/",
          "http://3232235777/", "http://0xc0a80101/", "http://192.168.1/", "http://192.168.01.1/",
          "http://(null):49152/",
          // who is the host here?
          "http://user@192.168.1.1/", "http://192.168.1.1@10.0.0.1/",
          "http://192.168.1.1\\@10.0.0.1/", "http://192.168.1.1 /", "http://192.168.1.1\t/",
          "http://192.168.1.1/a b", "http://192.168.1.1/\r\nHost: x", "http://192.168.1.1%2f/",
          "http://[fe80::1%3]/", "http://[fe80::1%25eth0]/", "http://[192.168.1.1]/",
          "http://fd00::1/", "http://[fd00::1/", "http://[fd00::1]x/", "http://[]/",
          "http://x[fd00::1]/", "http://[fd00::1]:/",
          // ports
          "http://192.168.1.1:/", "http://192.168.1.1:0/", "http://192.168.1.1:65536/",
          "http://192.168.1.1:-1/", "http://192.168.1.1:80:80/", "http://192.168.1.1:8o/",
          // addresses that no gateway has
          "http://0.0.0.0/", "http://[::]/", "http://239.255.255.250/", "http://[ff02::1]/",
          "http://192.168.1.1/\x80", "http://192.168.1.1/\x7f"}) {
        const auto parsed = parse_http_url(url);
        ASSERT_FALSE(parsed) << url;
        EXPECT_EQ(parsed.error().code, Errc::Unsafe) << url;
    }
    EXPECT_FALSE(parse_http_url("http://192.168.1.1/" + std::string(kMaxUrl, 'x')));
    EXPECT_FALSE(parse_http_url(std::string_view("http://192.168.1.1/\0x", 21)));
}

TEST(HttpUrl, KeepsItsMessageShort) {
    const auto parsed = parse_http_url("http://" + std::string(100'000, 'x'));
    ASSERT_FALSE(parsed);
    EXPECT_LT(parsed.error().message.size(), 300U);
}

} // namespace
} // namespace natterjack::net
