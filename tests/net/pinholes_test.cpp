// SPDX-License-Identifier: MIT
// IPv6: a pinhole for each global address, asked for from that very address.
#include <algorithm>
#include <optional>
#include <tuple>
#include <vector>

#include <net/if.h>

#include <gtest/gtest.h>

#include "tests/support/fake_5351.hpp"
#include "tests/support/fake_igd.hpp"
#include "tests/support/loop_runner.hpp"
#include "tests/support/netns.hpp"
#include "traversal/chain.hpp"

namespace natterjack::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kPort = 6667;

IpAddress address(const char* text) {
    return *IpAddress::parse(text);
}

/// A host with two global addresses and a default route by the router's link-local one.
class Pinholes : public testing::Test {
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

    void open(OpenRequest request,
              std::vector<Strategy> strategies = {Strategy::Igd, Strategy::Pcp, Strategy::NatPmp}) {
        Chain chain(runner_.loop(), std::move(strategies),
                    {.make_mapper = make_mapper,
                     .read_network = net::read_network,
                     .read_servers = []() -> Result<Servers> { return Servers{}; },
                     .journal = Journal(""),
                     .trace_hops = trace_second_hop(),
                     .keeper_of = LeaseKeeper::of});
        attempt_ = chain.open(std::move(request), [this](Result<Opening, OpenFailure> result) {
            result_.emplace(std::move(result));
        });
        ASSERT_TRUE(runner_.run_until([this] { return result_.has_value(); }));
    }

    void close() {
        result_.reset();
        attempt_ = {};
        bool over = false;
        runner_.loop().when_settled(2 * kUndoLimit, [&over] { over = true; });
        EXPECT_TRUE(runner_.run_until([&over] { return over; }));
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
    LoopRunner runner_;
    Attempt attempt_;
    std::optional<Result<Opening, OpenFailure>> result_;
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
    Chain chain(runner_.loop(), {Strategy::Pcp},
                {.make_mapper = make_mapper,
                 .read_network = net::read_network,
                 .read_servers = []() -> Result<Servers> { return Servers{}; },
                 .journal = Journal(""),
                 .keeper_of = LeaseKeeper::of});
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
                      .renew = std::move(renew)},
                     net::now() + 5s, [&](Result<Mapping> answer) { out = std::move(answer); });
        EXPECT_TRUE(runner_.run_until([&] { return out.has_value(); }));
        return out.value_or(Error{});
    }

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
