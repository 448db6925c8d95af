// SPDX-License-Identifier: MIT
// What PCP's and NAT-PMP's mappers have in common, against a gateway that behaves and one that does
// not.
#include <array>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/fake_5351.hpp"
#include "tests/support/mapper_fixture.hpp"

namespace natterjack::test {
namespace {

using namespace std::chrono_literals;
using Bytes = Fake5351::Bytes;
using Reply = Fake5351::Reply;
using Source = Fake5351::Source;

class Port5351 : public testing::TestWithParam<Strategy> {
protected:
    [[nodiscard]] static bool is_pcp() { return GetParam() == Strategy::Pcp; }
    /// True for the protocol's request to make a mapping.
    [[nodiscard]] static bool is_map(const Bytes& request) {
        if (const auto pcp = pcp::decode_request(request)) {
            return std::holds_alternative<pcp::Map>(pcp->body);
        }
        return natpmp::decode_map_request(request).has_value();
    }
    [[nodiscard]] const Fake5351::Entry* entry(std::uint8_t protocol, std::uint16_t port) const {
        return fake_.find({kHost, protocol, port});
    }
    void expect_nothing_left() {
        EXPECT_TRUE(drained(runner_));
        EXPECT_TRUE(fake_.mappings().empty());
    }

    LoopRunner runner_;
    Fake5351 fake_{runner_.loop()};
    MapperClient client_{runner_, GetParam()};
};

TEST_P(Port5351, ProbesMapsRenewsAndUnmaps) {
    EXPECT_EQ(client_.mapper->strategy(), GetParam());
    const auto service = client_.probe();
    ASSERT_TRUE(service) << service.error().message;
    EXPECT_TRUE(fake_.mappings().empty());

    const auto mapping = client_.map(udp_request());
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_EQ(mapping->strategy, GetParam());
    EXPECT_EQ(mapping->transport, Transport::Udp);
    EXPECT_EQ(mapping->internal, (Endpoint{kHost, 1234}));
    EXPECT_EQ(mapping->external, (Endpoint{fake_.behaviour.external, 1234}));
    EXPECT_EQ(mapping->lifetime, Lifetime(7200));
    EXPECT_EQ(mapping->gateway, kGateway);
    EXPECT_EQ(mapping->note, "");
    ASSERT_TRUE(entry(17, 1234));

    auto renewal = udp_request();
    renewal.renew = *mapping;
    renewal.lifetime = Lifetime(3600);
    const auto renewed = client_.map(renewal);
    ASSERT_TRUE(renewed) << renewed.error().message;
    EXPECT_EQ(renewed->external, mapping->external);
    EXPECT_EQ(renewed->nonce, mapping->nonce);
    EXPECT_EQ(renewed->lifetime, Lifetime(3600));
    EXPECT_EQ(fake_.mappings().size(), 1U);

    const auto unmapped = client_.unmap(*renewed);
    EXPECT_TRUE(unmapped) << unmapped.error().message;
    EXPECT_TRUE(fake_.mappings().empty());
}

TEST_P(Port5351, KeepsUdpAndTcpOfOnePortApart) {
    auto tcp = udp_request();
    tcp.transport = Transport::Tcp;
    std::array<std::optional<Result<Mapping>>, 2> answers;
    client_.mapper->map(udp_request(), net::now() + 2s, [&](auto result) { answers[0] = result; });
    client_.mapper->map(tcp, net::now() + 2s, [&](auto result) { answers[1] = result; });
    ASSERT_TRUE(runner_.run_until([&] { return answers[0] && answers[1]; }));
    ASSERT_TRUE(*answers[0]);
    ASSERT_TRUE(*answers[1]);
    EXPECT_EQ((*answers[0])->transport, Transport::Udp);
    EXPECT_EQ((*answers[1])->transport, Transport::Tcp);
    EXPECT_TRUE(entry(17, 1234));
    EXPECT_TRUE(entry(6, 1234));
    ASSERT_TRUE(client_.unmap(**answers[0]));
    EXPECT_FALSE(entry(17, 1234));
    EXPECT_TRUE(entry(6, 1234));
}

TEST_P(Port5351, ReportsThePortThatTheGatewayAssigned) {
    fake_.behaviour.taken = {1234, 1235};
    const auto mapping = client_.map(udp_request());
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_EQ(mapping->external.port, 1236);
    EXPECT_NE(mapping->note.find("1236 instead of 1234"), std::string::npos) << mapping->note;
}

TEST_P(Port5351, TakesNoOtherPortThanAnExactOne) {
    fake_.behaviour.taken = {1234};
    auto request = udp_request();
    request.exact = true;
    const auto mapping = client_.map(request);
    ASSERT_FALSE(mapping);
    EXPECT_EQ(mapping.error().code, Errc::Conflict);
    EXPECT_TRUE(fake_.mappings().empty());
    fake_.behaviour.taken = {};
    EXPECT_TRUE(client_.map(request));
}

TEST_P(Port5351, ReportsTheLifetimeThatTheGatewayGranted) {
    fake_.behaviour.lifetime = Lifetime(120);
    const auto mapping = client_.map(udp_request());
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_EQ(mapping->lifetime, Lifetime(120));
}

TEST_P(Port5351, TakesALifetimeOfZeroForARefusal) {
    fake_.behaviour.lifetime = Lifetime(0);
    const auto mapping = client_.map(udp_request());
    ASSERT_FALSE(mapping);
    EXPECT_EQ(mapping.error().code, Errc::Refused);
    fake_.behaviour.lifetime.reset();
    expect_nothing_left();
}

TEST_P(Port5351, RefusesToAskForWhatTheProtocolMisreads) {
    auto request = udp_request(0);
    EXPECT_EQ(client_.map(request).error().code, Errc::InvalidArgument);
    request = udp_request();
    request.lifetime = Lifetime(0);
    EXPECT_EQ(client_.map(request).error().code, Errc::InvalidArgument);
    EXPECT_EQ(client_.unmap(Mapping{}).error().code, Errc::InvalidArgument);
    EXPECT_EQ(client_.list().error().code, Errc::Unsupported);
    EXPECT_TRUE(fake_.requests().empty());
}

TEST_P(Port5351, KnowsWhenThereIsNobodyToAsk) {
    auto path = private_path();
    path.gateway = IpAddress();
    MapperClient nobody(runner_, GetParam(), path);
    EXPECT_EQ(nobody.probe().error().code, Errc::NotFound);
    EXPECT_EQ(nobody.map(udp_request()).error().code, Errc::NotFound);
    path = private_path();
    path.source = IpAddress();
    MapperClient homeless(runner_, GetParam(), path);
    EXPECT_EQ(homeless.probe().error().code, Errc::NoNetwork);
}

TEST_P(Port5351, RepeatsWhatWasLost) {
    fake_.behaviour.lose_first = 3;
    fake_.behaviour.lose_answers = 1;
    const auto mapping = client_.map(udp_request());
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_EQ(fake_.mappings().size(), 1U);
}

TEST_P(Port5351, WaitsForASlowGateway) {
    fake_.behaviour.delay = 250ms; // repeats cross the answers
    EXPECT_TRUE(client_.probe());
    const auto mapping = client_.map(udp_request());
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_EQ(fake_.mappings().size(), 1U);
}

TEST_P(Port5351, GivesUpOnASilentGateway) {
    client_.patience = 350ms;
    fake_.behaviour.lose_first = 1000;
    EXPECT_EQ(client_.probe().error().code, Errc::Timeout);
    EXPECT_EQ(client_.map(udp_request()).error().code, Errc::Timeout);
    EXPECT_TRUE(fake_.mappings().empty());
}

TEST_P(Port5351, TakesBackWhatAGatewayGrantedWithoutSayingSo) {
    client_.patience = 250ms;
    fake_.behaviour.spoil = [](const Bytes& request, const Bytes& answer) {
        const auto pcp = pcp::decode_request(request);
        const auto natpmp = natpmp::decode_map_request(request);
        const bool deletes =
            pcp ? pcp->lifetime.count() == 0 : natpmp && natpmp->lifetime.count() == 0;
        return deletes ? std::vector<Reply>{{answer}} : std::vector<Reply>{};
    };
    EXPECT_EQ(client_.map(udp_request()).error().code, Errc::Timeout);
    EXPECT_EQ(fake_.mappings().size(), 1U);
    expect_nothing_left();
}

TEST_P(Port5351, IgnoresStrangers) {
    client_.patience = 350ms;
    fake_.behaviour.spoil = [](const Bytes& /*request*/, const Bytes& answer) {
        return std::vector<Reply>{{answer, Source::OtherPort}, {answer, Source::OtherAddress}};
    };
    EXPECT_EQ(client_.probe().error().code, Errc::Timeout);
    EXPECT_EQ(client_.map(udp_request()).error().code, Errc::Timeout);
}

TEST_P(Port5351, IgnoresTruncatedAnswersOfEveryLength) {
    // Each is followed by the whole answer, so that a wrong one would win if it were believed.
    fake_.behaviour.spoil = [](const Bytes& /*request*/, const Bytes& answer) {
        std::vector<Reply> replies;
        for (std::size_t length = 0; length < answer.size(); ++length) {
            replies.push_back({Bytes(answer.begin(), answer.begin() + static_cast<long>(length))});
        }
        replies.push_back({answer});
        return replies;
    };
    const auto service = client_.probe();
    ASSERT_TRUE(service) << service.error().message;
    const auto mapping = client_.map(udp_request());
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_EQ(mapping->external, (Endpoint{fake_.behaviour.external, 1234}));
    EXPECT_EQ(mapping->lifetime, Lifetime(7200));
}

TEST_P(Port5351, IgnoresAnswersToOtherRequests) {
    fake_.behaviour.spoil = [](const Bytes& request, const Bytes& answer) {
        auto other_opcode = answer;
        other_opcode[1] ^= 0x03U;
        std::vector<Reply> replies{{other_opcode}, {request}};
        if (is_map(request)) {
            auto other_port = answer;
            other_port[is_pcp() ? 41 : 9] ^= 0x01U; // the internal port's low byte
            replies.push_back({other_port});
        }
        replies.push_back({answer});
        return replies;
    };
    const auto service = client_.probe();
    ASSERT_TRUE(service) << service.error().message;
    const auto mapping = client_.map(udp_request());
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_EQ(mapping->external, (Endpoint{fake_.behaviour.external, 1234}));
}

TEST_P(Port5351, IgnoresLateDuplicates) {
    fake_.behaviour.spoil = [](const Bytes& /*request*/, const Bytes& answer) {
        return std::vector<Reply>{{answer}, {answer}, {answer}};
    };
    EXPECT_TRUE(client_.probe());
    const auto first = client_.map(udp_request(1000));
    const auto second = client_.map(udp_request(2000));
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->external.port, 1000);
    EXPECT_EQ(second->external.port, 2000);
}

TEST_P(Port5351, SurvivesAFloodOfRubbish) {
    fake_.behaviour.spoil = [](const Bytes& /*request*/, const Bytes& answer) {
        std::vector<Reply> replies(200, Reply{Bytes(1200, 0xff)});
        replies.push_back({answer});
        return replies;
    };
    const auto mapping = client_.map(udp_request());
    ASSERT_TRUE(mapping) << mapping.error().message;
}

TEST_P(Port5351, EndsAtOnceWhenTheGatewaySpeaksAnotherVersionOnly) {
    fake_.behaviour.pcp = !is_pcp();
    fake_.behaviour.natpmp = is_pcp();
    EXPECT_EQ(client_.probe().error().code, Errc::NotFound);
    const auto mapping = client_.map(udp_request());
    ASSERT_FALSE(mapping);
    EXPECT_EQ(mapping.error().code, Errc::NotFound);
    EXPECT_TRUE(drained(runner_));
}

TEST_P(Port5351, TimesOutWhenTheGatewayDropsThisVersionSilently) {
    client_.patience = 250ms;
    fake_.behaviour.pcp = !is_pcp();
    fake_.behaviour.natpmp = is_pcp();
    fake_.behaviour.drops_other_version = true;
    EXPECT_EQ(client_.probe().error().code, Errc::Timeout);
}

TEST_P(Port5351, PassesOnEachRefusalInWords) {
    const int last = is_pcp() ? 14 : 6; // one beyond what is defined
    for (int code = 2; code <= last; ++code) {
        SCOPED_TRACE(code);
        fake_.behaviour.map_result = static_cast<pcp::ResultCode>(code);
        fake_.behaviour.natpmp_map_result = static_cast<natpmp::ResultCode>(code);
        for (const bool brief : {false, true}) {
            fake_.behaviour.natpmp_short_errors = brief;
            const auto mapping = client_.map(udp_request());
            ASSERT_FALSE(mapping);
            EXPECT_EQ(mapping.error().detail, code);
            EXPECT_NE(mapping.error().code, Errc::Timeout);
            EXPECT_GT(mapping.error().message.size(), 20U);
        }
    }
}

TEST_P(Port5351, LeavesNothingWhenDestroyedBeforeTheAnswer) {
    for (const auto delay : {0ms, 30ms}) {
        for (const int lost : {0, 1}) {
            fake_.behaviour.delay = delay;
            fake_.behaviour.lose_first = lost;
            MapperClient client(runner_, GetParam());
            client.mapper->map(udp_request(), net::now() + 2s,
                               [](const auto&) { ADD_FAILURE() << "called after destruction"; });
            if (delay > 0ms) runner_.run_pending(); // the gateway has it, and its answer waits
            client.mapper.reset();
            expect_nothing_left();
        }
    }
}

TEST_P(Port5351, LeavesNothingWhenDestroyedAtAnyTurnOfTheLoop) {
    // A grant in the handler is the caller's; before that it must be taken back.
    bool answered = false;
    for (int turns = 0; !answered; ++turns) {
        ASSERT_LT(turns, 1000);
        MapperClient client(runner_, GetParam());
        client.mapper->map(udp_request(), net::now() + 2s, [&](const auto& mapping) {
            answered = true;
            EXPECT_TRUE(mapping);
        });
        for (int turn = 0; turn < turns && !answered; ++turn) runner_.run_once();
        client.mapper.reset();
        if (!answered) expect_nothing_left();
    }
    EXPECT_EQ(fake_.mappings().size(), 1U);
}

TEST_P(Port5351, MayBeDestroyedInsideItsHandlers) {
    bool probed = false;
    client_.mapper->probe(net::now() + 2s, [&](const auto&) {
        client_.mapper.reset();
        probed = true;
    });
    ASSERT_TRUE(runner_.run_until([&] { return probed; }));

    MapperClient client(runner_, GetParam());
    std::optional<Mapping> mapping;
    client.mapper->map(udp_request(), net::now() + 2s, [&](auto result) {
        client.mapper.reset();
        if (result) mapping = *result;
    });
    ASSERT_TRUE(runner_.run_until([&] { return mapping.has_value(); }));
    EXPECT_EQ(fake_.mappings().size(), 1U); // it was handed over: its owner removes it
    MapperClient other(runner_, GetParam());
    EXPECT_TRUE(other.unmap(*mapping));
    expect_nothing_left();
}

TEST_P(Port5351, LeavesNothingWhenDestroyedWhileGivingBack) {
    fake_.behaviour.taken = {1234};
    fake_.behaviour.ignores_prefer_failure = true;
    fake_.behaviour.delay = 20ms;
    auto request = udp_request();
    request.exact = true;
    client_.mapper->map(request, net::now() + 2s,
                        [](const auto&) { ADD_FAILURE() << "called after destruction"; });
    ASSERT_TRUE(runner_.run_until([&] { return fake_.mappings().size() == 1; }));
    client_.mapper.reset();
    expect_nothing_left();
}

TEST_P(Port5351, LeavesARenewedMappingToItsOwner) {
    const auto mapping = client_.map(udp_request());
    ASSERT_TRUE(mapping);
    fake_.behaviour.delay = 20ms;
    auto renewal = udp_request();
    renewal.renew = *mapping;
    client_.mapper->map(renewal, net::now() + 2s,
                        [](const auto&) { ADD_FAILURE() << "called after destruction"; });
    runner_.run_pending();
    client_.mapper.reset();
    EXPECT_TRUE(drained(runner_));
    EXPECT_EQ(fake_.mappings().size(), 1U);
}

TEST_P(Port5351, UsesThePathsSourceWhereTheRoutingTableWouldNot) {
    const HostAddress second("192.168.77.9/24");
    auto path = private_path();
    path.source = IpAddress::v4(0xC0A84D09);
    MapperClient client(runner_, GetParam(), path);
    auto request = udp_request();
    request.internal.address = path.source;
    const auto mapping = client.map(request);
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_EQ(mapping->internal.address, path.source);
    for (const auto& seen : fake_.requests()) EXPECT_EQ(seen.from.address, path.source);
}

INSTANTIATE_TEST_SUITE_P(Protocols, Port5351, testing::Values(Strategy::Pcp, Strategy::NatPmp),
                         [](const auto& test) {
                             return test.param == Strategy::Pcp ? std::string("Pcp")
                                                                : std::string("NatPmp");
                         });

/// Without a gateway's program: the kernel answers with ICMP.
class Port5351Closed : public testing::TestWithParam<Strategy> {};

TEST_P(Port5351Closed, IsKnownAtOnce) {
    LoopRunner runner;
    MapperClient client(runner, GetParam());
    const auto service = client.probe();
    ASSERT_FALSE(service);
    EXPECT_EQ(service.error().code, Errc::NotFound);
    const auto mapping = client.map(udp_request());
    ASSERT_FALSE(mapping);
    EXPECT_EQ(mapping.error().code, Errc::NotFound);
    EXPECT_TRUE(drained(runner));
}

INSTANTIATE_TEST_SUITE_P(Protocols, Port5351Closed,
                         testing::Values(Strategy::Pcp, Strategy::NatPmp), [](const auto& test) {
                             return test.param == Strategy::Pcp ? std::string("Pcp")
                                                                : std::string("NatPmp");
                         });

} // namespace
} // namespace natterjack::test
