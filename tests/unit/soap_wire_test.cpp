// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "wire/soap.hpp"
#include "wire/xml.hpp"

namespace natterjack::soap {
namespace {

const Request kRequest{"urn:schemas-upnp-org:service:WANIPConnection:1",
                       "DeletePortMapping",
                       {{"NewRemoteHost", ""}, {"NewExternalPort", "80"}, {"NewProtocol", "TCP"}}};

TEST(SoapRequest, IsLaidOutAsInTheArchitecture) {
    EXPECT_EQ(encode(kRequest),
              "<?xml version=\"1.0\"?>\r\n"
              "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" "
              "s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body>"
              "<u:DeletePortMapping xmlns:u=\"urn:schemas-upnp-org:service:WANIPConnection:1\">"
              "<NewRemoteHost></NewRemoteHost><NewExternalPort>80</NewExternalPort>"
              "<NewProtocol>TCP</NewProtocol></u:DeletePortMapping></s:Body></s:Envelope>\r\n");
    EXPECT_EQ(action_header(kRequest),
              "\"urn:schemas-upnp-org:service:WANIPConnection:1#DeletePortMapping\"");
}

TEST(SoapRequest, RoundTripsWhateverTheDescriptionHolds) {
    auto request = kRequest;
    request.arguments.emplace_back(
        "NewPortMappingDescription",
        "a</NewPortMappingDescription><NewLeaseDuration>9</NewLeaseDuration>&\"'");
    const auto again = decode_request(action_header(request), encode(request));
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(*again, request);
}

TEST(SoapRequest, LosesControlCharacters) {
    auto request = kRequest;
    request.arguments[0].second = std::string("a\0\n\x1b]0;b", 8);
    const auto again = decode_request(action_header(request), encode(request));
    ASSERT_TRUE(again);
    EXPECT_EQ(again->arguments[0].second, "a]0;b");
}

TEST(SoapRequest, RefusesEveryTruncation) {
    auto body = encode(kRequest);
    body.resize(body.find("</s:Envelope>") + 12);
    for (std::size_t length = 0; length < body.size(); ++length) {
        EXPECT_FALSE(decode_request(action_header(kRequest), body.substr(0, length))) << length;
    }
}

TEST(SoapRequest, NeedsTheHeaderInQuotesAndTheSameAction) {
    const auto body = encode(kRequest);
    for (const char* header : {"", "\"\"", "urn:x#DeletePortMapping", "\"urn:x\"",
                               "\"urn:x#AddPortMapping\"", "\"urn:x#\""}) {
        EXPECT_FALSE(decode_request(header, body)) << header;
    }
    EXPECT_FALSE(decode_request(action_header(kRequest), "<html><body/></html>"));
}

TEST(SoapResponse, NamesTheActionsResponse) {
    const auto root = xml::parse(
        encode(Response{"urn:x", "GetExternalIPAddress", {{"NewExternalIPAddress", "192.0.2.1"}}}));
    ASSERT_TRUE(root);
    const auto* response = root->child("Body")->child("GetExternalIPAddressResponse");
    ASSERT_NE(response, nullptr);
    EXPECT_EQ(response->child("NewExternalIPAddress")->text, "192.0.2.1");
}

TEST(SoapFault, CarriesTheUpnpError) {
    const auto root = xml::parse(encode(Fault{718, "Conflict<InMapping>"}));
    ASSERT_TRUE(root);
    const auto* error = root->child("Body")->child("Fault")->child("detail")->child("UPnPError");
    ASSERT_NE(error, nullptr);
    EXPECT_EQ(error->child("errorCode")->text, "718");
    EXPECT_EQ(error->child("errorDescription")->text, "Conflict<InMapping>");
}

} // namespace
} // namespace natterjack::soap
