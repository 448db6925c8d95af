// SPDX-License-Identifier: MIT
// Openings on gateways that reboot, forget, announce themselves, or are slandered; on a host whose
// address changes, and after a run that was killed.
#include <filesystem>
#include <set>

#include <gtest/gtest.h>

#include "tests/support/fake_5351.hpp"
#include "tests/support/fake_igd.hpp"
#include "tests/support/igd_fixture.hpp"
#include "tests/support/loop_runner.hpp"
#include "tests/support/mapper_fixture.hpp"
#include "traversal/chain.hpp"

namespace natterjack {
namespace {

using namespace std::chrono_literals;
using test::Fake5351;
using test::FakeIgd;

constexpr std::uint8_t kTcp = 6;

class LeaseKeeperTest : public testing::Test {
protected:
    ~LeaseKeeperTest() override { std::filesystem::remove_all(directory_); }

    [[nodiscard]] ChainParts parts() {
        return {.make_mapper = make_mapper,
                .read_network = net::read_network,
                .read_servers = []() -> Result<Servers> { return Servers{}; },
                .journal = journal_,
                .keeper_of = LeaseKeeper::of};
    }

    void open(Strategy strategy, std::chrono::seconds check_interval = 24h) {
        Chain chain(runner_.loop(), {strategy}, parts());
        attempt_ = chain.open(
            {.port = 6667, .transport = Transport::Tcp, .check_interval = check_interval},
            [this](Result<Opening, OpenFailure> result) {
                if (result) {
                    opening_.emplace(*std::move(result));
                } else {
                    failure_ = result.error().error;
                }
            });
        ASSERT_TRUE(runner_.run_until([this] { return opening_ || failure_; }));
        if (!opening_) return;
        opening_->on_changed(
            [this](Opening::Change, const OpeningInfo& before, const OpeningInfo& after) {
                changes_.emplace_back(before, after);
            });
    }

    /// Waits for what was posted, and for the removals that it started.
    [[nodiscard]] bool settled() {
        bool over = false;
        runner_.loop().when_settled(2 * kUndoLimit, [&over] { over = true; });
        return runner_.run_until([&over] { return over; });
    }
    [[nodiscard]] bool stands_at_5351() const {
        return server_.find({test::kHost, kTcp, 6667}) != nullptr;
    }
    [[nodiscard]] const igd::PortEntry* listed() const { return igd_.find(Transport::Tcp, 6667); }

    void TearDown() override {
        attempt_ = {};
        opening_.reset();
        EXPECT_TRUE(settled());
        EXPECT_TRUE(igd_.table.empty());
        EXPECT_TRUE(server_.mappings().empty());
    }

    [[nodiscard]] static std::string make_directory() {
        std::string pattern = testing::TempDir() + "keeper-XXXXXX";
        return mkdtemp(pattern.data());
    }

    const std::string directory_ = make_directory();
    Journal journal_{directory_};
    test::LoopRunner runner_;
    FakeIgd igd_{runner_.loop()};
    Fake5351 server_{runner_.loop()};
    Attempt attempt_;
    std::optional<Opening> opening_;
    std::optional<Error> failure_;
    std::vector<std::pair<OpeningInfo, OpeningInfo>> changes_;
};

TEST_F(LeaseKeeperTest, RestoresAPcpMappingWhenTheGatewayAnnouncesItsReboot) {
    open(Strategy::Pcp);
    ASSERT_TRUE(stands_at_5351());
    const auto nonce = server_.mappings().front().nonce;
    server_.reboot();
    server_.behaviour.natpmp = false;
    server_.announce();
    ASSERT_TRUE(runner_.run_until([this] { return stands_at_5351(); }));
    EXPECT_EQ(server_.mappings().front().nonce, nonce);
    EXPECT_TRUE(changes_.empty()); // it is as it was
}

TEST_F(LeaseKeeperTest, RestoresANatPmpMappingWhenTheGatewayAnnouncesItsReboot) {
    open(Strategy::NatPmp);
    server_.reboot();
    server_.behaviour.pcp = false;
    server_.announce();
    EXPECT_TRUE(runner_.run_until([this] { return stands_at_5351(); }));
}

TEST_F(LeaseKeeperTest, RestoresAUpnpMappingWhenTheGatewayAnnouncesAStartByPcp) {
    open(Strategy::Igd);
    runner_.run_for(2500ms); // a gateway's seconds are whole ones
    igd_.table.clear();
    server_.reboot();
    server_.announce();
    EXPECT_TRUE(runner_.run_until([this] { return listed() != nullptr; }));
}

TEST_F(LeaseKeeperTest, TellsOnceWhenTheGatewayAnnouncesAnotherAddress) {
    open(Strategy::NatPmp);
    const auto before = opening_->info().external;
    server_.behaviour.external = IpAddress::v4(0x19007163);
    for (int i = 0; i < 5; ++i) server_.announce(); // RFC 6886 section 3.2.1 has it repeated
    ASSERT_TRUE(runner_.run_until([this] { return !changes_.empty(); }));
    runner_.run_for(300ms);
    ASSERT_EQ(changes_.size(), 1U);
    EXPECT_EQ(changes_[0].first.external, before);
    EXPECT_EQ(changes_[0].second.external.to_string(), "25.0.113.99:6667");
}

TEST_F(LeaseKeeperTest, HearsTheGatewayBesideAnotherProgram) {
    for (const bool ours_first : {true, false}) {
        std::unique_ptr<net::UdpSocket> other;
        const auto listen = [&] {
            auto socket = net::UdpSocket::open(
                runner_.loop(), {.bind = {{}, pcp::kMulticastPort}, .reuse_address = true});
            ASSERT_TRUE(socket);
            other = *std::move(socket);
        };
        if (!ours_first) listen();
        server_.pretend_uptime(1h);
        open(Strategy::Pcp);
        if (ours_first) listen();
        int heard = 0;
        other->on_datagram([&](const Endpoint&, ByteView) { ++heard; });
        server_.reboot();
        server_.announce();
        EXPECT_TRUE(runner_.run_until([&] { return stands_at_5351() && heard > 0; }));
        opening_.reset();
        ASSERT_TRUE(settled());
    }
}

TEST_F(LeaseKeeperTest, IgnoresAnnouncementsOfOthers) {
    open(Strategy::Pcp);
    const auto asked = server_.requests().size();
    server_.reboot();
    server_.announce(Fake5351::Source::OtherAddress);
    server_.announce(Fake5351::Source::OtherPort);
    runner_.run_for(LeaseBoard::kSpread + 300ms);
    EXPECT_EQ(server_.requests().size(), asked);
}

TEST_F(LeaseKeeperTest, IsNotDrivenByAFloodOfForgedAnnouncements) {
    open(Strategy::Pcp);
    const auto asked = server_.requests().size();
    for (int i = 0; i < 500; ++i) {
        server_.reboot(); // another epoch each time
        server_.announce();
        server_.behaviour.external = IpAddress::v4(0x19007100U + static_cast<unsigned>(i % 100));
    }
    ASSERT_TRUE(runner_.run_until([this] { return stands_at_5351(); }));
    runner_.run_for(500ms);
    EXPECT_LE(server_.requests().size() - asked, 2U);
}

TEST_F(LeaseKeeperTest, FindsARebootedUpnpGatewayOnItsNewPort) {
    open(Strategy::Igd, 1s);
    ASSERT_NE(listed(), nullptr);
    const auto before = igd_.location();
    igd_.table.clear();
    igd_.restart();
    ASSERT_NE(igd_.location(), before);
    ASSERT_TRUE(runner_.run_until([this] { return listed() != nullptr; }));
    EXPECT_TRUE(changes_.empty());
}

TEST_F(LeaseKeeperTest, MakesAVanishedUpnpMappingAgain) {
    open(Strategy::Igd, 1s);
    igd_.table.clear();
    EXPECT_TRUE(runner_.run_until([this] { return listed() != nullptr; }));
}

TEST_F(LeaseKeeperTest, DeletesAndAddsAUpnpMappingThatIsListedButSwitchedOff) {
    open(Strategy::Igd, 1s);
    igd_.manners.keeps_switched_off = true;
    igd_.table.front().enabled = false;
    EXPECT_TRUE(runner_.run_until([this] { return listed() != nullptr && listed()->enabled; }));
    EXPECT_GT(igd_.count("DeletePortMapping"), 0);
}

TEST_F(LeaseKeeperTest, TakesAnotherPortWhenItsOwnWentToSomebodyElse) {
    open(Strategy::Igd, 1s);
    igd_.table.front().internal = *Endpoint::parse("192.168.77.200:80");
    igd_.table.front().description = "somebody else";
    ASSERT_TRUE(runner_.run_until([this] { return !changes_.empty(); }));
    EXPECT_NE(changes_[0].second.external.port, 6667);
    ASSERT_NE(listed(), nullptr);
    EXPECT_EQ(listed()->description, "somebody else");
    std::erase_if(igd_.table, [](const auto& entry) { return entry.external_port == 6667; });
}

TEST_F(LeaseKeeperTest, TellsTheUpnpGatewaysNewAddress) {
    open(Strategy::Igd, 1s);
    igd_.manners.external_address = "25.0.113.42";
    ASSERT_TRUE(runner_.run_until([this] { return !changes_.empty(); }));
    EXPECT_EQ(changes_[0].second.external.to_string(), "25.0.113.42:6667");
}

TEST_F(LeaseKeeperTest, FollowsTheHostToItsNewAddress) {
    for (const auto strategy : {Strategy::Igd, Strategy::Pcp, Strategy::NatPmp}) {
        changes_.clear();
        server_.pretend_uptime(1h);
        open(strategy);
        test::ip("address delete 192.168.77.2/24 dev lan0");
        test::ip("address add 192.168.77.9/24 dev lan0");
        test::ip("route replace default via 192.168.77.1");
        ASSERT_TRUE(runner_.run_until([this] { return !changes_.empty(); })) << to_string(strategy);
        EXPECT_EQ(changes_[0].second.internal.to_string(), "192.168.77.9:6667");
        if (strategy == Strategy::Igd) {
            EXPECT_EQ(igd_.table.size(), 1U); // the old entry went first
            EXPECT_EQ(changes_[0].second.external.port, 6667);
        } else {
            server_.reboot(); // nobody else could delete the old one
        }
        opening_.reset();
        EXPECT_TRUE(settled());
        test::ip("address delete 192.168.77.9/24 dev lan0");
        test::ip("address add 192.168.77.2/24 dev lan0");
        test::ip("route replace default via 192.168.77.1");
        server_.reboot();
    }
}

TEST_F(LeaseKeeperTest, FollowsTheDefaultRouteToAnotherGatewayOnAnotherLink) {
    constexpr auto kOther = IpAddress::v4(0xC0A85801); // 192.168.88.1
    const test::Link link("lan2", "gw2");
    test::ip("address add 192.168.88.2/24 dev lan2");
    test::Place place(kOther);
    place.link = "gw2";
    {
        const test::InRouter in_router;
        test::ip("address add 192.168.88.1/24 dev gw2");
    }
    FakeIgd other_igd(runner_.loop(), place);
    Fake5351 other_server(runner_.loop(), place);
    for (const auto strategy : {Strategy::Igd, Strategy::Pcp, Strategy::NatPmp}) {
        changes_.clear();
        open(strategy);
        ASSERT_TRUE(opening_) << to_string(strategy) << ": " << failure_->message;
        EXPECT_EQ(opening_->info().gateway, test::kGateway);
        test::ip("route replace default via 192.168.88.1");
        ASSERT_TRUE(runner_.run_until([this] { return !changes_.empty(); })) << to_string(strategy);
        runner_.run_for(300ms);
        ASSERT_EQ(changes_.size(), 1U) << to_string(strategy);
        EXPECT_EQ(changes_[0].second.gateway, kOther);
        EXPECT_EQ(opening_->info().gateway, kOther);
        EXPECT_EQ(opening_->info().internal.to_string(), "192.168.88.2:6667");
        EXPECT_EQ(other_igd.table.size() + other_server.mappings().size(), 1U);
        opening_.reset();
        EXPECT_TRUE(settled());
        EXPECT_EQ(other_igd.table.size() + other_server.mappings().size(), 0U);
        EXPECT_TRUE(runner_.run_until([this] {
            return igd_.table.size() + server_.mappings().size() == 0U;
        })) << "what the former one had is taken back";
        test::ip("route replace default via 192.168.77.1");
    }
}

TEST_F(LeaseKeeperTest, LooksAtOnceWhenTheHostHasSlept) {
    open(Strategy::Pcp);
    server_.reboot();
    LeaseKeeper::of(runner_.loop())->check_everything();
    EXPECT_TRUE(runner_.run_until([this] { return stands_at_5351(); }));
}

TEST_F(LeaseKeeperTest, TakesOverWhatAKilledRunLeftWithItsSecret) {
    open(Strategy::Pcp);
    const auto left = server_.mappings().front();
    auto entry = journal_.read(std::chrono::system_clock::now()).front();
    opening_->release();
    opening_.reset();
    EXPECT_TRUE(settled());
    entry.owner.pid = 1;
    entry.owner.started += 1; // nobody
    ASSERT_TRUE(journal_.put(entry, std::chrono::system_clock::now()));
    open(Strategy::Pcp);
    ASSERT_TRUE(opening_) << failure_->message;
    ASSERT_EQ(server_.mappings().size(), 1U);
    EXPECT_EQ(server_.mappings().front().nonce, left.nonce);
}

TEST_F(LeaseKeeperTest, LeavesTheMappingOfALiveProcessAlone) {
    open(Strategy::NatPmp);
    auto entry = journal_.read(std::chrono::system_clock::now()).front();
    opening_->release();
    opening_.reset();
    EXPECT_TRUE(settled());
    entry.owner.pid_space += 1; // of a container: it counts as alive
    ASSERT_TRUE(journal_.put(entry, std::chrono::system_clock::now()));
    open(Strategy::NatPmp);
    ASSERT_FALSE(opening_);
    EXPECT_EQ(failure_->code, Errc::Conflict);
    EXPECT_TRUE(stands_at_5351());
    server_.reboot();
}

TEST_F(LeaseKeeperTest, RemovesWhatAKilledRunOfThisProgramLeft) {
    open(Strategy::Pcp);
    auto entry = journal_.read(std::chrono::system_clock::now()).front();
    opening_->release();
    opening_.reset();
    EXPECT_TRUE(settled());
    entry.owner.pid = 1;
    entry.owner.started += 1;
    ASSERT_TRUE(journal_.put(entry, std::chrono::system_clock::now()));
    Chain chain(runner_.loop(), {Strategy::Pcp}, parts());
    attempt_ = chain.open({.port = 7777, .transport = Transport::Tcp},
                          [this](Result<Opening, OpenFailure> result) {
                              ASSERT_TRUE(result);
                              opening_.emplace(*std::move(result));
                          });
    ASSERT_TRUE(runner_.run_until([this] { return opening_ && !stands_at_5351(); }));
    EXPECT_EQ(server_.mappings().size(), 1U);
    EXPECT_TRUE(runner_.run_until(
        [this] { return journal_.read(std::chrono::system_clock::now()).size() == 1; }));
}

TEST_F(LeaseKeeperTest, OpensAKnownUpnpGatewayWithoutWaitingForTheSearch) {
    open(Strategy::Igd);
    opening_.reset();
    EXPECT_TRUE(settled());
    igd_.manners.ssdp_delay = 900ms;
    const auto started = net::now();
    const int before = igd_.searches;
    igd_.descriptions = 0;
    igd_.requests.clear();
    open(Strategy::Igd);
    ASSERT_TRUE(opening_) << failure_->message;
    EXPECT_LT(net::now() - started, 900ms);
    EXPECT_EQ((igd_.searches - before) % 6, 1) << "a repeat, on a slow machine, is six more";
    EXPECT_EQ(igd_.descriptions, 1);
    std::multiset<std::string> asked; // two go side by side
    for (const auto& request : igd_.requests) asked.insert(request.action);
    const std::multiset<std::string> all = {"GetSpecificPortMappingEntry", "AddPortMapping",
                                            "GetExternalIPAddress", "GetSpecificPortMappingEntry"};
    EXPECT_EQ(asked, all);
}

TEST_F(LeaseKeeperTest, DoesNotBelieveAMemoryThatIsOutOfDate) {
    const auto now = std::chrono::system_clock::now();
    for (const std::string location :
         {"http://192.168.77.1:9/gone", "http://192.168.77.2:80/not-the-gateway",
          "http://evil.example/", "ftp://192.168.77.1/", "http://192.168.77.1:5351/"}) {
        ASSERT_TRUE(journal_.remember({test::kGateway, "", {.location = location}}, now));
        open(Strategy::Igd);
        ASSERT_TRUE(opening_) << location << ": " << failure_->message;
        opening_.reset();
        EXPECT_TRUE(settled());
    }
}

} // namespace
} // namespace natterjack
