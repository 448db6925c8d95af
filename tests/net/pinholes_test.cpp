// SPDX-License-Identifier: MIT
// IPv6: a pinhole for each global address, asked for from that very address.
#include <algorithm>
#include <optional>
#include <tuple>
#include <vector>

#include <net/if.h>

#include <gtest/gtest.h>

#include "tests/support/chain_fixture.hpp"
#include "tests/support/fake_5351.hpp"
#include "tests/support/fake_igd.hpp"
#include "tests/support/netns.hpp"

namespace natterjack::test {
namespace {

using namespace std::chrono_literals;

IpAddress address(const char* text) {
    return *IpAddress::parse(text);
}

/// A host with two global addresses and a default route by the router's link-local one.
class Pinholes : public RealChain {
protected:
    Pinholes() {
        ip("route add default via fe80::1 dev lan0");
        {
            const InRouter in_router;
            ip("route add 2a00:77::/64 dev gw0");
        }
        for (const auto* own : {"2a00:77::2", "2a00:77::3"}) meet_the_router(address(own));
    }
    ~Pinholes() override {
        ip("route del default via fe80::1 dev lan0");
        const InRouter in_router;
        ip("route del 2a00:77::/64 dev gw0");
    }

    /// A fresh pair of neighbours may need a second to find each other; as long as anybody waits
    /// for a gateway.
    void meet_the_router(const IpAddress& own) {
        net::UdpSocket::Options options;
        options.bind.address = own;
        options.interface = if_nametoindex(kHostLink);
        const auto socket = net::UdpSocket::open(runner_.loop(), options);
        ASSERT_TRUE(socket) << socket.error().message;
        bool answered = false;
        (*socket)->on_icmp([&](const net::IcmpReport& report) {
            answered = report.kind == net::IcmpReport::Kind::PortUnreachable;
        });
        constexpr std::uint16_t kDiscard = 9; // nobody listens there
        net::Timer again(runner_.loop());
        const std::function<void()> knock = [&] { // what says no may be limited in how often
            ASSERT_TRUE((*socket)->send({gateway_link_local(), kDiscard}, {}));
            again.start_after(200ms, knock);
        };
        knock();
        ASSERT_TRUE(runner_.run_until([&] { return answered; }));
    }

    HostAddress stable_{"2a00:77::2/64"};
    HostAddress other_{"2a00:77::3/64"};
};

/// A global address of the router on the link: its UPnP answers come from there.
struct RouterAddress {
    RouterAddress() {
        const InRouter in_router;
        ip("address add 2a00:77::1/128 dev gw0 nodad");
    }
    ~RouterAddress() {
        const InRouter in_router;
        ip("address del 2a00:77::1/128 dev gw0");
    }
    RouterAddress(const RouterAddress&) = delete;
    RouterAddress& operator=(const RouterAddress&) = delete;

    const IpAddress address = *IpAddress::parse("2a00:77::1");
};

std::vector<IpAddress> hosts(const Fake5351& server) {
    std::vector<IpAddress> out;
    for (const auto& entry : server.mappings()) out.push_back(entry.key.host);
    std::sort(out.begin(), out.end());
    return out;
}

TEST_F(Pinholes, AreAskedForByPcpFromEachGlobalAddress) {
    const Fake5351 server(runner_.loop(), gateway_link_local_place());
    open({.port = kPort, .families = Families::Ipv6});
    ASSERT_TRUE(*result_) << result_->error().error.message;
    const auto info = (*result_)->info();
    ASSERT_EQ(info.also.size(), 1U);
    for (const auto* one : {&info, &info.also[0]}) {
        EXPECT_EQ(one->external, one->internal);
        EXPECT_EQ(one->external.port, kPort);
        EXPECT_EQ(one->strategy, Strategy::Pcp);
        EXPECT_EQ(one->reach, Reach::Anyone);
        EXPECT_EQ(one->gateway, gateway_link_local());
    }
    EXPECT_EQ(hosts(server), (std::vector{address("2a00:77::2"), address("2a00:77::3")}));
    close();
    EXPECT_TRUE(server.mappings().empty());
}

TEST_F(Pinholes, StandBesideAMappingInOneOpening) {
    Fake5351 ipv4(runner_.loop());
    const Fake5351 ipv6(runner_.loop(), gateway_link_local_place());
    open({.port = kPort, .families = Families::Both});
    ASSERT_TRUE(*result_) << result_->error().error.message;
    const auto info = (*result_)->info();
    EXPECT_EQ(info.external, (Endpoint{IpAddress::v4(0x19007101), kPort}));
    EXPECT_EQ(info.also.size(), 2U);
    std::optional<Result<void>> closed;
    (*result_)->close([&](Result<void> result) { closed.emplace(std::move(result)); });
    ASSERT_TRUE(runner_.run_until([&] { return closed.has_value(); }));
    EXPECT_TRUE(*closed);
    EXPECT_TRUE(ipv4.mappings().empty());
    EXPECT_TRUE(ipv6.mappings().empty());
}

TEST_F(Pinholes, LackWhereTheRouterHasNoneAndTheStorySaysSo) {
    Fake5351 ipv4(runner_.loop());
    open({.port = kPort, .families = Families::Both});
    ASSERT_TRUE(*result_);
    const auto info = (*result_)->info();
    EXPECT_TRUE(info.external.address.is_v4());
    EXPECT_TRUE(info.also.empty());
    EXPECT_TRUE(std::any_of(info.story.begin(), info.story.end(), [](const StoryLine& line) {
        return line.gateway == gateway_link_local() && line.outcome == StoryLine::Outcome::Silent;
    }));
}

TEST_F(Pinholes, AreTakenBackWhenTheRequestIsCancelled) {
    Fake5351 server(runner_.loop(), gateway_link_local_place());
    server.behaviour.delay = 20ms;
    Chain chain(runner_.loop(), {Strategy::Pcp}, parts());
    auto attempt = chain.open({.port = kPort, .families = Families::Ipv6},
                              [](const Result<Opening, OpenFailure>&) { FAIL(); });
    ASSERT_TRUE(runner_.run_until([&] { return !server.mappings().empty(); }));
    attempt = {};
    close();
    EXPECT_TRUE(server.mappings().empty());
}

TEST_F(Pinholes, AreAskedForByIgdFromEachGlobalAddress) {
    const RouterAddress router;
    FakeIgd igd(runner_.loop(), router.address);
    igd.manners.services = {{.type = FakeIgd::kIp2},
                            {.type = FakeIgd::kFirewall, .control_url = "/fw"}};
    igd.manners.target = "urn:schemas-upnp-org:device:InternetGatewayDevice:2";
    open({.port = kPort, .transport = Transport::Tcp, .families = Families::Ipv6}, {Strategy::Igd});
    ASSERT_TRUE(*result_) << result_->error().error.message;
    const auto info = (*result_)->info();
    ASSERT_EQ(info.also.size(), 1U);
    EXPECT_EQ(info.strategy, Strategy::Igd);
    EXPECT_EQ(info.external, (Endpoint{info.internal.address, kPort}));
    EXPECT_EQ(info.lifetime, 7200s);
    ASSERT_EQ(igd.pinholes.size(), 2U);
    EXPECT_NE(igd.pinholes[0].internal.address, igd.pinholes[1].internal.address);
    EXPECT_EQ(igd.pinholes[0].transport, Transport::Tcp);
    close();
    EXPECT_TRUE(igd.pinholes.empty());
    EXPECT_EQ(igd.count("DeletePinhole"), 2);
}

// As when the provider gives the home another prefix.
TEST_F(Pinholes, FollowAnAddressThatIsDeprecatedToOneThatNoneOfThemIsFor) {
    const Fake5351 server(runner_.loop(), gateway_link_local_place());
    open({.port = kPort, .families = Families::Ipv6});
    ASSERT_TRUE(*result_) << result_->error().error.message;
    std::vector<std::pair<IpAddress, IpAddress>> moves;
    (*result_)->on_changed(
        [&](Opening::Change change, const OpeningInfo& before, const OpeningInfo& after) {
            EXPECT_EQ(change, Opening::Change::Moved);
            moves.emplace_back(before.external.address, after.external.address);
        });
    const HostAddress next("2a00:77::4/64");
    ip("address change 2a00:77::2/64 dev lan0 preferred_lft 0 valid_lft 100");
    const std::vector wanted = {address("2a00:77::3"), address("2a00:77::4")};
    EXPECT_TRUE(runner_.run_until([&] { return !moves.empty() && hosts(server) == wanted; }))
        << moves.size();
    EXPECT_EQ(moves, (std::vector{std::pair{address("2a00:77::2"), address("2a00:77::4")}}));
    close();
    EXPECT_TRUE(server.mappings().empty());
}

TEST_F(Pinholes, StayWhereThereIsNoOtherAddress) {
    const Fake5351 server(runner_.loop(), gateway_link_local_place());
    open({.port = kPort, .families = Families::Ipv6});
    ASSERT_TRUE(*result_);
    bool changed = false;
    (*result_)->on_changed(
        [&](Opening::Change, const OpeningInfo&, const OpeningInfo&) { changed = true; });
    ip("address change 2a00:77::2/64 dev lan0 preferred_lft 0 valid_lft 100");
    EXPECT_FALSE(runner_.run_until([&] { return changed; }, 700ms));
    EXPECT_EQ(server.mappings().size(), 2U);
    close();
}

TEST_F(Pinholes, AreForOneHostWhereThatIsAskedFor) {
    Fake5351 server(runner_.loop(), gateway_link_local_place());
    open({.port = kPort,
          .only_from = {*RemotePeers::parse("2001:db8::/32")},
          .families = Families::Ipv6});
    ASSERT_TRUE(*result_) << result_->error().error.message;
    for (const auto& entry : server.mappings()) {
        ASSERT_EQ(entry.filters.size(), 1U);
        EXPECT_EQ(entry.filters[0].prefix_length, 32);
    }
    close();
}

/// One mapper that asks for one pinhole.
class OnePinhole : public Pinholes {
protected:
    OnePinhole() {
        igd_.manners.services = {{.type = FakeIgd::kFirewall, .control_url = "/fw"}};
        mapper_ = make_mapper(Strategy::Igd, runner_.loop(),
                              {.gateway = gateway_link_local(),
                               .source = address("2a00:77::2"),
                               .interface = if_nametoindex(kHostLink),
                               .interface_name = kHostLink,
                               .prefix_length = 64});
    }

    [[nodiscard]] Result<Mapping> map(std::optional<Mapping> renew = {}) {
        std::optional<Result<Mapping>> out;
        mapper_->map({.internal = {address("2a00:77::2"), kPort},
                      .external_port = kPort,
                      .lifetime = Lifetime(600),
                      .only_from = only_from_,
                      .renew = std::move(renew)},
                     net::now() + 5s, [&](Result<Mapping> answer) { out = std::move(answer); });
        EXPECT_TRUE(runner_.run_until([&] { return out.has_value(); }));
        return out.value_or(Error{});
    }

    [[nodiscard]] Result<Mapping> look(const Mapping& mapping) {
        std::optional<Result<Mapping>> out;
        mapper_->check({.internal = mapping.internal, .renew = mapping}, net::now() + 5s,
                       [&](Result<Mapping> answer) { out = std::move(answer); });
        EXPECT_TRUE(runner_.run_until([&] { return out.has_value(); }));
        return out.value_or(Error{});
    }

    std::vector<RemotePeers> only_from_;
    RouterAddress router_;
    FakeIgd igd_{runner_.loop(), router_.address};
    std::unique_ptr<Mapper> mapper_;
};

TEST_F(OnePinhole, IsRenewedInPlace) {
    const auto first = map();
    ASSERT_TRUE(first) << first.error().message;
    const auto again = map(*first);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->pinhole, first->pinhole);
    EXPECT_EQ(igd_.pinholes.size(), 1U);
    EXPECT_EQ(igd_.count("UpdatePinhole"), 1);
    EXPECT_EQ(igd_.count("AddPinhole"), 1);
}

TEST_F(OnePinhole, IsMadeAnewWhereTheRouterForgotIt) {
    const auto first = map();
    ASSERT_TRUE(first);
    igd_.pinholes.clear();
    const auto again = map(*first);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_NE(again->pinhole, first->pinhole);
    EXPECT_EQ(igd_.pinholes.size(), 1U);
}

TEST_F(OnePinhole, IsForOneRemoteHostWhereThatIsAskedFor) {
    only_from_ = {*RemotePeers::parse("2001:db8::7")};
    const auto mapping = map();
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_EQ(mapping->only_from, only_from_);
    ASSERT_EQ(igd_.pinholes.size(), 1U);
    EXPECT_EQ(igd_.pinholes[0].remote_host, "2001:db8::7");
    only_from_.clear(); // and for everybody from now on
    ASSERT_TRUE(map(*mapping));
    ASSERT_TRUE(runner_.run_until([this] { return igd_.pinholes.size() == 1; }));
    EXPECT_EQ(igd_.pinholes[0].remote_host, "");
    only_from_ = {*RemotePeers::parse("2001:db8::/32")};
    EXPECT_EQ(map().error().code, Errc::Unsupported);
}

TEST_F(OnePinhole, IsLookedAtWithoutRenewingIt) {
    const auto mapping = map();
    ASSERT_TRUE(mapping);
    for (const bool checks : {true, false}) { // CheckPinholeWorking, or else GetPinholePackets
        igd_.manners.checks_pinholes = checks;
        igd_.manners.pinhole_packets = 0;
        EXPECT_EQ(look(*mapping)->note, "");
        igd_.manners.pinhole_packets = 3;
        EXPECT_NE(look(*mapping)->note.find("has seen packets"), std::string::npos);
    }
    EXPECT_EQ(igd_.count("UpdatePinhole"), 0);
    igd_.pinholes.clear();
    EXPECT_EQ(look(*mapping).error().code, Errc::NotFound);
}

TEST_F(OnePinhole, IsRefusedInWords) {
    struct Refusal {
        int code;
        Errc errc;
        const char* says;
    };
    for (const auto& row : {Refusal{701, Errc::Refused, "no free pinhole"},
                            Refusal{702, Errc::Refused, "switched off"},
                            Refusal{703, Errc::Refused, "allows no pinholes"},
                            Refusal{705, Errc::Unsupported, "this protocol"},
                            Refusal{606, Errc::Refused, "only the host that asks"}}) {
        igd_.manners.faults = {{"AddPinhole", row.code}};
        const auto answer = map();
        ASSERT_FALSE(answer) << row.code;
        EXPECT_EQ(answer.error().code, row.errc) << row.code;
        EXPECT_NE(answer.error().message.find(row.says), std::string::npos)
            << answer.error().message;
    }
}

TEST_F(OnePinhole, IsNotBelievedWhenTheRouterDoesNotKnowIt) {
    igd_.manners.faults = {{"CheckPinholeWorking", 704}};
    const auto answer = map();
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Errc::Mismatch);
}

TEST_F(OnePinhole, IsNotAskedForWhereTheFirewallIsOpenOrClosedToUs) {
    for (const auto& [enabled, allowed, code] :
         {std::tuple{"0", "1", Errc::NotFound}, std::tuple{"1", "0", Errc::Refused}}) {
        ScriptedResponse status;
        status.body = soap::encode(
            soap::Response{FakeIgd::kFirewall,
                           "GetFirewallStatus",
                           {{"FirewallEnabled", enabled}, {"InboundPinholeAllowed", allowed}}});
        igd_.manners.answers = {{"GetFirewallStatus", status}};
        const auto answer = map();
        ASSERT_FALSE(answer);
        EXPECT_EQ(answer.error().code, code);
    }
    EXPECT_EQ(igd_.count("AddPinhole"), 0);
}

TEST_F(OnePinhole, IsClosedAgainWhenItsMapperGoes) {
    bool slow = false;
    igd_.manners.hook = [&](const soap::Request& request) -> std::optional<ScriptedResponse> {
        if (request.action != "CheckPinholeWorking") return std::nullopt;
        slow = true;
        ScriptedResponse never;
        never.silent = true;
        return never;
    };
    mapper_->map({.internal = {address("2a00:77::2"), kPort}, .lifetime = Lifetime(600)},
                 net::now() + 5s, [](const Result<Mapping>&) { FAIL(); });
    ASSERT_TRUE(runner_.run_until([&] { return slow; }));
    mapper_.reset();
    close();
    EXPECT_TRUE(igd_.pinholes.empty());
}

} // namespace
} // namespace natterjack::test
