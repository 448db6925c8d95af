// SPDX-License-Identifier: MIT
// The IGD mapper and gateways that mean well, each in its own way.
#include <set>

#include "tests/support/igd_fixture.hpp"

namespace natterjack::test {
namespace {

using namespace std::chrono_literals;

using IgdMapper = IgdTest;

// --- finding the gateway

TEST_F(IgdMapper, FindsTheGateway) {
    const auto service = probe();
    ASSERT_TRUE(service) << service.error().message;
    EXPECT_EQ(service->product, "Fake/1.0 UPnP/1.1 FakeIgd/1.0");
    EXPECT_LT(took, 500ms) << "answers are taken as they come";
    EXPECT_TRUE(igd.requests.empty()) << "one service needs no question";
}

TEST_F(IgdMapper, FindsGatewaysThatAnswerOnlyOneWay) {
    igd.manners.answers_multicast = false;
    EXPECT_TRUE(probe());
    mapper = make_igd_mapper(runner.loop(), path());
    igd.manners.answers_multicast = true;
    igd.manners.answers_unicast = false;
    EXPECT_TRUE(probe());
}

TEST_F(IgdMapper, FindsGatewaysByEachTarget) {
    for (const char* target :
         {"urn:schemas-upnp-org:device:InternetGatewayDevice:1",
          "urn:schemas-upnp-org:device:InternetGatewayDevice:2", "upnp:rootdevice"}) {
        igd.manners.target = target;
        mapper = make_igd_mapper(runner.loop(), path());
        EXPECT_TRUE(probe()) << target;
    }
}

TEST_F(IgdMapper, TakesAnswersFromAnotherPort) {
    igd.manners.answer_port = 0;
    EXPECT_TRUE(probe());
}

TEST_F(IgdMapper, KnowsWithinASecondThatNobodyIsThere) {
    igd.manners.answers_unicast = igd.manners.answers_multicast = false;
    const auto service = probe(5s);
    ASSERT_FALSE(service);
    EXPECT_EQ(service.error().code, Errc::Timeout);
    EXPECT_GE(took, 950ms);
    EXPECT_LE(took, 1200ms);
    EXPECT_EQ(igd.searches, 24) << "six searches, four times";
}

TEST_F(IgdMapper, EndsAtAnEarlierDeadline) {
    igd.manners.answers_unicast = igd.manners.answers_multicast = false;
    EXPECT_EQ(probe(250ms).error().code, Errc::Timeout);
    EXPECT_LE(took, 400ms);
}

TEST_F(IgdMapper, PrefersTheGatewayToARepeater) {
    {
        const InRouter inside;
        ip("addr add 192.168.77.3/24 dev gw0");
    }
    {
        FakeIgd repeater(runner.loop(), IpAddress::v4(0xC0A84D03));
        igd.manners.ssdp_delay = 120ms;
        const auto mapping = map();
        ASSERT_TRUE(mapping) << mapping.error().message;
        EXPECT_EQ(mapping->gateway, kGateway);
        EXPECT_TRUE(repeater.table.empty());

        mapper = make_igd_mapper(runner.loop(), path());
        igd.manners.answers_unicast = igd.manners.answers_multicast = false;
        const auto second = map(request(6668));
        ASSERT_TRUE(second) << "the other one is better than nothing";
        EXPECT_EQ(second->gateway, IpAddress::v4(0xC0A84D03));
        EXPECT_GE(took, 250ms);
    }
    const InRouter inside;
    ip("addr del 192.168.77.3/24 dev gw0");
}

TEST_F(IgdMapper, TakesTheConnectedOneOfSeveralServices) {
    igd.manners.services = {{FakeIgd::kIp1, "/ip", false}, {FakeIgd::kPpp, "/ppp", true}};
    const auto mapping = map();
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_EQ(mapping->service_type, FakeIgd::kPpp);
    EXPECT_TRUE(mapping->control_url.ends_with("/ppp"));
    EXPECT_EQ(igd.count("GetStatusInfo"), 2);
}

TEST_F(IgdMapper, TakesTheBestServiceWhenNoneSaysThatItIsConnected) {
    igd.manners.services = {{FakeIgd::kPpp, "/ppp", false}, {FakeIgd::kIp1, "/ip", false}};
    const auto mapping = map();
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_EQ(mapping->service_type, FakeIgd::kIp1);
}

TEST_F(IgdMapper, SpeaksAllKindsOfService) {
    for (const auto& type : {FakeIgd::kIp1, FakeIgd::kIp2, FakeIgd::kPpp,
                             std::string("urn:dslforum-org:service:WANPPPConnection:1")}) {
        igd.manners.services = {{type, "/ctl", true}};
        igd.table.clear();
        mapper = make_igd_mapper(runner.loop(), path());
        const auto mapping = map();
        ASSERT_TRUE(mapping) << type << ": " << mapping.error().message;
        EXPECT_EQ(mapping->service_type, type);
    }
}

// --- mapping

TEST_F(IgdMapper, MapsAndReadsBack) {
    const auto mapping = map();
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_EQ(mapping->strategy, Strategy::Igd);
    EXPECT_EQ(mapping->transport, Transport::Tcp);
    EXPECT_EQ(mapping->internal, (Endpoint{kHost, 6667}));
    EXPECT_EQ(mapping->external.to_string(), "25.0.113.7:6667");
    EXPECT_EQ(mapping->lifetime, Lifetime(7200));
    EXPECT_EQ(mapping->gateway, kGateway);
    EXPECT_EQ(mapping->description, "natterjack");
    EXPECT_EQ(mapping->note, "");
    ASSERT_EQ(igd.table.size(), 1U);
    EXPECT_EQ(igd.table[0].internal, mapping->internal);
    EXPECT_EQ(igd.table[0].lease, Lifetime(7200));
    EXPECT_EQ(igd.count("GetSpecificPortMappingEntry"), 2) << "before and after";
}

MappingRequest restricted(MappingRequest request, const char* only_from) {
    request.only_from = {*RemotePeers::parse(only_from)};
    return request;
}

TEST_F(IgdMapper, MapsForOneRemoteHostAndReadsThatBack) {
    igd.table.push_back(entry(80, {kHost, 80}));
    const auto mapping = map(restricted(request(), "192.0.2.9"));
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_EQ(mapping->only_from.size(), 1U);
    ASSERT_EQ(igd.table.size(), 2U);
    EXPECT_EQ(igd.table[1].remote_host, "192.0.2.9");
    auto renewal = restricted(request(), "192.0.2.9");
    renewal.renew = *mapping;
    ASSERT_TRUE(map(renewal));
    EXPECT_EQ(igd.find(Transport::Tcp, 6667)->remote_host, "192.0.2.9");
    EXPECT_TRUE(unmap(*mapping));
    EXPECT_EQ(igd.table.size(), 1U);
}

TEST_F(IgdMapper, TakesBackWhatARouterOpensToEverybodyInstead) {
    igd.manners.ignores_remote_host = true;
    const auto mapping = map(restricted(request(), "192.0.2.9"));
    ASSERT_FALSE(mapping);
    EXPECT_EQ(mapping.error().code, Errc::Unsupported);
    EXPECT_NE(mapping.error().message.find("cannot restrict"), std::string::npos);
    ASSERT_TRUE(runner.run_until([this] { return igd.table.empty(); }));
}

TEST_F(IgdMapper, AsksForNothingThatUpnpCannotRestrict) {
    for (const auto* only_from : {"192.0.2.0/24", "192.0.2.9:5000"}) {
        const auto mapping = map(restricted(request(), only_from));
        ASSERT_FALSE(mapping);
        EXPECT_EQ(mapping.error().code, Errc::Unsupported);
    }
    EXPECT_EQ(igd.count("AddPortMapping"), 0);
    igd.manners.faults = {{"AddPortMapping", 726}};
    EXPECT_EQ(map(restricted(request(), "192.0.2.9")).error().code, Errc::Unsupported);
    EXPECT_TRUE(igd.table.empty());
}

TEST_F(IgdMapper, ReplacesItsOwnEntryThatLetsInOthers) {
    const auto open = map();
    ASSERT_TRUE(open);
    auto narrower = restricted(request(), "192.0.2.9");
    narrower.renew = *open;
    const auto restricted_now = map(narrower);
    ASSERT_TRUE(restricted_now) << restricted_now.error().message;
    ASSERT_EQ(igd.table.size(), 1U);
    EXPECT_EQ(igd.table[0].remote_host, "192.0.2.9");
    auto wider = request();
    wider.renew = *restricted_now;
    ASSERT_TRUE(map(wider));
    ASSERT_EQ(igd.table.size(), 1U);
    EXPECT_EQ(igd.table[0].remote_host, "");
}

TEST_F(IgdMapper, EscapesTheDescription) {
    auto wanted = request();
    wanted.description = "a</NewPortMappingDescription><NewEnabled>0</NewEnabled>\x1b";
    const auto mapping = map(wanted);
    ASSERT_TRUE(mapping) << mapping.error().message;
    ASSERT_EQ(igd.table.size(), 1U);
    EXPECT_EQ(igd.table[0].description, "a</NewPortMappingDescription><NewEnabled>0</NewEnabled>");
    EXPECT_TRUE(igd.table[0].enabled);
}

TEST_F(IgdMapper, NeverSendsAnEmptyDescriptionOrPortZero) {
    auto wanted = request();
    wanted.description.clear();
    wanted.external_port = 0;
    const auto mapping = map(wanted);
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_EQ(mapping->external.port, 6667);
    EXPECT_EQ(igd.table[0].description, "natterjack");
}

TEST_F(IgdMapper, KnowsItsOwnEntryWhoseDescriptionHadBlanksAround) {
    auto wanted = request();
    wanted.description = " game night ";
    for (int i = 0; i < 2; ++i) {
        const auto mapping = map(wanted);
        ASSERT_TRUE(mapping) << mapping.error().message;
        EXPECT_EQ(mapping->external.port, 6667);
        EXPECT_EQ(mapping->description, "game night");
    }
    EXPECT_EQ(igd.table.size(), 1U);
}

TEST_F(IgdMapper, RefreshesItsOwnEntry) {
    igd.table = {entry(6667, {kHost, 6667}, "natterjack")};
    const auto mapping = map();
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_EQ(mapping->external.port, 6667);
    ASSERT_EQ(igd.table.size(), 1U);
    EXPECT_EQ(igd.table[0].lease, Lifetime(7200));
}

TEST_F(IgdMapper, BelievesTheTableWhenItsOwnEntryIsCalledAConflict) {
    igd.table = {entry(6667, {kHost, 6667}, "natterjack")};
    igd.manners.faults["AddPortMapping"] = 718;
    const auto mapping = map();
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_EQ(mapping->external.port, 6667);
}

TEST_F(IgdMapper, LeavesOthersEntriesAloneAndTakesAnotherPort) {
    const IpAddress other_host = IpAddress::v4(0xC0A84D63);
    for (const auto& owner : {entry(6667, {other_host, 6667}, "natterjack"), // another host's
                              entry(6667, {kHost, 5555}, "natterjack"), // this host's, another port
                              entry(6667, {kHost, 6667}, "torrent")}) { // another program's
        for (const auto& type : {FakeIgd::kIp1, FakeIgd::kIp2}) {
            igd.table = {owner};
            igd.manners.services = {{type, "/ctl", true}};
            mapper = make_igd_mapper(runner.loop(), path());
            const auto mapping = map();
            ASSERT_TRUE(mapping) << mapping.error().message;
            EXPECT_GE(mapping->external.port, 49152);
            ASSERT_EQ(igd.table.size(), 2U);
            EXPECT_EQ(igd.table[0], owner);
            EXPECT_NE(mapping->note.find("belongs to " + owner.internal.to_string()),
                      std::string::npos)
                << mapping->note;
        }
    }
    EXPECT_EQ(igd.count("AddAnyPortMapping"), 3) << "where it is offered";
}

TEST_F(IgdMapper, NamesTheOwnerWhenOnlyThatPortWillDo) {
    igd.table = {entry(6667, {IpAddress::v4(0xC0A84D63), 80}, "web")};
    auto wanted = request();
    wanted.exact = true;
    const auto mapping = map(wanted);
    ASSERT_FALSE(mapping);
    EXPECT_EQ(mapping.error().code, Errc::Conflict);
    EXPECT_NE(mapping.error().message.find("192.168.77.99:80 (\"web\")"), std::string::npos)
        << mapping.error().message;
    EXPECT_EQ(igd.count("AddPortMapping"), 0);
}

TEST_F(IgdMapper, TakesAnotherPortOnConflictCodes) {
    for (const int code : {718, 729, 501}) {
        igd.table.clear();
        igd.manners.hook = [&](const soap::Request& asked) -> std::optional<ScriptedResponse> {
            if (asked.action != "AddPortMapping" || asked.arguments[1].second != "6667") {
                return std::nullopt;
            }
            ScriptedResponse response;
            response.status = 500;
            response.body = soap::encode(soap::Fault{code, "no"});
            return response;
        };
        mapper = make_igd_mapper(runner.loop(), path());
        const auto mapping = map();
        ASSERT_TRUE(mapping) << code << ": " << mapping.error().message;
        EXPECT_GE(mapping->external.port, 49152);
        EXPECT_NE(mapping->note, "");
    }
}

TEST_F(IgdMapper, TriesABoundedNumberOfPorts) {
    igd.manners.faults["AddPortMapping"] = 718;
    const auto mapping = map();
    ASSERT_FALSE(mapping);
    EXPECT_EQ(mapping.error().code, Errc::Conflict);
    EXPECT_EQ(igd.count("AddPortMapping"), 8);
    std::set<std::string> ports;
    for (const auto& asked : igd.requests) {
        if (asked.action == "AddPortMapping") ports.insert(asked.arguments[1].second);
    }
    EXPECT_GE(ports.size(), 7U) << "random ones";
}

TEST_F(IgdMapper, DoesWithoutAddAnyWhereItIsMissing) {
    igd.manners.services = {{FakeIgd::kIp2, "/ctl", true}};
    igd.manners.faults["AddAnyPortMapping"] = 602;
    igd.table = {entry(6667, {kHost, 80})};
    const auto mapping = map();
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_NE(mapping->external.port, 6667);
}

TEST_F(IgdMapper, TakesTheInternalPortWhereTheGatewayInsists) {
    igd.manners.same_port = true;
    auto wanted = request();
    wanted.external_port = 7000;
    const auto mapping = map(wanted);
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_EQ(mapping->external.port, 6667);
    EXPECT_NE(mapping->note.find("equals the internal"), std::string::npos) << mapping->note;
    wanted.exact = true;
    EXPECT_EQ(map(wanted).error().detail, 724);
}

TEST_F(IgdMapper, FallsBackToAPermanentLeaseAndSaysSo) {
    igd.manners.only_permanent = true;
    const auto mapping = map();
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_EQ(mapping->lifetime, Lifetime(0));
    EXPECT_NE(mapping->note.find("until it is deleted"), std::string::npos) << mapping->note;
    ASSERT_TRUE(map(request(6668)));
    EXPECT_EQ(igd.count("AddPortMapping"), 3) << "remembered";
}

TEST_F(IgdMapper, ClimbsTheLadderOfLeasesOn402) {
    std::vector<std::string> leases;
    igd.manners.hook = [&](const soap::Request& asked) -> std::optional<ScriptedResponse> {
        if (asked.action != "AddPortMapping") return std::nullopt;
        leases.push_back(asked.arguments.back().second);
        if (leases.back() == "604800") return std::nullopt;
        ScriptedResponse response;
        response.status = 500;
        response.body = soap::encode(soap::Fault{402, "Invalid Args"});
        return response;
    };
    const auto mapping = map();
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_EQ(leases, (std::vector<std::string>{"7200", "0", "604800"}));
    EXPECT_EQ(mapping->lifetime, Lifetime(604800));
}

TEST_F(IgdMapper, TakesTheRealLeaseFromTheTable) {
    igd.manners.overwrites = entry(6667, {kHost, 6667}, "natterjack");
    igd.manners.overwrites->lease = Lifetime(3600);
    EXPECT_EQ(map()->lifetime, Lifetime(3600));
    igd.manners.overwrites->lease = Lifetime(7199); // a second has passed
    EXPECT_EQ(map()->lifetime, Lifetime(7200));
    igd.manners.overwrites->lease = Lifetime(4294967295); // nonsense
    EXPECT_EQ(map()->lifetime, Lifetime(7200));
    igd.manners.overwrites->lease = Lifetime(86400); // miniupnpd's ceiling as a floor
    EXPECT_EQ(map()->lifetime, Lifetime(86400));
}

TEST_F(IgdMapper, SaysThatALeaseIsNotShown) {
    igd.manners.forgets_leases = true;
    const auto mapping = map();
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_EQ(mapping->lifetime, Lifetime(7200)) << "renewing does no harm";
    EXPECT_NE(mapping->note.find("no end"), std::string::npos) << mapping->note;
}

TEST_F(IgdMapper, MapsWhereTheExternalAddressIsNotTold) {
    for (const char* address : {"0.0.0.0", "", "unknown", "127.0.0.1", "::1"}) {
        igd.manners.external_address = address;
        const auto mapping = map();
        ASSERT_TRUE(mapping) << address << ": " << mapping.error().message;
        EXPECT_TRUE(mapping->external.address.is_unspecified()) << address;
        EXPECT_NE(mapping->note.find("external address"), std::string::npos);
        const auto asked = external_address();
        ASSERT_FALSE(asked);
        EXPECT_EQ(asked.error().code, Errc::NotFound);
    }
}

TEST_F(IgdMapper, ReportsPrivateExternalAddressesAsTheyAre) {
    igd.manners.external_address = "100.64.0.9";
    EXPECT_EQ(map()->external.address.to_string(), "100.64.0.9");
    EXPECT_EQ(external_address()->to_string(), "100.64.0.9");
}

TEST_F(IgdMapper, LooksThroughTheTableWhereTheDirectQuestionIsUnknown) {
    for (const int code : {401, 402, 501, 602}) {
        igd.manners.faults["GetSpecificPortMappingEntry"] = code;
        igd.table = {entry(80, {kHost, 80}), entry(81, {kHost, 81})};
        const auto mapping = map();
        ASSERT_TRUE(mapping) << code << ": " << mapping.error().message;
        EXPECT_EQ(igd.table.size(), 3U);
    }
}

TEST_F(IgdMapper, ChangesNothingWhereTheTableCannotBeRead) {
    igd.manners.faults = {{"GetSpecificPortMappingEntry", 401},
                          {"GetGenericPortMappingEntry", 401}};
    const auto mapping = map();
    ASSERT_FALSE(mapping);
    EXPECT_EQ(mapping.error().code, Errc::Unsupported);
    EXPECT_EQ(igd.count("AddPortMapping"), 0);
}

// --- renewing

TEST_F(IgdMapper, RenewsInPlace) {
    auto mapping = map();
    ASSERT_TRUE(mapping) << mapping.error().message;
    igd.table[0].lease = Lifetime(10);
    igd.table[0].description = "NATTERJACK 0"; // some gateways rewrite it
    const auto searches = igd.searches;
    auto again = request();
    again.renew = *mapping;
    again.external_port = 1; // the mapping's own counts
    mapper = make_igd_mapper(runner.loop(), path());
    const auto renewed = map(again);
    ASSERT_TRUE(renewed) << renewed.error().message;
    EXPECT_EQ(renewed->external, mapping->external);
    EXPECT_EQ(igd.table.at(0).lease, Lifetime(7200));
    EXPECT_EQ(igd.searches, searches) << "needs no search";
}

TEST_F(IgdMapper, RestoresAMappingThatAGatewayLost) {
    const auto mapping = map();
    ASSERT_TRUE(mapping);
    igd.table.clear();
    igd.restart(); // another port
    auto again = request();
    again.renew = *mapping;
    const auto renewed = map(again);
    ASSERT_TRUE(renewed) << renewed.error().message;
    EXPECT_EQ(renewed->external, mapping->external);
    EXPECT_NE(renewed->control_url, mapping->control_url);
    EXPECT_EQ(igd.table.size(), 1U);
}

TEST_F(IgdMapper, DoesNotRenewWhatBelongsToSomebodyElseNow) {
    const auto mapping = map();
    ASSERT_TRUE(mapping);
    igd.table[0].internal.address = IpAddress::v4(0xC0A84D63);
    auto again = request();
    again.renew = *mapping;
    const auto renewed = map(again);
    ASSERT_FALSE(renewed);
    EXPECT_EQ(renewed.error().code, Errc::Conflict);
    EXPECT_EQ(igd.count("AddPortMapping"), 1);
}

TEST_F(IgdMapper, LeavesTheMappingWhenARenewalFails) {
    const auto mapping = map();
    ASSERT_TRUE(mapping);
    ScriptedResponse silent;
    silent.silent = true;
    igd.manners.answers["AddPortMapping"] = silent;
    auto again = request();
    again.renew = *mapping;
    EXPECT_EQ(map(again, 300ms).error().code, Errc::Timeout);
    drain();
    EXPECT_EQ(igd.table.size(), 1U);
    EXPECT_EQ(igd.count("DeletePortMapping"), 0);
}

TEST_F(IgdMapper, RenewsOnNoHostThatAMappingMakesUp) {
    const auto mapping = map();
    ASSERT_TRUE(mapping);
    for (const char* url : {"http://192.168.77.2:80/ctl", "http://8.8.8.8/ctl", "http://gw/ctl"}) {
        auto again = request();
        again.renew = *mapping;
        again.renew->control_url = url;
        EXPECT_EQ(map(again).error().code, Errc::Unsafe) << url;
        EXPECT_EQ(unmap(*again.renew).error().code, Errc::Unsafe) << url;
    }
    auto again = request();
    again.renew = *mapping;
    again.renew->service_type = "urn:x\"\r\nX: y";
    EXPECT_EQ(map(again).error().code, Errc::Unsafe);
}

// --- unmapping

TEST_F(IgdMapper, DeletesAndLooksWhetherItIsGone) {
    const auto mapping = map();
    ASSERT_TRUE(mapping);
    const auto gone = unmap(*mapping);
    ASSERT_TRUE(gone) << gone.error().message;
    EXPECT_TRUE(igd.table.empty());
    const auto again = unmap(*mapping);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Errc::NotFound);
    EXPECT_EQ(igd.count("DeletePortMapping"), 1);
}

TEST_F(IgdMapper, DeletesNothingOfOthers) {
    const auto mapping = map();
    ASSERT_TRUE(mapping);
    igd.table[0].internal.address = IpAddress::v4(0xC0A84D63);
    EXPECT_EQ(unmap(*mapping).error().code, Errc::Conflict);
    EXPECT_EQ(igd.count("DeletePortMapping"), 0);
    EXPECT_EQ(igd.table.size(), 1U);
}

TEST_F(IgdMapper, NoticesADeletionThatWasNone) {
    const auto mapping = map();
    ASSERT_TRUE(mapping);
    igd.manners.does_nothing = true;
    EXPECT_EQ(unmap(*mapping).error().code, Errc::Refused);
}

TEST_F(IgdMapper, DeletesAfterTheGatewayMovedToAnotherPort) {
    const auto mapping = map();
    ASSERT_TRUE(mapping);
    igd.restart();
    const auto gone = unmap(*mapping);
    ASSERT_TRUE(gone) << gone.error().message;
    EXPECT_TRUE(igd.table.empty());
}

// --- listing

TEST_F(IgdMapper, ListsByIndexAndByRange) {
    igd.table = {entry(443, {kHost, 8443}, "b"),
                 entry(80, {kHost, 8080}, "a\x1b[2J"),
                 {Transport::Udp, 80, {kHost, 53}, "", "c", Lifetime(60), false}};
    for (const auto& type : {FakeIgd::kIp1, FakeIgd::kIp2}) {
        igd.manners.services = {{type, "/ctl", true}};
        mapper = make_igd_mapper(runner.loop(), path());
        const auto mappings = list();
        ASSERT_TRUE(mappings) << mappings.error().message;
        ASSERT_EQ(mappings->size(), 3U) << type;
        EXPECT_EQ((*mappings)[0].transport, Transport::Udp);
        EXPECT_EQ((*mappings)[0].lifetime, 60s);
        EXPECT_FALSE((*mappings)[0].enabled);
        EXPECT_EQ((*mappings)[1].internal.to_string(), "192.168.77.2:8080");
        EXPECT_EQ((*mappings)[1].description, "a[2J") << "nothing for terminals";
        EXPECT_EQ((*mappings)[1].gateway, kGateway);
        EXPECT_EQ((*mappings)[2].external.port, 443);
    }
    EXPECT_EQ(igd.count("GetListOfPortMappings"), 2);
}

TEST_F(IgdMapper, ListsAnEmptyTable) {
    for (const auto& type : {FakeIgd::kIp1, FakeIgd::kIp2}) {
        igd.manners.services = {{type, "/ctl", true}};
        mapper = make_igd_mapper(runner.loop(), path());
        const auto mappings = list();
        ASSERT_TRUE(mappings) << mappings.error().message;
        EXPECT_TRUE(mappings->empty());
    }
}

TEST_F(IgdMapper, ListsLargeTablesInHalves) {
    igd.manners.services = {{FakeIgd::kIp2, "/ctl", true}};
    for (std::uint16_t port = 1000; port < 1450; ++port) {
        igd.table.push_back(entry(port, {kHost, port}));
    }
    const auto mappings = list(30s); // at once, but for the sanitizers
    ASSERT_TRUE(mappings) << mappings.error().message;
    EXPECT_EQ(mappings->size(), 450U);
    EXPECT_EQ(igd.count("GetGenericPortMappingEntry"), 0);
}

TEST_F(IgdMapper, ListsTablesWhoseAnswersWouldBeTooLong) {
    igd.manners.services = {{FakeIgd::kIp2, "/ctl", true}};
    for (std::uint16_t port = 1000; port < 1060; ++port) {
        igd.table.push_back(entry(port, {kHost, port}, std::string(2000, 'x')));
    }
    const auto mappings = list(30s); // at once, but for the sanitizers
    ASSERT_TRUE(mappings) << mappings.error().message;
    EXPECT_EQ(mappings->size(), 60U);
    EXPECT_EQ(igd.count("GetGenericPortMappingEntry"), 0);
}

TEST_F(IgdMapper, PassesOverPlaceHoldersThatLeadToNoHost) {
    constexpr std::size_t kPlaceHolders = 20;
    igd.table = {entry(80, {kHost, 80})};
    igd.manners.hook = [&](const soap::Request& asked) -> std::optional<ScriptedResponse> {
        const auto is_index = [](const auto& argument) {
            return argument.first == "NewPortMappingIndex";
        };
        const auto index = std::find_if(asked.arguments.begin(), asked.arguments.end(), is_index);
        const bool by_port = asked.action == "GetSpecificPortMappingEntry" &&
                             igd.find(Transport::Tcp, 6667) == nullptr;
        if (!by_port && (asked.action != "GetGenericPortMappingEntry" ||
                         std::stoul(index->second) < igd.table.size() ||
                         std::stoul(index->second) >= igd.table.size() + kPlaceHolders)) {
            return std::nullopt;
        }
        ScriptedResponse response;
        response.body = soap::encode(soap::Response{asked.service_type,
                                                    asked.action,
                                                    {{"NewRemoteHost", ""},
                                                     {"NewExternalPort", "1755"},
                                                     {"NewProtocol", "TCP"},
                                                     {"NewInternalPort", "0"},
                                                     {"NewInternalClient", ""},
                                                     {"NewEnabled", "0"}}});
        return response;
    };
    const auto mappings = list();
    ASSERT_TRUE(mappings) << mappings.error().message;
    EXPECT_EQ(mappings->size(), 1U);
    EXPECT_GT(igd.count("GetGenericPortMappingEntry"), static_cast<int>(kPlaceHolders));
    const auto mapping = map();
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_EQ(mapping->external.port, 6667);
}

TEST_F(IgdMapper, ListsByIndexWhereTheListingIsRefused) {
    igd.manners.services = {{FakeIgd::kIp2, "/ctl", true}};
    igd.manners.faults["GetListOfPortMappings"] = 606;
    igd.table = {entry(80, {kHost, 80})};
    EXPECT_EQ(list()->size(), 1U);
}

TEST_F(IgdMapper, StopsAtAThousandEntries) {
    igd.manners.hook = [](const soap::Request& asked) -> std::optional<ScriptedResponse> {
        if (asked.action != "GetGenericPortMappingEntry") return std::nullopt;
        ScriptedResponse response;
        response.body = soap::encode(soap::Response{asked.service_type,
                                                    asked.action,
                                                    {{"NewExternalPort", "80"},
                                                     {"NewProtocol", "TCP"},
                                                     {"NewInternalPort", "80"},
                                                     {"NewInternalClient", "192.168.77.9"}}});
        return response;
    };
    const auto mappings = list(30s); // two seconds, but for the sanitizers
    ASSERT_TRUE(mappings) << mappings.error().message;
    EXPECT_EQ(mappings->size(), 1000U);
}

TEST_F(IgdMapper, SaysThatATableWasTooLongForTheTime) {
    for (std::uint16_t port = 1000; port < 1100; ++port) {
        igd.table.push_back(entry(port, {kHost, port}));
    }
    igd.manners.hook = [&](const soap::Request& asked) -> std::optional<ScriptedResponse> {
        if (igd.count("GetGenericPortMappingEntry") < 20) return std::nullopt;
        ScriptedResponse late;
        late.body = soap::encode(soap::Response{asked.service_type, asked.action, {}});
        late.delay = 10s;
        return late;
    };
    const auto mappings = list(700ms);
    ASSERT_FALSE(mappings);
    EXPECT_EQ(mappings.error().code, Errc::Timeout);
    EXPECT_NE(mappings.error().message.find("whole table"), std::string::npos)
        << mappings.error().message;
}

// --- going away

TEST_F(IgdMapper, TakesBackWhatWasAskedForWhenItIsDestroyed) {
    bool asked = false;
    igd.manners.hook = [&](const soap::Request& request) -> std::optional<ScriptedResponse> {
        asked = asked || request.action == "AddPortMapping";
        return std::nullopt;
    };
    mapper->map(request(), net::now() + kPatience,
                [](const auto&) { FAIL() << "destroyed before it could answer"; });
    ASSERT_TRUE(runner.run_until([&] { return asked; }));
    mapper.reset();
    drain();
    EXPECT_EQ(igd.count("DeletePortMapping"), 1);
    EXPECT_TRUE(igd.table.empty());
}

TEST_F(IgdMapper, LeavesAnEntryThatItOnlyRefreshed) {
    igd.table = {entry(6667, {kHost, 6667}, "natterjack")};
    bool asked = false;
    igd.manners.hook = [&](const soap::Request& request) {
        asked = asked || request.action == "AddPortMapping";
        return std::nullopt;
    };
    mapper->map(request(), net::now() + kPatience, [](const Result<Mapping>&) { FAIL(); });
    ASSERT_TRUE(runner.run_until([&] { return asked; }));
    mapper.reset();
    drain();
    EXPECT_EQ(igd.table.size(), 1U);
}

TEST_F(IgdMapper, TakesBackWhatTheGatewayGrantedTooLate) {
    igd.manners.hook = [&](const soap::Request& asked) -> std::optional<ScriptedResponse> {
        if (asked.action != "AddPortMapping" || igd.count("AddPortMapping") > 1) {
            return std::nullopt;
        }
        igd.table.push_back(entry(6667, {kHost, 6667}, "natterjack"));
        ScriptedResponse late;
        late.body = soap::encode(soap::Response{asked.service_type, asked.action, {}});
        late.delay = 700ms;
        return late;
    };
    EXPECT_EQ(map(request(), 500ms).error().code, Errc::Timeout);
    EXPECT_EQ(igd.table.size(), 1U);
    drain();
    EXPECT_TRUE(igd.table.empty());
}

TEST_F(IgdMapper, TakesBackTheOtherPortThatTheGatewayGrantedTooLate) {
    igd.manners.services = {{FakeIgd::kIp2, "/ctl", true}};
    igd.table = {entry(6667, {IpAddress::v4(0xC0A84D63), 6667}, "somebody")};
    mapper = make_igd_mapper(runner.loop(), path());
    igd.manners.hook = [&](const soap::Request& asked) -> std::optional<ScriptedResponse> {
        if (asked.action != "AddAnyPortMapping") return std::nullopt;
        igd.table.push_back(entry(40000, {kHost, 6667}, "natterjack"));
        ScriptedResponse late;
        late.body = soap::encode(
            soap::Response{asked.service_type, asked.action, {{"NewReservedPort", "40000"}}});
        late.delay = 1500ms;
        return late;
    };
    EXPECT_EQ(map(request(), 500ms).error().code, Errc::Timeout);
    EXPECT_EQ(igd.table.size(), 2U);
    drain();
    ASSERT_EQ(igd.table.size(), 1U);
    EXPECT_EQ(igd.table[0].external_port, 6667) << "the somebody's";
}

TEST_F(IgdMapper, FindsTheOtherPortThatTheGatewayGrantedWithoutAWord) {
    igd.manners.services = {{FakeIgd::kIp2, "/ctl", true}};
    igd.table = {entry(6667, {IpAddress::v4(0xC0A84D63), 6667}, "somebody"),
                 entry(40001, {kHost, 6668}, "natterjack"),
                 entry(40002, {kHost, 6667}, "natterjack")};
    igd.table.back().lease = request().lifetime - Lifetime(60); // another opening's
    const auto others = igd.table;
    mapper = make_igd_mapper(runner.loop(), path());
    igd.manners.hook = [&](const soap::Request& asked) -> std::optional<ScriptedResponse> {
        if (asked.action != "AddAnyPortMapping") return std::nullopt;
        igd.table.push_back(entry(40000, {kHost, 6667}, "natterjack"));
        ScriptedResponse silent;
        silent.silent = true;
        return silent;
    };
    EXPECT_EQ(map(request(), 300ms).error().code, Errc::Timeout);
    EXPECT_TRUE(runner.run_until([&] { return igd.table == others; }, kUndoLimit + 1s));
}

TEST_F(IgdMapper, TakesBackWhatTheGatewayGrantsWhenNobodyHopesForItAnyMore) {
    igd.manners.services = {{FakeIgd::kIp2, "/ctl", true}};
    igd.table = {entry(6667, {IpAddress::v4(0xC0A84D63), 6667}, "somebody")};
    const auto others = igd.table;
    mapper = make_igd_mapper(runner.loop(), path());
    net::Timer slow(runner.loop());
    bool granted = false;
    igd.manners.hook = [&](const soap::Request& asked) -> std::optional<ScriptedResponse> {
        if (asked.action != "AddAnyPortMapping") return std::nullopt;
        ScriptedResponse late;
        late.body = soap::encode(
            soap::Response{asked.service_type, asked.action, {{"NewReservedPort", "40000"}}});
        late.delay = kUndoLimit + 900ms; // long after the deadline and all that is waited for
        slow.start_after(late.delay, [&] {
            igd.table.push_back(entry(40000, {kHost, 6667}, "natterjack"));
            granted = true;
        });
        return late;
    };
    EXPECT_EQ(map(request(), 300ms).error().code, Errc::Timeout);
    mapper.reset();
    EXPECT_TRUE(runner.run_until([&] { return granted && igd.table == others; }, 10s));
}

TEST_F(IgdMapper, TakesAnotherPortWhereAnEntryNamesItsHost) {
    igd.manners.hook = [&](const soap::Request& asked) -> std::optional<ScriptedResponse> {
        const bool wanted =
            std::any_of(asked.arguments.begin(), asked.arguments.end(), [](const auto& argument) {
                return argument == std::pair<std::string, std::string>("NewExternalPort", "6667");
            });
        if (asked.action != "GetSpecificPortMappingEntry" || !wanted) return std::nullopt;
        ScriptedResponse response;
        response.body = soap::encode(soap::Response{asked.service_type,
                                                    asked.action,
                                                    {{"NewInternalPort", "6667"},
                                                     {"NewInternalClient", "nas.lan"},
                                                     {"NewEnabled", "1"},
                                                     {"NewPortMappingDescription", "natterjack"},
                                                     {"NewLeaseDuration", "0"}}});
        return response;
    };
    const auto mapping = map();
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_NE(mapping->external.port, 6667);
    EXPECT_NE(mapping->note.find("belongs to nas.lan:6667"), std::string::npos) << mapping->note;
}

TEST_F(IgdMapper, OwnsWhatTheGatewayEntersUnderItsHostsName) {
    igd.manners.client_name = "laptop.lan";
    const auto mapping = map();
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_EQ(mapping->host_name, "laptop.lan");
    EXPECT_TRUE(ask<Mapping>(kPatience, [&](TimePoint deadline, auto handler) {
        mapper->check({.renew = *mapping}, deadline, std::move(handler));
    }));
    auto again = request();
    again.renew = *mapping;
    const auto renewed = map(again);
    ASSERT_TRUE(renewed) << renewed.error().message;
    EXPECT_EQ(renewed->external, mapping->external);
    EXPECT_EQ(igd.table.size(), 1U);
    const auto gone = unmap(*renewed);
    ASSERT_TRUE(gone) << gone.error().message;
    EXPECT_TRUE(igd.table.empty());
}

TEST_F(IgdMapper, LeavesAnEntryToAHostOfAnotherName) {
    igd.manners.client_name = "laptop.lan";
    const auto mapping = map();
    ASSERT_TRUE(mapping) << mapping.error().message;
    igd.table[0].host = "desktop.lan";
    EXPECT_EQ(unmap(*mapping).error().code, Errc::Conflict);
    auto again = request();
    again.renew = *mapping;
    EXPECT_EQ(map(again).error().code, Errc::Conflict);
    EXPECT_EQ(igd.table.at(0).host, "desktop.lan");
}

TEST_F(IgdMapper, TakesBackWhatCameUnderANameThatNobodyReadYet) {
    igd.manners.client_name = "laptop.lan";
    bool added = false;
    igd.manners.hook = [&](const soap::Request& asked) -> std::optional<ScriptedResponse> {
        added = added || asked.action == "AddPortMapping";
        return std::nullopt;
    };
    mapper->map(request(), net::now() + kPatience, [](const auto&) { FAIL(); });
    ASSERT_TRUE(runner.run_until([&] { return added; }));
    mapper.reset();
    drain();
    EXPECT_TRUE(igd.table.empty());
}

TEST_F(IgdMapper, MayBeDestroyedInItsHandler) {
    bool answered = false;
    mapper->map(request(), net::now() + kPatience, [&](const Result<Mapping>& mapping) {
        EXPECT_TRUE(mapping);
        mapper.reset();
        answered = true;
    });
    EXPECT_TRUE(runner.run_until([&] { return answered; }));
    drain();
    EXPECT_EQ(igd.table.size(), 1U) << "what was answered belongs to the caller";
}

TEST_F(IgdMapper, SaysNothingAfterItsDestruction) {
    // Destroyed at every stage: after so and so many turns of the loop.
    for (int turns = 0; turns < 60; ++turns) {
        bool destroyed = false;
        int answers = 0;
        const auto silent = [&](const auto&) {
            EXPECT_FALSE(destroyed);
            ++answers;
        };
        mapper = make_igd_mapper(runner.loop(), path());
        mapper->map(request(), net::now() + kPatience, silent);
        mapper->list(net::now() + kPatience, silent);
        mapper->probe(net::now() + kPatience, silent);
        int turn = 0;
        ASSERT_TRUE(runner.run_until([&] { return ++turn > turns || answers == 3; }));
        mapper.reset();
        destroyed = true;
        drain();
        runner.run_pending();
        igd.table.clear(); // what was answered in time belongs to the caller
    }
}

TEST_F(IgdMapper, AnswersSeveralQuestionsWithOneSearch) {
    int answers = 0;
    const auto deadline = net::now() + kPatience;
    mapper->probe(deadline, [&](const auto& result) { answers += result ? 1 : 0; });
    mapper->external_address(deadline, [&](const auto& result) { answers += result ? 1 : 0; });
    mapper->map(request(), deadline, [&](const auto& result) { answers += result ? 1 : 0; });
    mapper->list(deadline, [&](const auto& result) { answers += result ? 1 : 0; });
    EXPECT_TRUE(runner.run_until([&] { return answers == 4; }));
    EXPECT_LE(igd.searches, 6);
}

} // namespace
} // namespace natterjack::test
