// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "wire/ssdp.hpp"

namespace natterjack::ssdp {
namespace {

std::vector<std::uint8_t> bytes(std::string_view text) {
    return {text.begin(), text.end()};
}

std::string text(const std::vector<std::uint8_t>& data) {
    return {data.begin(), data.end()};
}

constexpr std::string_view kMiniupnpd =
    "HTTP/1.1 200 OK\r\n"
    "CACHE-CONTROL: max-age=120\r\n"
    "ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n"
    "USN: uuid:1::urn:schemas-upnp-org:device:X:1\r\n"
    "EXT:\r\n"
    "SERVER: Debian/12 UPnP/1.1 MiniUPnPd/2.3.1\r\n"
    "LOCATION: http://192.168.1.1:5000/rootDesc.xml\r\n"
    "OPT: \"http://schemas.upnp.org/upnp/1/0/\"; ns=01\r\n"
    "01-NLS: 1\r\n"
    "\r\n";

TEST(SsdpSearch, IsLaidOutAsInTheArchitecture) {
    EXPECT_EQ(text(encode(Search{std::string(kGateway1), 1})),
              "M-SEARCH * HTTP/1.1\r\n"
              "HOST: 239.255.255.250:1900\r\n"
              "MAN: \"ssdp:discover\"\r\n"
              "MX: 1\r\n"
              "ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n"
              "\r\n");
}

TEST(SsdpSearch, RoundTrips) {
    const Search search{std::string(kRootDevice), 3};
    const auto again = decode_search(encode(search));
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, search);
}

TEST(SsdpSearch, RefusesOtherMessages) {
    for (const char* message :
         {"", "NOTIFY * HTTP/1.1\r\nNTS: ssdp:alive\r\n\r\n",
          "M-SEARCH * HTTP/1.1\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\n\r\n",
          "M-SEARCH * HTTP/1.1\r\nST: a\r\nMX: 1\r\n\r\n",
          "M-SEARCH * HTTP/1.1\r\nST: a\r\nMAN: \"ssdp:discover\"\r\nMX: x\r\n\r\n"}) {
        const auto search = decode_search(bytes(message));
        ASSERT_FALSE(search) << message;
        EXPECT_EQ(search.error().code, Errc::Malformed);
    }
}

TEST(SsdpResponse, DecodesMiniupnpd) {
    const auto response = decode_response(bytes(kMiniupnpd));
    ASSERT_TRUE(response);
    EXPECT_EQ(response->location, "http://192.168.1.1:5000/rootDesc.xml");
    EXPECT_EQ(response->target, kGateway1);
    EXPECT_EQ(response->usn, "uuid:1::urn:schemas-upnp-org:device:X:1");
    EXPECT_EQ(response->server, "Debian/12 UPnP/1.1 MiniUPnPd/2.3.1");
}

TEST(SsdpResponse, RoundTrips) {
    const Response response{"http://192.0.2.1/d", "st", "uuid:2", "server"};
    const auto again = decode_response(encode(response));
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, response);
}

TEST(SsdpResponse, TakesBareLineFeedsAnyCaseAndOldVersions) {
    const auto response =
        decode_response(bytes("HTTP/1.0 200 \nlocation:http://192.0.2.1/\nSt:  a\nusn: b"));
    ASSERT_TRUE(response);
    EXPECT_EQ(*response, (Response{"http://192.0.2.1/", "a", "b", ""}));
}

TEST(SsdpResponse, TakesNtInPlaceOfSt) {
    const auto response =
        decode_response(bytes("HTTP/1.1 200 OK\r\nNT: a\r\nLocation: http://192.0.2.1/\r\n\r\n"));
    ASSERT_TRUE(response);
    EXPECT_EQ(response->target, "a");
}

TEST(SsdpResponse, IsNeverMadeOfAPrefix) {
    // A cut datagram may lack its last, unneeded headers; it must never carry a changed field.
    const auto whole = decode_response(bytes(kMiniupnpd));
    const auto location_end =
        kMiniupnpd.find("rootDesc.xml") + std::string_view("rootDesc.xml").size();
    for (std::size_t length = 0; length < location_end; ++length) {
        const auto cut = decode_response(bytes(kMiniupnpd.substr(0, length)));
        if (cut) {
            EXPECT_NE(cut->location, whole->location) << length;
        } else {
            EXPECT_EQ(cut.error().code, Errc::Malformed) << length;
        }
    }
}

TEST(SsdpResponse, RefusesWhatIsNoAnswer) {
    const std::string tail = "\r\nST: a\r\nLOCATION: http://192.0.2.1/\r\n\r\n";
    for (const std::string& line :
         {std::string("HTTP/1.1 404 Not Found"), std::string("HTTP/1.1 2000 OK"),
          std::string("HTTP/2 200"), std::string("NOTIFY * HTTP/1.1"), std::string("200 OK")}) {
        EXPECT_FALSE(decode_response(bytes(line + tail))) << line;
    }
    EXPECT_FALSE(decode_response(bytes("HTTP/1.1 200 OK\r\nST: a\r\n\r\n")));
    EXPECT_FALSE(decode_response(bytes("HTTP/1.1 200 OK\r\nLOCATION: http://192.0.2.1/\r\n\r\n")));
    EXPECT_FALSE(decode_response(bytes("HTTP/1.1 200 OK\r\n\r\nST: a\r\nLOCATION: x\r\n")));
}

TEST(SsdpResponse, BoundsDatagramAndHeaders) {
    const std::string head = "HTTP/1.1 200 OK\r\nST: a\r\nLOCATION: http://192.0.2.1/";
    const auto long_header =
        decode_response(bytes(head + std::string(kMaxValue, 'a') + "\r\n\r\n"));
    ASSERT_FALSE(long_header);
    EXPECT_EQ(long_header.error().code, Errc::TooLarge);
    const auto long_datagram =
        decode_response(bytes(head + "\r\n" + std::string(kMaxDatagram, '\n')));
    ASSERT_FALSE(long_datagram);
    EXPECT_EQ(long_datagram.error().code, Errc::TooLarge);
}

TEST(SsdpResponse, HoldsPrintableTextOnly) {
    const auto response = decode_response(bytes(
        "HTTP/1.1 200 OK\r\nST: a\r\nSERVER: x\x1b[2Jy\xFF\r\nLOCATION: http://192.0.2.1/\r\n"));
    ASSERT_TRUE(response);
    EXPECT_EQ(response->server, "x[2Jy\xEF\xBF\xBD");
}

} // namespace
} // namespace natterjack::ssdp
