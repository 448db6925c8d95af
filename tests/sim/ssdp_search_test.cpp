// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "proto/ssdp_search.hpp"
#include "tests/support/simulator.hpp"

namespace natterjack {
namespace {

using namespace std::chrono_literals;

constexpr IpAddress kGateway = IpAddress::v4(0xC0A80101);  // 192.168.1.1
constexpr IpAddress kRepeater = IpAddress::v4(0xC0A80102); // 192.168.1.2
constexpr IpAddress kSource = IpAddress::v4(0xC0A80164);   // 192.168.1.100

SsdpSearch::Settings home() {
    SsdpSearch::Settings settings;
    settings.gateway = kGateway;
    settings.source = kSource;
    settings.prefix_length = 24;
    return settings;
}

ssdp::Response answer_of(const std::string& host, const std::string& path = "/d.xml") {
    return {"http://" + host + ":5000" + path, std::string(ssdp::kGateway1), "uuid:1", "Router/1"};
}

/// Runs one search on the virtual clock and keeps what it sent and found, with the time since its
/// start.
class SearchRun {
public:
    explicit SearchRun(const SsdpSearch::Settings& settings = home()) : search(settings) {}

    void answer(Duration when, const IpAddress& from, const ssdp::Response& response,
                std::uint16_t port = ssdp::kPort) {
        answer_bytes(when, from, ssdp::encode(response), port);
    }
    void answer_bytes(Duration when, const IpAddress& from, const std::vector<std::uint8_t>& bytes,
                      std::uint16_t port = ssdp::kPort) {
        sim_.after(when, [this, from, bytes, port] {
            search.handle_datagram(sim_.now(), {from, port}, bytes);
            pump();
        });
    }
    void at(Duration when, const std::function<void()>& act) {
        sim_.after(when, [this, act] {
            act();
            pump();
        });
    }
    [[nodiscard]] long sent_at(Duration when) const {
        return std::count_if(sent.begin(), sent.end(),
                             [&](const Sent& each) { return each.when == when; });
    }
    void run(Duration patience = 10s) {
        started_ = sim_.now();
        search.start(started_, started_ + patience);
        pump();
        sim_.run_until([&] { return search.over(); });
        ended = elapsed();
        sim_.run_until([] { return false; }); // what comes late
        pump();
    }

    struct Sent {
        Duration when;
        Datagram datagram;
    };
    struct Found {
        Duration when;
        SsdpDevice device;
    };

    SsdpSearch search;
    std::vector<Sent> sent;
    std::vector<Found> found;
    Duration ended{};
    bool stop_at_first = false;

    [[nodiscard]] Duration elapsed() const {
        return std::chrono::duration_cast<Duration>(sim_.now() - started_);
    }

private:
    void pump() {
        while (auto datagram = search.poll_transmit()) sent.push_back({elapsed(), *datagram});
        while (auto device = search.poll_device()) {
            found.push_back({elapsed(), *device});
            if (stop_at_first) search.stop();
        }
        if (const auto deadline = search.deadline(); deadline && deadline != scheduled_) {
            scheduled_ = deadline;
            sim_.at(*deadline, [this] {
                search.handle_timeout(sim_.now());
                pump();
            });
        }
    }

    test::Simulator sim_;
    TimePoint started_;
    std::optional<TimePoint> scheduled_;
};

TEST(SsdpSearch, AsksGatewayAndGroupForThreeTargetsFourTimes) {
    SearchRun run;
    run.run();
    ASSERT_EQ(run.sent.size(), 24U);
    constexpr std::array kTimes = {Duration(0), Duration(100), Duration(300), Duration(700)};
    std::set<std::pair<Endpoint, std::string>> round;
    for (std::size_t i = 0; i < run.sent.size(); ++i) {
        const auto& [when, datagram] = run.sent[i];
        EXPECT_EQ(when, kTimes.at(i / 6));
        const auto search = ssdp::decode_search(datagram.payload);
        ASSERT_TRUE(search);
        round.emplace(datagram.to, search->target);
        if (i % 6 == 5) {
            EXPECT_EQ(round.size(), 6U) << "each target to each of the two";
            round.clear();
        }
    }
    EXPECT_EQ(run.sent[0].datagram.to, (Endpoint{kGateway, 1900})) << "the gateway first";
    EXPECT_EQ(run.ended, 1000ms);
    EXPECT_TRUE(run.found.empty());
    EXPECT_FALSE(run.search.refusal());
}

TEST(SsdpSearch, EndsWithTheCallersPatience) {
    SearchRun run;
    run.run(400ms);
    EXPECT_EQ(run.ended, 400ms);
    EXPECT_EQ(run.sent.size(), 18U);
}

TEST(SsdpSearch, SendsNoMulticastWhereTheLinkHasNone) {
    auto settings = home();
    settings.multicast = false;
    SearchRun run(settings);
    run.run();
    EXPECT_EQ(run.sent.size(), 12U);
    for (const auto& sent : run.sent) EXPECT_EQ(sent.datagram.to.address, kGateway);
}

TEST(SsdpSearch, TroublesAKnownGatewayWithOneQuestionAtFirst) {
    auto settings = home();
    settings.modest = true;
    SearchRun run(settings);
    run.run();
    EXPECT_EQ(run.sent_at(0ms), 1);
    EXPECT_EQ(run.sent.front().datagram.to, (Endpoint{kGateway, ssdp::kPort}));
    EXPECT_EQ(ssdp::decode_search(run.sent.front().datagram.payload)->target, ssdp::kGateway1)
        << "the one that every gateway answers";
    EXPECT_EQ(run.sent_at(100ms), 6) << "it may be another one by now";
    SearchRun answered(settings);
    answered.answer(20ms, kGateway, answer_of("192.168.1.1"));
    answered.run();
    EXPECT_EQ(answered.sent.size(), 1U);
    settings.gateway = {};
    SearchRun nobody(settings);
    nobody.run();
    EXPECT_EQ(nobody.sent_at(0ms), 3) << "there is nobody to be modest with";
}

TEST(SsdpSearch, AsksEverythingWhereTheKnownGatewayIsGone) {
    auto settings = home();
    settings.modest = true;
    SearchRun run(settings);
    run.answer(20ms, kGateway, answer_of("192.168.1.1"));
    run.at(50ms, [&] {
        run.search.widen();
        run.search.widen();
    });
    run.run();
    EXPECT_EQ(run.sent_at(50ms), 6);
    EXPECT_EQ(run.sent_at(100ms), 6) << "the answer to one question is none to the others";
}

TEST(SsdpSearch, AsksOnlyTheGroupWhereNoGatewayIsKnown) {
    auto settings = home();
    settings.gateway = {};
    SearchRun run(settings);
    run.answer(30ms, kRepeater, answer_of("192.168.1.2"));
    run.run();
    EXPECT_EQ(run.sent.size(), 12U);
    ASSERT_EQ(run.found.size(), 1U);
    EXPECT_EQ(run.found[0].when, 30ms) << "nobody to wait for";
}

TEST(SsdpSearch, HandsOutTheGatewayAtOnce) {
    SearchRun run;
    run.stop_at_first = true;
    run.answer(50ms, kGateway, answer_of("192.168.1.1"));
    run.run();
    ASSERT_EQ(run.found.size(), 1U);
    EXPECT_EQ(run.found[0].when, 50ms);
    EXPECT_TRUE(run.found[0].device.is_gateway);
    EXPECT_EQ(run.found[0].device.server, (Endpoint{kGateway, 5000}));
    EXPECT_EQ(run.found[0].device.product, "Router/1");
    EXPECT_EQ(run.ended, 50ms);
    EXPECT_EQ(run.sent.size(), 6U) << "no repeats after the answer";
}

TEST(SsdpSearch, TakesAnswersFromOtherSourcePorts) {
    SearchRun run;
    run.answer(50ms, kGateway, answer_of("192.168.1.1"), 49152);
    run.run();
    EXPECT_EQ(run.found.size(), 1U);
}

TEST(SsdpSearch, TakesTheAnswerToALaterRepeat) {
    SearchRun run;
    run.answer(760ms, kGateway, answer_of("192.168.1.1"));
    run.run();
    ASSERT_EQ(run.found.size(), 1U);
    EXPECT_EQ(run.found[0].when, 760ms);
}

TEST(SsdpSearch, TakesNothingAfterItsEnd) {
    SearchRun run;
    run.answer(1001ms, kGateway, answer_of("192.168.1.1"));
    run.run();
    EXPECT_TRUE(run.found.empty());
}

TEST(SsdpSearch, HandsOutAnotherAddressOfTheGatewayAtOnce) {
    auto settings = home();
    settings.is_gateways = [](const IpAddress& address) { return address == kRepeater; };
    SearchRun run(settings);
    run.answer(30ms, kRepeater, answer_of("192.168.1.2"));
    run.run();
    ASSERT_EQ(run.found.size(), 1U);
    EXPECT_EQ(run.found[0].when, 30ms);
    EXPECT_TRUE(run.found[0].device.is_gateway);
}

const auto kGlobal = *IpAddress::parse("2001:db8::1");

SsdpSearch::Settings home_v6(std::function<bool(const IpAddress&)> is_gateways) {
    SsdpSearch::Settings settings;
    settings.gateway = *IpAddress::parse("fe80::1");
    settings.source = *IpAddress::parse("2001:db8::64");
    settings.prefix_length = 64;
    settings.is_gateways = std::move(is_gateways);
    return settings;
}

TEST(SsdpSearch, AsksTheSiteByIpv6OnlyWhenItRepeats) {
    SearchRun run(home_v6(nullptr));
    run.run();
    const auto to_site = [&](Duration when) {
        return std::count_if(run.sent.begin(), run.sent.end(), [&](const auto& each) {
            return each.when == when && each.datagram.to.address == ssdp::group_v6(true);
        });
    };
    EXPECT_EQ(run.sent_at(0ms), 6);
    EXPECT_EQ(to_site(0ms), 0);
    EXPECT_EQ(run.sent_at(100ms), 9);
    EXPECT_EQ(to_site(100ms), 3);
}

// The kernel knows the hardware address of a neighbour only once something is sent there.
TEST(SsdpSearch, KnowsTheGatewayByItsOtherAddressOnceTheKernelDoes) {
    int looks = 0;
    SearchRun run(home_v6([&](const IpAddress& host) { return host == kGlobal && looks++ > 0; }));
    run.answer(30ms, *IpAddress::parse("2001:db8::2"), answer_of("[2001:db8::2]"));
    run.answer(35ms, kGlobal, answer_of("[2001:db8::1]"));
    run.run();
    ASSERT_EQ(run.found.size(), 2U);
    EXPECT_EQ(run.found[0].when, 45ms);
    EXPECT_TRUE(run.found[0].device.is_gateway);
    EXPECT_EQ(run.found[1].when, 280ms);
    EXPECT_FALSE(run.found[1].device.is_gateway);
    EXPECT_EQ(run.sent.back().datagram.to.address, kGlobal);
    EXPECT_EQ(run.sent.back().when, 35ms) << "no repeats after the gateway's answer";
}

TEST(SsdpSearch, LooksAFewTimesAtEachStrangerAndSendsOnce) {
    std::map<IpAddress, std::vector<Duration>> looks;
    SearchRun* running = nullptr;
    SearchRun run(home_v6([&](const IpAddress& address) {
        looks[address].push_back(running->elapsed());
        return false;
    }));
    running = &run;
    for (int i = 1; i <= 6; ++i) {
        const auto host = "2001:db8::" + std::to_string(i);
        run.answer(20ms, *IpAddress::parse(host), answer_of("[" + host + "]"));
        run.answer(21ms, *IpAddress::parse(host), answer_of("[" + host + "]", "/2.xml"));
    }
    run.run();
    EXPECT_EQ(run.sent_at(20ms), 4) << "to four of them";
    EXPECT_EQ(run.sent_at(21ms), 0);
    // Twice when it answers, for each location, and then ever less often.
    EXPECT_EQ(looks[kGlobal], (std::vector<Duration>{20ms, 21ms, 30ms, 50ms, 90ms, 170ms}));
    ASSERT_EQ(run.found.size(), 12U);
    EXPECT_EQ(run.found[0].when, 270ms);
    EXPECT_FALSE(run.found[0].device.is_gateway);
}

TEST(SsdpSearch, DoesNotRepeatItselfOnceTheGatewayHasAnswered) {
    SearchRun run;
    run.answer(120ms, kGateway, answer_of("192.168.1.1"));
    run.run();
    EXPECT_EQ(run.sent.back().when, 100ms);
}

TEST(SsdpSearch, GoesOnWhereTheGatewayIsOnlyARootDevice) {
    SearchRun run;
    auto root = answer_of("192.168.1.1");
    root.target = ssdp::kRootDevice;
    run.answer(20ms, kGateway, root);
    run.answer(20ms, kRepeater, answer_of("192.168.1.2"));
    run.run();
    EXPECT_EQ(run.sent.back().when, 700ms);
}

TEST(SsdpSearch, HoldsBackWhoIsNotTheGateway) {
    SearchRun run;
    run.answer(20ms, kRepeater, answer_of("192.168.1.2"));
    run.answer(90ms, kGateway, answer_of("192.168.1.1"));
    run.run();
    ASSERT_EQ(run.found.size(), 2U);
    EXPECT_TRUE(run.found[0].device.is_gateway);
    EXPECT_EQ(run.found[1].device.responder.address, kRepeater);
    EXPECT_EQ(run.found[1].when, 270ms);
}

TEST(SsdpSearch, HandsOutWhoIsHeldBackAtItsEnd) {
    SearchRun run;
    run.answer(900ms, kRepeater, answer_of("192.168.1.2"));
    run.run();
    ASSERT_EQ(run.found.size(), 1U);
    EXPECT_EQ(run.found[0].when, 1000ms);
}

TEST(SsdpSearch, TellsEachLocationOnce) {
    SearchRun run;
    auto second = answer_of("192.168.1.1");
    second.target = ssdp::kGateway2;
    run.answer(10ms, kGateway, answer_of("192.168.1.1"));
    run.answer(11ms, kGateway, second);
    run.answer(12ms, kGateway, answer_of("192.168.1.1", "/igd2.xml"));
    run.run();
    ASSERT_EQ(run.found.size(), 2U);
    EXPECT_EQ(run.found[1].device.location, "http://192.168.1.1:5000/igd2.xml");
}

TEST(SsdpSearch, NeverLooksAtOthersRootDevices) {
    SearchRun run;
    auto television = answer_of("192.168.1.2");
    television.target = ssdp::kRootDevice;
    auto router = answer_of("192.168.1.1");
    router.target = ssdp::kRootDevice;
    auto server = answer_of("192.168.1.1", "/media.xml");
    server.target = "urn:schemas-upnp-org:device:MediaServer:1";
    run.answer(10ms, kRepeater, television);
    run.answer(11ms, kGateway, router);
    run.answer(12ms, kGateway, server);
    run.run();
    ASSERT_EQ(run.found.size(), 1U);
    EXPECT_TRUE(run.found[0].device.is_gateway);
}

TEST(SsdpSearch, IgnoresStrangersFromOutsideAndNoise) {
    SearchRun run;
    run.answer(10ms, IpAddress::v4(0x08080808), answer_of("8.8.8.8"));
    run.answer_bytes(11ms, kGateway, {'x'});
    run.run();
    EXPECT_TRUE(run.found.empty());
    EXPECT_FALSE(run.search.refusal());
}

class SsdpSearchUnsafeLocation : public testing::TestWithParam<const char*> {};

TEST_P(SsdpSearchUnsafeLocation, IsRefusedAndRemembered) {
    SearchRun run;
    auto response = answer_of("192.168.1.1");
    response.location = GetParam();
    run.answer(10ms, kGateway, response);
    run.run();
    EXPECT_TRUE(run.found.empty());
    ASSERT_TRUE(run.search.refusal());
    EXPECT_EQ(run.search.refusal()->code, Errc::Unsafe);
}

INSTANTIATE_TEST_SUITE_P(
    Table, SsdpSearchUnsafeLocation,
    testing::Values("http://192.168.1.2:5000/d.xml", "http://8.8.8.8/d.xml",
                    "http://127.0.0.1:5000/d.xml", "http://[::1]:1900/d.xml",
                    "http://[::ffff:192.168.1.1]/d.xml", "http://239.255.255.250/d.xml",
                    "http://(null):49152/d.xml", "http://router.lan/d.xml",
                    "https://192.168.1.1/d.xml", "ftp://192.168.1.1/d.xml", "file:///etc/passwd",
                    "http://192.168.1.1:0/d.xml", "http://192.168.1.1:99999/d.xml",
                    "http://user@192.168.1.1/d.xml", "http://192.168.1.1@8.8.8.8/d.xml",
                    "http://192.168.1.1:80@8.8.8.8/", "http://192.168.1.1.evil.example/d.xml",
                    "http://0xC0A80101/d.xml", "http://3232235777/d.xml",
                    "http://192.168.001.001/d.xml", "http://192.168.1.1\\@8.8.8.8/",
                    "//192.168.1.1/", "http:/192.168.1.1/", "d.xml"));

TEST(SsdpSearch, StopsAtThirtyTwoDevicesAndKeepsRoomForTheGateway) {
    SearchRun run;
    for (int i = 0; i < 100; ++i) {
        run.answer(10ms, kRepeater, answer_of("192.168.1.2", "/" + std::to_string(i)));
    }
    for (int i = 0; i < 100; ++i) {
        run.answer(20ms, kGateway, answer_of("192.168.1.1", "/" + std::to_string(i)));
    }
    run.run();
    EXPECT_EQ(run.found.size(), SsdpSearch::kMaxDevices);
    EXPECT_TRUE(run.found[0].device.is_gateway);
}

TEST(HttpServerOf, ReadsNumericHosts) {
    EXPECT_EQ(http_server_of("http://192.168.1.1/")->to_string(), "192.168.1.1:80");
    EXPECT_EQ(http_server_of("HTTP://192.168.1.1:5000")->to_string(), "192.168.1.1:5000");
    EXPECT_EQ(http_server_of("http://192.168.1.1?x=http://8.8.8.8/")->to_string(),
              "192.168.1.1:80");
    for (const char* url : {"", "http://", "http:///", "http://0.0.0.0/", "http://255.255.255.255/",
                            "http://224.0.0.1/", "http://127.1.2.3/"}) {
        const auto server = http_server_of(url);
        ASSERT_FALSE(server) << url;
        EXPECT_EQ(server.error().code, Errc::Unsafe);
    }
}

} // namespace
} // namespace natterjack
