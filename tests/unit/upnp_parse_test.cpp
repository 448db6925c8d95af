// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "strategies/igd/upnp_parse.hpp"

namespace natterjack::igd {
namespace {

const std::string kLocation = "http://192.168.1.1:5000/rootDesc.xml";
const std::string kType = "urn:schemas-upnp-org:service:WANIPConnection:1";

std::string description_with(const std::string& control_url, const std::string& type = kType) {
    return "<root><device><serviceList><service><serviceType>" + type +
           "</serviceType><controlURL>" + control_url +
           "</controlURL></service></serviceList></device></root>";
}

TEST(ParseDescription, FollowsOnlyTheDevicesOwnAddress) {
    for (const char* url :
         {"http://192.168.1.2/ctl", "http://127.0.0.1/ctl", "http://[::1]/ctl", "http://8.8.8.8/",
          "http://router/ctl", "http://192.168.1.1@8.8.8.8/", "http://192.168.1.1.example/",
          "http://239.255.255.250/", "http://192.168.1.1:0/", "http://(null)/ctl"}) {
        const auto description = parse_description(description_with(url), kLocation);
        ASSERT_TRUE(description) << url;
        EXPECT_TRUE(description->services.empty()) << url;
        ASSERT_TRUE(description->refusal) << url;
        EXPECT_EQ(description->refusal->code, Errc::Unsafe) << url;
    }
}

TEST(ParseDescription, TakesOddRelativeUrlsForPathsOnTheDevice) {
    for (const char* url :
         {"//8.8.8.8/ctl", "https://8.8.8.8/ctl", "@8.8.8.8/ctl", ":80@8.8.8.8/"}) {
        const auto description = parse_description(description_with(url), kLocation);
        ASSERT_TRUE(description) << url;
        for (const auto& service : description->services) {
            EXPECT_TRUE(service.control_url.starts_with("http://192.168.1.1:5000/")) << url;
        }
    }
}

TEST(ParseDescription, RefusesLocationsThatAreNoNumericHttp) {
    for (const char* location : {"", "http://router/d.xml", "https://192.168.1.1/", "d.xml"}) {
        const auto description = parse_description(description_with("/ctl"), location);
        ASSERT_FALSE(description) << location;
        EXPECT_EQ(description.error().code, Errc::Unsafe);
    }
}

TEST(ParseDescription, KnowsWanServicesOnly) {
    for (const char* type :
         {"urn:schemas-upnp-org:service:Layer3Forwarding:1",
          "urn:schemas-upnp-org:service:WANIPConnection:", "urn:x:service:WANIPConnection:1",
          "urn:schemas-upnp-org:service:WANIPConnection:1 ; x",
          "urn:schemas-upnp-org:service:WANIPConnection:10", "\"#AddPortMapping"}) {
        const auto description = parse_description(description_with("/ctl", type), kLocation);
        ASSERT_TRUE(description);
        EXPECT_TRUE(description->services.empty()) << type;
    }
}

TEST(ParseDescription, StopsAtEightServices) {
    std::string document = "<root>";
    for (int i = 0; i < 100; ++i) {
        document += "<service><serviceType>" + kType + "</serviceType><controlURL>/" +
                    std::to_string(i) + "</controlURL></service>";
    }
    const auto description = parse_description(document + "</root>", kLocation);
    ASSERT_TRUE(description);
    EXPECT_EQ(description->services.size(), 8U);
}

TEST(ParseDescription, TakesAControlUrlOf127BytesAndNotOneMore) {
    const auto fits = "/" + std::string(126, 'a');
    const auto description = parse_description(description_with(fits), kLocation);
    ASSERT_TRUE(description);
    ASSERT_EQ(description->services.size(), 1U);
    EXPECT_EQ(description->services[0].control_url, "http://192.168.1.1:5000" + fits);
    const auto too_long = parse_description(description_with(fits + "a"), kLocation);
    ASSERT_TRUE(too_long);
    EXPECT_TRUE(too_long->services.empty());
    EXPECT_EQ(too_long->refusal->code, Errc::TooLarge);
}

TEST(ParseDescription, RefusesMoreThan256KiB) {
    const auto description =
        parse_description(description_with("/ctl") + std::string(kMaxDescription, ' '), kLocation);
    ASSERT_FALSE(description);
    EXPECT_EQ(description.error().code, Errc::TooLarge);
}

// What makes miniupnpc 2.2.4 read past its buffer, and other monsters.
TEST(ParseDescription, SurvivesWhatBreaksMiniupnpc) {
    for (const char* document : {"",
                                 "<",
                                 "<a",
                                 "<a b",
                                 "<a b=",
                                 "<a b='",
                                 "<a b=\"x",
                                 "<u:",
                                 "<u:a",
                                 "</",
                                 "<!--",
                                 "<!-",
                                 "<![CDATA[",
                                 "<![CDATA[x]]",
                                 "<a>",
                                 "<a>\xFF",
                                 "<?",
                                 "<?x",
                                 "<a/",
                                 "<root><service>",
                                 "<root><service/></service></root>"}) {
        EXPECT_FALSE(parse_description(document, kLocation)) << document;
    }
}

std::string reply_with(const std::string& arguments) {
    return "<s:Envelope><s:Body><u:XResponse>" + arguments + "</u:XResponse></s:Body></s:Envelope>";
}

Reply reply_of(const std::string& arguments) {
    const auto reply = parse_reply("X", reply_with(arguments));
    EXPECT_TRUE(reply) << arguments;
    return reply ? std::get<Reply>(*reply) : Reply{};
}

TEST(ParseReply, LeavesOutWhatMiniupnpcWouldCut) {
    const std::string fits(127, 'x');
    EXPECT_EQ(*reply_of("<A>" + fits + "</A>").find("A"), fits);
    EXPECT_EQ(reply_of("<A>" + fits + "x</A>").find("A"), nullptr);
    EXPECT_EQ(
        reply_of("<" + std::string(64, 'N') + ">v</" + std::string(64, 'N') + ">").arguments.size(),
        0U);
}

TEST(ParseReply, TakesTheFirstOfTwoAndAnyCase) {
    const auto reply = reply_of("<A>1</A><A>2</A>");
    EXPECT_EQ(*reply.find("a"), "1");
    EXPECT_EQ(reply.arguments.size(), 1U);
}

TEST(ParseReply, HoldsPrintableTextOnly) {
    EXPECT_EQ(*reply_of("<A>a\x01\x1b[2J&#27;&#x9b;b</A>").find("A"), "a[2Jb");
}

TEST(ParseReply, RefusesMoreThan64KiB) {
    const auto reply = parse_reply("X", reply_with("<A>" + std::string(kMaxReply, 'a') + "</A>"));
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, Errc::TooLarge);
}

TEST(ParseEntry, NeedsPortClientAndProtocol) {
    const std::string whole = "<NewExternalPort>80</NewExternalPort><NewProtocol>TCP</NewProtocol>"
                              "<NewInternalPort>8080</NewInternalPort>"
                              "<NewInternalClient>192.168.1.2</NewInternalClient>";
    const auto entry = parse_entry(reply_of(whole), std::nullopt);
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->external_port, 80);
    EXPECT_EQ(entry->internal.to_string(), "192.168.1.2:8080");
    EXPECT_EQ(entry->lease, Lifetime(0));
    EXPECT_TRUE(entry->enabled);
    for (const char* gone :
         {"NewExternalPort", "NewProtocol", "NewInternalPort", "NewInternalClient"}) {
        auto less = whole;
        less.replace(less.find(gone), 3, "Old");
        less.replace(less.find(gone), 3, "Old");
        EXPECT_FALSE(parse_entry(reply_of(less), std::nullopt)) << gone;
    }
    EXPECT_TRUE(parse_entry(reply_of("<NewInternalPort>1</NewInternalPort>"
                                     "<NewInternalClient>192.168.1.2</NewInternalClient>"),
                            EntryKey{Transport::Udp, 53}));
}

TEST(ParseEntry, TakesAClientThatIsCalledByItsName) {
    const auto entry = parse_entry(reply_of("<NewInternalPort>80</NewInternalPort>"
                                            "<NewInternalClient>nas\x01.lan</NewInternalClient>"),
                                   EntryKey{Transport::Tcp, 80});
    ASSERT_TRUE(entry);
    EXPECT_TRUE(entry->internal.address.is_unspecified());
    EXPECT_EQ(entry->internal.port, 80);
    EXPECT_EQ(entry->host.find('\x01'), std::string::npos);
    EXPECT_EQ(entry->host.substr(0, 3), "nas");
}

TEST(ParseEntry, RefusesNumbersThatWouldOverflow) {
    for (const char* port : {"65536", "65616", "-1", "0x50", " ", "8 0", "1e3"}) {
        EXPECT_FALSE(parse_entry(reply_of("<NewInternalPort>" + std::string(port) +
                                          "</NewInternalPort><NewInternalClient>192.168.1.2"
                                          "</NewInternalClient>"),
                                 EntryKey{}))
            << port;
    }
}

TEST(ParsePortListing, IsBounded) {
    std::string listing = "<PortMappingList>";
    for (int i = 0; i < 4000; ++i) listing += "<PortMappingEntry/>";
    EXPECT_FALSE(parse_port_listing(listing + "</PortMappingList>"));
}

TEST(ErrorName, IsMiniupnpcs) {
    EXPECT_EQ(error_name(718), "ConflictInMappingEntry");
}

} // namespace
} // namespace natterjack::igd
