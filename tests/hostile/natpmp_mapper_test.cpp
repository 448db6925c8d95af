// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "tests/support/fake_5351.hpp"
#include "tests/support/mapper_fixture.hpp"

namespace natterjack::test {
namespace {

using namespace std::chrono_literals;
using Bytes = Fake5351::Bytes;
using Reply = Fake5351::Reply;

class NatPmpMapper : public testing::Test {
protected:
    LoopRunner runner_;
    Fake5351 fake_{runner_.loop()};
    MapperClient client_{runner_, Strategy::NatPmp};
};

TEST_F(NatPmpMapper, ProbesForTheExternalAddress) {
    const auto service = client_.probe();
    ASSERT_TRUE(service) << service.error().message;
    EXPECT_EQ(service->external, fake_.behaviour.external);
    EXPECT_EQ(*client_.external_address(), fake_.behaviour.external);
}

TEST_F(NatPmpMapper, MapsInOneRoundTripAlsoWithoutAProbe) {
    fake_.behaviour.lose_answers = 2;
    std::optional<Result<Mapping>> mapping;
    client_.mapper->map(udp_request(), net::now() + 2s, [&](auto result) { mapping = result; });
    ASSERT_TRUE(runner_.run_until([&] { return fake_.requests().size() >= 2; }));
    // Both questions, and no answer to either yet.
    EXPECT_TRUE(natpmp::decode_address_request(fake_.requests()[0].payload));
    EXPECT_TRUE(natpmp::decode_map_request(fake_.requests()[1].payload));
    ASSERT_TRUE(runner_.run_until([&] { return mapping.has_value(); }));
    ASSERT_TRUE(*mapping);
    EXPECT_EQ((*mapping)->external, (Endpoint{fake_.behaviour.external, 1234}));
}

TEST_F(NatPmpMapper, DoesNotAskForTheAddressAgain) {
    ASSERT_TRUE(client_.probe());
    ASSERT_TRUE(client_.map(udp_request()));
    EXPECT_EQ(fake_.requests().size(), 2U);
}

TEST_F(NatPmpMapper, AsksForTheAddressAgainWhenRenewing) {
    auto renewal = udp_request();
    renewal.renew = *client_.map(udp_request());
    fake_.behaviour.external = IpAddress::v4(0x19007109);
    const auto renewed = client_.map(renewal);
    ASSERT_TRUE(renewed);
    EXPECT_EQ(renewed->external.address, fake_.behaviour.external);
}

TEST_F(NatPmpMapper, MapsWhereTheGatewayKnowsNoAddressOfItsOwn) {
    fake_.behaviour.natpmp_address_result = natpmp::ResultCode::NetworkFailure;
    for (const bool brief : {false, true}) {
        fake_.behaviour.natpmp_short_errors = brief;
        EXPECT_TRUE(client_.probe());
        EXPECT_EQ(client_.external_address().error().code, Errc::Refused);
        const auto mapping = client_.map(udp_request());
        ASSERT_TRUE(mapping) << mapping.error().message;
        EXPECT_TRUE(mapping->external.address.is_unspecified());
        EXPECT_EQ(mapping->external.port, 1234);
    }
}

TEST_F(NatPmpMapper, MapsWhereTheGatewayNeverTellsItsAddress) {
    fake_.behaviour.spoil = [](const Bytes& request, const Bytes& answer) {
        return request.size() == 2 ? std::vector<Reply>{} : std::vector<Reply>{{answer}};
    };
    const auto mapping = client_.map(udp_request());
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_TRUE(mapping->external.address.is_unspecified());
}

TEST_F(NatPmpMapper, LeavesNothingWhenDestroyedBetweenGrantAndAddress) {
    fake_.behaviour.spoil = [](const Bytes& request, const Bytes& answer) {
        return request.size() == 2 ? std::vector<Reply>{} : std::vector<Reply>{{answer}};
    };
    client_.mapper->map(udp_request(), net::now() + 2s,
                        [](const auto&) { ADD_FAILURE() << "called after destruction"; });
    // The address is asked for again only after the mapping was granted.
    ASSERT_TRUE(runner_.run_until([&] { return fake_.requests().size() >= 3; }));
    EXPECT_EQ(fake_.mappings().size(), 1U);
    client_.mapper.reset();
    EXPECT_TRUE(drained(runner_));
    EXPECT_TRUE(fake_.mappings().empty());
}

TEST_F(NatPmpMapper, TakesNotAuthorizedForSwitchedOff) {
    fake_.behaviour.natpmp_address_result = natpmp::ResultCode::NotAuthorized;
    EXPECT_EQ(client_.probe().error().code, Errc::Refused);
}

TEST_F(NatPmpMapper, LeavesTheChoiceToTheGateway) {
    auto request = udp_request();
    request.external_port = 0;
    const auto mapping = client_.map(request);
    ASSERT_TRUE(mapping);
    EXPECT_EQ(fake_.last_natpmp_map()->suggested_external_port, 0);
    EXPECT_EQ(mapping->note, "");
    request.renew = *mapping;
    ASSERT_TRUE(client_.map(request));
    EXPECT_EQ(fake_.last_natpmp_map()->suggested_external_port, mapping->external.port);
}

// RouterOS: "unable to allocate port for mapping *:0" (tailscale issue 13785).
TEST_F(NatPmpMapper, SuggestsTheInternalPortWhereNoneIsRefused) {
    fake_.behaviour.refuses_no_suggestion = true;
    auto request = udp_request();
    request.external_port = 0;
    const auto mapping = client_.map(request);
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_EQ(fake_.last_natpmp_map()->suggested_external_port, 1234);
    EXPECT_EQ(mapping->external.port, 1234);
}

TEST_F(NatPmpMapper, DeletesWithExternalPortZero) {
    const auto mapping = client_.map(udp_request());
    const auto other = client_.map(udp_request(1235));
    ASSERT_TRUE(mapping && other);
    ASSERT_TRUE(client_.unmap(*mapping));
    EXPECT_EQ(*fake_.last_natpmp_map(), (natpmp::MapRequest{Transport::Udp, 1234, 0, Lifetime(0)}));
    EXPECT_EQ(fake_.mappings().size(), 1U); // the other one
    EXPECT_TRUE(client_.unmap(*mapping));   // gone already: the protocol cannot tell
}

TEST_F(NatPmpMapper, CannotMapForAnotherHost) {
    auto request = udp_request();
    request.internal.address = IpAddress::v4(0xC0A84D63);
    const auto mapping = client_.map(request);
    ASSERT_FALSE(mapping);
    EXPECT_EQ(mapping.error().code, Errc::InvalidArgument);
    EXPECT_TRUE(fake_.requests().empty());
}

TEST_F(NatPmpMapper, IsForIpv4Only) {
    auto path = private_path();
    path.gateway = gateway_v6();
    path.source = host_v6();
    MapperClient client(runner_, Strategy::NatPmp, path);
    EXPECT_EQ(client.probe().error().code, Errc::NotFound);
}

TEST_F(NatPmpMapper, IgnoresTheAnswerToAFormerRequest) {
    // What a repeated request draws: libnatpmp would take it for the answer to the next one.
    Bytes former;
    fake_.behaviour.spoil = [&former](const Bytes& /*request*/, const Bytes& answer) {
        std::vector<Reply> replies;
        if (!former.empty()) replies.push_back({former});
        replies.push_back({answer});
        former = answer;
        return replies;
    };
    EXPECT_TRUE(client_.probe());
    for (std::uint16_t port = 1000; port < 1005; ++port) {
        const auto mapping = client_.map(udp_request(port));
        ASSERT_TRUE(mapping) << mapping.error().message;
        EXPECT_EQ(mapping->external.port, port);
    }
}

} // namespace
} // namespace natterjack::test
