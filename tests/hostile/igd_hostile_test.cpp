// SPDX-License-Identifier: MIT
// The IGD mapper and gateways that are broken or mean ill: each attempt ends before its deadline,
// with an error that fits, and nothing is believed, followed or left behind.
#include "tests/support/igd_fixture.hpp"

namespace natterjack::test {
namespace {

using namespace std::chrono_literals;

using IgdHostile = IgdTest;

ScriptedResponse page(int status) {
    ScriptedResponse response;
    response.status = status;
    response.content_type = "text/html";
    response.body = "<html><body><h1>Hello</h1></body></html>";
    return response;
}

ScriptedResponse text(std::string body) {
    ScriptedResponse response;
    response.body = std::move(body);
    return response;
}

ScriptedResponse trickle() {
    ScriptedResponse response;
    response.body = std::string(1000, ' ');
    response.per_byte = 1000ms;
    return response;
}

ScriptedResponse endless() {
    ScriptedResponse response;
    response.body = std::string(16384, 'a');
    response.endless = true;
    return response;
}

ScriptedResponse silence() {
    ScriptedResponse response;
    response.silent = true;
    return response;
}

ScriptedResponse hang_up() {
    ScriptedResponse response;
    response.reset = true;
    return response;
}

ScriptedResponse redirect(const std::string& to) {
    auto response = page(302);
    response.headers["Location"] = to;
    return response;
}

std::string entity_bomb() {
    std::string out = "<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY l0 \"lol\">";
    for (int i = 1; i < 10; ++i) {
        out += "<!ENTITY l" + std::to_string(i) + " \"";
        for (int j = 0; j < 10; ++j) out += "&l" + std::to_string(i - 1) + ";";
        out += "\">";
    }
    return out + "]><root>&l9;</root>";
}

std::string deep_nesting() {
    std::string out;
    for (int i = 0; i < 30000; ++i) out += "<device>";
    return out;
}

// --- SSDP

TEST_F(IgdHostile, LocationsElsewhereAreNotFollowed) {
    const ScriptedHttpServer trap(runner.loop(), {kHost, 0}, [](const ScriptedRequest&) {
        ADD_FAILURE() << "a location was followed";
        return ScriptedResponse{};
    });
    const auto port = std::to_string(trap.endpoint().port);
    for (const auto& location :
         {"http://192.168.77.2:" + port + "/d.xml", "http://127.0.0.1:" + port + "/d.xml",
          "http://localhost:" + port + "/d.xml", "http://[::1]:" + port + "/d.xml",
          "http://(null):" + port + "/d.xml", std::string("https://192.168.77.1/d.xml"),
          std::string("http://8.8.8.8/d.xml"), std::string("file:///etc/hostname")}) {
        igd.manners.location = location;
        mapper = make_igd_mapper(runner.loop(), path());
        const auto mapping = map(request(), 200ms);
        ASSERT_FALSE(mapping) << location;
        EXPECT_EQ(mapping.error().code, Errc::Unsafe) << location;
        EXPECT_NE(mapping.error().message.find("192.168.77.1"), std::string::npos);
    }
    EXPECT_EQ(trap.accepted(), 0);
}

TEST_F(IgdHostile, AWrongPathOrPortIsNoGateway) {
    igd.manners.location = "http://192.168.77.1:1/d.xml";
    EXPECT_EQ(map().error().code, Errc::Network) << "refused";
    igd.manners.location.clear();
    igd.manners.description = page(404);
    EXPECT_EQ(map().error().code, Errc::Mismatch);
}

// --- descriptions

struct Bad {
    const char* name;
    ScriptedResponse response;
    Errc errc;

    friend std::ostream& operator<<(std::ostream& out, const Bad& bad) { return out << bad.name; }
};

class IgdBadDescription : public IgdTest, public testing::WithParamInterface<Bad> {};

TEST_P(IgdBadDescription, EndsInTimeWithAFittingError) {
    igd.manners.description = GetParam().response;
    const auto mapping = map(request(), 1500ms);
    ASSERT_FALSE(mapping);
    EXPECT_EQ(mapping.error().code, GetParam().errc) << mapping.error().message;
    EXPECT_TRUE(igd.requests.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Table, IgdBadDescription,
    testing::Values(
        Bad{"Page404", page(404), Errc::Mismatch}, Bad{"Page200", page(200), Errc::Malformed},
        Bad{"Page500", page(500), Errc::Mismatch},
        Bad{"RedirectElsewhere", redirect("http://192.168.77.2/d.xml"), Errc::Mismatch},
        Bad{"RedirectToItself", redirect("/rootDesc.xml"), Errc::Mismatch},
        Bad{"Silence", silence(), Errc::Timeout}, Bad{"OneByteASecond", trickle(), Errc::Timeout},
        Bad{"EndlessBody", endless(), Errc::TooLarge}, Bad{"HangsUp", hang_up(), Errc::Network},
        Bad{"EntityBomb", text(entity_bomb()), Errc::Malformed},
        Bad{"DeepNesting", text(deep_nesting()), Errc::TooLarge},
        Bad{"TooLong", text(std::string(300000, ' ')), Errc::TooLarge},
        Bad{"Empty", text(""), Errc::Truncated}, Bad{"NoXml", text("hello"), Errc::Malformed},
        Bad{"NoServices", text("<root><device/></root>"), Errc::NotFound},
        Bad{"EmptyServiceList", text("<root><device><serviceList/></device></root>"),
            Errc::NotFound}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(IgdHostile, ControlUrlsElsewhereAreNotFollowed) {
    const ScriptedHttpServer trap(runner.loop(), {kHost, 0}, [](const ScriptedRequest&) {
        ADD_FAILURE() << "a control URL was followed";
        return ScriptedResponse{};
    });
    const auto port = std::to_string(trap.endpoint().port);
    for (const auto& url :
         {"http://192.168.77.2:" + port + "/ctl", "http://127.0.0.1:" + port + "/ctl",
          "http://localhost:" + port + "/", std::string("http://8.8.8.8/ctl")}) {
        igd.manners.services = {{FakeIgd::kIp1, url, true}};
        mapper = make_igd_mapper(runner.loop(), path());
        const auto mapping = map(request(), 200ms);
        ASSERT_FALSE(mapping) << url;
        EXPECT_EQ(mapping.error().code, Errc::Unsafe) << mapping.error().message;
    }
    EXPECT_EQ(trap.accepted(), 0);
}

TEST_F(IgdHostile, ADescriptionCutAnywhereIsNoGateway) {
    const std::string whole = "<?xml version=\"1.0\"?><root><device><serviceList><service>"
                              "<serviceType>" +
                              FakeIgd::kIp1 +
                              "</serviceType><controlURL>/ctl</controlURL></service></serviceList>"
                              "</device></root>";
    for (std::size_t length = 0; length < whole.size(); length += 7) {
        igd.manners.description = text(whole.substr(0, length));
        mapper = make_igd_mapper(runner.loop(), path());
        const auto mapping = map(request(), 100ms); // the answer is there at once
        ASSERT_FALSE(mapping);
        EXPECT_EQ(mapping.error().code, Errc::Truncated) << length;
    }
}

// --- SOAP: the addition

class IgdBadAnswer : public IgdTest, public testing::WithParamInterface<Bad> {};

TEST_P(IgdBadAnswer, ToTheAdditionIsNoSuccess) {
    igd.manners.answers["AddPortMapping"] = GetParam().response;
    const auto mapping = map(request(), 1000ms);
    ASSERT_FALSE(mapping);
    EXPECT_EQ(mapping.error().code, GetParam().errc) << mapping.error().message;
    drain();
    EXPECT_TRUE(igd.table.empty());
}

TEST_P(IgdBadAnswer, ToEverythingIsNoSuccess) {
    igd.manners.answers["*"] = GetParam().response;
    const auto mapping = map(request(), 1000ms);
    ASSERT_FALSE(mapping);
    EXPECT_EQ(mapping.error().code, GetParam().errc) << mapping.error().message;
    mapper = make_igd_mapper(runner.loop(), path());
    const auto listing = list(1000ms);
    ASSERT_FALSE(listing);
    EXPECT_EQ(listing.error().code, GetParam().errc) << listing.error().message;
    const auto address = external_address(1000ms);
    ASSERT_FALSE(address);
    EXPECT_EQ(address.error().code, GetParam().errc) << address.error().message;
}

TEST_P(IgdBadAnswer, ToTheDeletionIsNoSuccess) {
    const auto mapping = map();
    ASSERT_TRUE(mapping) << mapping.error().message;
    igd.manners.answers["DeletePortMapping"] = GetParam().response;
    const auto gone = unmap(*mapping, 1000ms);
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().code, GetParam().errc) << gone.error().message;
}

TEST_P(IgdBadAnswer, ToTheReadingBackIsNoSuccess) {
    igd.manners.hook = [&](const soap::Request& asked) -> std::optional<ScriptedResponse> {
        const bool back = asked.action == "GetSpecificPortMappingEntry" && !igd.table.empty();
        return back ? std::optional(GetParam().response) : std::nullopt;
    };
    const auto mapping = map(request(), 1000ms);
    ASSERT_FALSE(mapping);
    EXPECT_EQ(mapping.error().code, GetParam().errc) << mapping.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    Table, IgdBadAnswer,
    testing::Values(
        Bad{"Page404", page(404), Errc::Mismatch}, Bad{"Page200", page(200), Errc::Malformed},
        Bad{"Page500", page(500), Errc::Mismatch},
        Bad{"Redirect", redirect("http://192.168.77.2/ctl"), Errc::Mismatch},
        Bad{"Silence", silence(), Errc::Timeout}, Bad{"OneByteASecond", trickle(), Errc::Timeout},
        Bad{"EndlessBody", endless(), Errc::TooLarge}, Bad{"HangsUp", hang_up(), Errc::Network},
        Bad{"EntityBomb", text(entity_bomb()), Errc::Malformed},
        Bad{"DeepNesting", text(deep_nesting().substr(0, 60000)), Errc::TooLarge},
        Bad{"Empty", text(""), Errc::Truncated},
        Bad{"Cut", text("<s:Envelope><s:Body><u:AddPortMappingResp"), Errc::Truncated}),
    [](const auto& test) { return std::string(test.param.name); });

struct Refusal {
    int code;
    Errc errc;
    friend std::ostream& operator<<(std::ostream& out, const Refusal& row) {
        return out << row.code;
    }
};

class IgdErrorCode : public IgdTest, public testing::WithParamInterface<Refusal> {};

TEST_P(IgdErrorCode, EndsInWordsAndWithTheCode) {
    igd.manners.faults["AddPortMapping"] = GetParam().code;
    auto wanted = request();
    wanted.exact = true;
    const auto mapping = map(wanted);
    ASSERT_FALSE(mapping);
    EXPECT_EQ(mapping.error().code, GetParam().errc);
    EXPECT_EQ(mapping.error().detail, GetParam().code) << mapping.error().message;
    EXPECT_LE(igd.count("AddPortMapping"), 3);
    EXPECT_LT(took, 1000ms);
    EXPECT_TRUE(igd.table.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Codes, IgdErrorCode,
    testing::Values(
        Refusal{401, Errc::Unsupported}, Refusal{402, Errc::Refused}, Refusal{403, Errc::Refused},
        Refusal{404, Errc::Unsupported}, Refusal{501, Errc::Refused}, Refusal{600, Errc::Refused},
        Refusal{601, Errc::Refused}, Refusal{602, Errc::Unsupported}, Refusal{603, Errc::Refused},
        Refusal{604, Errc::Refused}, Refusal{605, Errc::Refused}, Refusal{606, Errc::Refused},
        Refusal{713, Errc::NotFound}, Refusal{714, Errc::NotFound}, Refusal{715, Errc::Refused},
        Refusal{716, Errc::Refused}, Refusal{718, Errc::Conflict}, Refusal{724, Errc::Refused},
        Refusal{725, Errc::Refused}, Refusal{726, Errc::Refused}, Refusal{727, Errc::Refused},
        Refusal{728, Errc::Refused}, Refusal{729, Errc::Conflict}, Refusal{732, Errc::Refused},
        Refusal{733, Errc::Refused}, Refusal{-911, Errc::Refused}, Refusal{899, Errc::Refused}),
    [](const auto& test) {
        return test.param.code < 0 ? "Minus" + std::to_string(-test.param.code)
                                   : std::to_string(test.param.code);
    });

TEST_F(IgdHostile, SayingYesAndDoingNothingIsNoSuccess) {
    igd.manners.does_nothing = true;
    const auto mapping = map();
    ASSERT_FALSE(mapping);
    EXPECT_EQ(mapping.error().code, Errc::Mismatch);
    EXPECT_NE(mapping.error().message.find("table does not show it"), std::string::npos);
}

TEST_F(IgdHostile, AnEntryThatLeadsElsewhereIsNoSuccess) {
    igd.manners.overwrites = entry(6667, {IpAddress::v4(0xC0A84D63), 6667});
    const auto mapping = map();
    ASSERT_FALSE(mapping);
    EXPECT_EQ(mapping.error().code, Errc::Conflict);
    drain();
    EXPECT_EQ(igd.count("DeletePortMapping"), 0) << "it is somebody else's";
}

TEST_F(IgdHostile, AnEntryThatIsSwitchedOffIsNoSuccessAndTakenBack) {
    igd.manners.overwrites = entry(6667, {kHost, 6667}, "natterjack");
    igd.manners.overwrites->enabled = false;
    const auto mapping = map();
    ASSERT_FALSE(mapping);
    EXPECT_EQ(mapping.error().code, Errc::Refused);
    drain();
    EXPECT_TRUE(igd.table.empty());
}

TEST_F(IgdHostile, AFullTableIsSaidInWords) {
    igd.manners.capacity = 0;
    const auto mapping = map();
    ASSERT_FALSE(mapping);
    EXPECT_EQ(mapping.error().detail, 728);
    EXPECT_NE(mapping.error().message.find("full"), std::string::npos);
}

TEST_F(IgdHostile, AWrongControlUrlIsNoSuccess) {
    // The path of the description leads nowhere: 404 with a page, as a captive portal has it.
    igd.manners.description =
        text("<root><device><serviceList><service><serviceType>" + FakeIgd::kIp1 +
             "</serviceType><controlURL>/nowhere</controlURL></service>"
             "</serviceList></device></root>");
    const auto mapping = map();
    ASSERT_FALSE(mapping);
    EXPECT_EQ(mapping.error().code, Errc::Mismatch);
    EXPECT_EQ(mapping.error().detail, 404);
}

TEST_F(IgdHostile, AnEndlessTableOfNonsenseIsGivenUp) {
    igd.manners.hook = [](const soap::Request& asked) -> std::optional<ScriptedResponse> {
        if (asked.action != "GetGenericPortMappingEntry") return std::nullopt;
        return text(soap::encode(soap::Response{asked.service_type, asked.action, {}}));
    };
    const auto mappings = list();
    ASSERT_FALSE(mappings);
    EXPECT_EQ(mappings.error().code, Errc::Malformed);
    EXPECT_LT(igd.requests.size(), 20U);
}

TEST_F(IgdHostile, ASlowTableEndsWithTheDeadline) {
    igd.manners.hook = [](const soap::Request& asked) -> std::optional<ScriptedResponse> {
        if (asked.action != "GetGenericPortMappingEntry") return std::nullopt;
        auto slow = text(soap::encode(soap::Response{asked.service_type,
                                                     asked.action,
                                                     {{"NewExternalPort", "80"},
                                                      {"NewProtocol", "TCP"},
                                                      {"NewInternalPort", "80"},
                                                      {"NewInternalClient", "192.168.77.9"}}}));
        slow.delay = 50ms;
        return slow;
    };
    const auto mappings = list(700ms);
    ASSERT_FALSE(mappings);
    EXPECT_EQ(mappings.error().code, Errc::Timeout);
}

} // namespace
} // namespace natterjack::test
