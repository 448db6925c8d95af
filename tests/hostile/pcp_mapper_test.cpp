// SPDX-License-Identifier: MIT
#include <set>

#include <gtest/gtest.h>

#include "tests/support/fake_5351.hpp"
#include "tests/support/mapper_fixture.hpp"

namespace natterjack::test {
namespace {

using namespace std::chrono_literals;
using Bytes = Fake5351::Bytes;
using Reply = Fake5351::Reply;

class PcpMapper : public testing::Test {
protected:
    LoopRunner runner_;
    Fake5351 fake_{runner_.loop()};
    MapperClient client_{runner_, Strategy::Pcp};
};

TEST_F(PcpMapper, AsksWithANonceOfItsOwnForEachMapping) {
    std::set<pcp::Nonce> nonces;
    for (std::uint16_t port = 1000; port < 1010; ++port) {
        const auto mapping = client_.map(udp_request(port));
        ASSERT_TRUE(mapping) << mapping.error().message;
        nonces.insert(mapping->nonce);
    }
    EXPECT_EQ(nonces.size(), 10U);
    EXPECT_FALSE(nonces.contains(pcp::Nonce{}));
}

TEST_F(PcpMapper, SuggestsThePortAndNoAddress) {
    ASSERT_TRUE(client_.map(udp_request()));
    const auto request = fake_.last_pcp();
    ASSERT_TRUE(request);
    EXPECT_EQ(request->client, kHost);
    EXPECT_EQ(request->options, pcp::Options{});
    const auto& map = std::get<pcp::Map>(request->body);
    EXPECT_EQ(map.protocol, 17);
    EXPECT_EQ(map.external_port, 1234);
    EXPECT_EQ(map.external, IpAddress()); // ::ffff:0.0.0.0
}

TEST_F(PcpMapper, SuggestsInARenewalWhatItHas) {
    fake_.behaviour.taken = {1234};
    const auto mapping = client_.map(udp_request());
    ASSERT_TRUE(mapping);
    auto renewal = udp_request();
    renewal.renew = *mapping;
    ASSERT_TRUE(client_.map(renewal));
    const auto request = fake_.last_pcp();
    const auto& map = std::get<pcp::Map>(request->body);
    EXPECT_EQ(map.nonce, mapping->nonce);
    EXPECT_EQ(map.external_port, 1235);
    EXPECT_EQ(map.external, fake_.behaviour.external);
}

TEST_F(PcpMapper, DeletesWithTheSameNonceAndWithoutASuggestion) {
    auto mapping = client_.map(udp_request());
    ASSERT_TRUE(mapping);
    auto stranger = *mapping;
    stranger.nonce[0] ^= 1U;
    EXPECT_EQ(client_.unmap(stranger).error().code, Errc::Refused);
    ASSERT_TRUE(client_.unmap(*mapping));
    const auto request = fake_.last_pcp();
    EXPECT_EQ(request->lifetime, Lifetime(0));
    const auto& map = std::get<pcp::Map>(request->body);
    EXPECT_EQ(map.external_port, 0);
    EXPECT_EQ(map.external, IpAddress());
}

TEST_F(PcpMapper, InsistsByPreferFailure) {
    auto request = udp_request();
    request.exact = true;
    ASSERT_TRUE(client_.map(request));
    EXPECT_TRUE(fake_.last_pcp()->options.prefer_failure);
    request.external_port = 0; // nothing to insist on
    request.internal.port = 1235;
    ASSERT_TRUE(client_.map(request));
    EXPECT_FALSE(fake_.last_pcp()->options.prefer_failure);
}

TEST_F(PcpMapper, ChecksThePortWhereTheGatewayDoesNotKnowPreferFailure) {
    fake_.behaviour.knows_prefer_failure = false;
    auto request = udp_request();
    request.exact = true;
    ASSERT_TRUE(client_.map(request));
    fake_.behaviour.taken = {1235};
    request = udp_request(1235);
    request.exact = true;
    EXPECT_EQ(client_.map(request).error().code, Errc::Conflict);
    EXPECT_EQ(fake_.mappings().size(), 1U);
}

TEST_F(PcpMapper, NamesAnotherInternalHostByThirdParty) {
    fake_.behaviour.knows_third_party = true;
    auto request = udp_request();
    request.internal.address = IpAddress::v4(0xC0A84D63);
    const auto mapping = client_.map(request);
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_EQ(mapping->internal.address, request.internal.address);
    EXPECT_EQ(fake_.last_pcp()->options.third_party, request.internal.address);
    EXPECT_EQ(fake_.mappings().front().key.host, request.internal.address);
    ASSERT_TRUE(client_.unmap(*mapping));
    EXPECT_TRUE(fake_.mappings().empty());
    fake_.behaviour.knows_third_party = false;
    EXPECT_EQ(client_.map(request).error().code, Errc::Unsupported);
}

TEST_F(PcpMapper, MapsForItselfWhenNoHostIsNamed) {
    auto request = udp_request();
    request.internal.address = IpAddress();
    const auto mapping = client_.map(request);
    ASSERT_TRUE(mapping);
    EXPECT_EQ(mapping->internal.address, kHost);
    EXPECT_FALSE(fake_.last_pcp()->options.third_party);
}

TEST_F(PcpMapper, TakesARefusedAnnounceForASignOfLife) {
    for (const auto code : {pcp::ResultCode::NotAuthorized, pcp::ResultCode::UnsuppOpcode}) {
        fake_.behaviour.announce_result = code;
        EXPECT_TRUE(client_.probe());
    }
    fake_.behaviour.announce_result = pcp::ResultCode::AddressMismatch;
    EXPECT_EQ(client_.probe().error().code, Errc::Refused);
}

TEST_F(PcpMapper, ProbesWithoutAskingForAnything) {
    ASSERT_TRUE(client_.probe());
    EXPECT_TRUE(std::holds_alternative<pcp::Announce>(fake_.last_pcp()->body));
    EXPECT_EQ(fake_.requests().size(), 1U);
}

TEST_F(PcpMapper, IgnoresAWrongNonce) {
    fake_.behaviour.spoil = [](const Bytes& /*request*/, const Bytes& answer) {
        auto forged = answer;
        forged[35] ^= 1U; // the nonce's last byte
        forged[43] ^= 1U; // the external port
        return std::vector<Reply>{{forged}, {answer}};
    };
    const auto mapping = client_.map(udp_request());
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_EQ(mapping->external.port, 1234);
}

TEST_F(PcpMapper, NamesNatPmpWhereThatIsSpoken) {
    fake_.behaviour.pcp = false;
    const auto service = client_.probe();
    ASSERT_FALSE(service);
    EXPECT_EQ(service.error().code, Errc::NotFound);
    EXPECT_NE(service.error().message.find("NAT-PMP"), std::string::npos);
}

TEST_F(PcpMapper, CallsADeletionWithoutResourcesNotFound) {
    fake_.behaviour.map_result = pcp::ResultCode::NoResources; // as miniupnpd does
    Mapping mapping;
    mapping.internal = {kHost, 1234};
    EXPECT_EQ(client_.unmap(mapping).error().code, Errc::NotFound);
}

TEST_F(PcpMapper, HasNoQuestionForTheExternalAddress) {
    EXPECT_EQ(client_.external_address().error().code, Errc::Unsupported);
    EXPECT_TRUE(fake_.requests().empty());
}

MappingRequest restricted_request() {
    auto request = udp_request();
    request.only_from = {*RemotePeers::parse("192.0.2.0/24"), *RemotePeers::parse("203.0.113.9:7")};
    return request;
}

TEST_F(PcpMapper, AdmitsOnlyWhomItIsTold) {
    const auto mapping = client_.map(restricted_request());
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_EQ(mapping->only_from, restricted_request().only_from);
    const std::vector<pcp::Filter> wanted = {
        {.prefix_length = 120, .remote_port = 0, .remote = IpAddress::v4(0xC0000200)},
        {.prefix_length = 128, .remote_port = 7, .remote = IpAddress::v4(0xCB007109)}};
    ASSERT_EQ(fake_.mappings().size(), 1U);
    EXPECT_EQ(fake_.mappings().front().filters, wanted);
}

TEST_F(PcpMapper, LooksOnceWhetherFiltersAreMeant) {
    ASSERT_TRUE(client_.map(restricted_request()));
    EXPECT_EQ(fake_.requests().size(), 2U);
    auto other = restricted_request();
    other.internal.port = other.external_port = 4321;
    ASSERT_TRUE(client_.map(other));
    EXPECT_EQ(fake_.requests().size(), 3U);
}

TEST_F(PcpMapper, KeepsTheSameFiltersInARenewal) {
    auto request = restricted_request();
    const auto mapping = client_.map(request);
    ASSERT_TRUE(mapping);
    const auto before = fake_.mappings().front().filters;
    request.renew = *mapping;
    ASSERT_TRUE(client_.map(request));
    EXPECT_EQ(fake_.mappings().front().filters, before);
    fake_.reboot();
    ASSERT_TRUE(client_.map(request));
    EXPECT_EQ(fake_.mappings().front().filters, before);
}

TEST_F(PcpMapper, TakesFiltersAwayFromAMappingThatIsForEverybodyNow) {
    auto request = restricted_request();
    const auto mapping = client_.map(request);
    ASSERT_TRUE(mapping);
    request.only_from.clear();
    request.renew = *mapping;
    ASSERT_TRUE(client_.map(request));
    EXPECT_TRUE(fake_.mappings().front().filters.empty());
}

TEST_F(PcpMapper, OpensNothingWhereTheGatewayDoesNotFilter) {
    using Filtering = Fake5351::Filtering;
    for (const auto filtering : {Filtering::Unknown, Filtering::Ignored, Filtering::Promised}) {
        fake_.behaviour.filtering = filtering;
        const auto mapping = client_.map(restricted_request());
        ASSERT_FALSE(mapping) << static_cast<int>(filtering);
        EXPECT_EQ(mapping.error().code, Errc::Unsupported);
        EXPECT_NE(mapping.error().message.find("cannot restrict"), std::string::npos);
        EXPECT_TRUE(fake_.mappings().empty()) << static_cast<int>(filtering);
    }
}

TEST_F(PcpMapper, NamesTheGatewaysLimitOfFilters) {
    fake_.behaviour.spoil = [](const Bytes& request, const Bytes& answer) {
        auto refusal = answer;
        const bool deletes = request[7] == 0 && request[6] == 0;
        if (!deletes) refusal[3] = static_cast<std::uint8_t>(pcp::ResultCode::ExcessiveRemotePeers);
        return std::vector<Reply>{{refusal}};
    };
    const auto mapping = client_.map(restricted_request());
    ASSERT_FALSE(mapping);
    EXPECT_EQ(mapping.error().code, Errc::Refused);
    EXPECT_NE(mapping.error().message.find("name fewer"), std::string::npos);
}

TEST_F(PcpMapper, LearnsInOneRoundTripThatTheExactPortIsTaken) {
    fake_.behaviour.taken = {1234};
    auto request = udp_request();
    request.exact = true;
    EXPECT_EQ(client_.map(request).error().code, Errc::Conflict);
    EXPECT_EQ(fake_.requests().size(), 1U);
    EXPECT_TRUE(fake_.mappings().empty());
}

MappingRequest flow_request() {
    MappingRequest request = udp_request();
    request.external_port = 0;
    request.remote = Endpoint{IpAddress::v4(0xCB007109), 4500};
    return request;
}

TEST_F(PcpMapper, LearnsAndLengthensTheMappingOfAFlow) {
    const auto flow = client_.map(flow_request());
    ASSERT_TRUE(flow) << flow.error().message;
    const auto asked = fake_.last_pcp();
    ASSERT_TRUE(asked);
    const auto* peer = std::get_if<pcp::Peer>(&asked->body);
    ASSERT_TRUE(peer);
    EXPECT_EQ(peer->remote, IpAddress::v4(0xCB007109));
    EXPECT_EQ(peer->remote_port, 4500);
    EXPECT_EQ(peer->flow.external_port, 0);
    EXPECT_EQ(flow->external, (Endpoint{fake_.behaviour.external, 1234}));
    auto renewal = flow_request();
    renewal.renew = *flow;
    ASSERT_TRUE(client_.map(renewal));
    const auto again = fake_.last_pcp();
    const auto& renewed = std::get<pcp::Peer>(again->body).flow;
    EXPECT_EQ(renewed.nonce, flow->nonce);
    EXPECT_EQ(renewed.external_port, 1234);
    EXPECT_EQ(fake_.mappings().size(), 1U);
    ASSERT_TRUE(client_.unmap(*flow));
    EXPECT_TRUE(fake_.mappings().empty());
}

TEST_F(PcpMapper, LeavesAFlowToItsLifetimeWhereItCannotEndIt) {
    fake_.behaviour.ends_flows = false;
    const auto flow = client_.map(flow_request());
    ASSERT_TRUE(flow);
    EXPECT_TRUE(client_.unmap(*flow));
    EXPECT_EQ(fake_.mappings().size(), 1U);
    fake_.behaviour.lose_first = 1000; // silence is another thing
    client_.patience = 300ms;
    EXPECT_EQ(client_.unmap(*flow).error().code, Errc::Timeout);
}

TEST_F(PcpMapper, SaysThatTheGatewayKeepsNoFlows) {
    fake_.behaviour.knows_peer = false;
    EXPECT_EQ(client_.map(flow_request()).error().code, Errc::Unsupported);
}

TEST(PcpMapperV6, MapsOverIpv6) {
    LoopRunner runner;
    std::unique_ptr<net::UdpSocket> gateway;
    {
        const InRouter in_router;
        auto socket =
            net::UdpSocket::open(runner.loop(), {.bind = {gateway_v6(), pcp::kServerPort}});
        ASSERT_TRUE(socket) << socket.error().message;
        gateway = *std::move(socket);
    }
    gateway->on_datagram([&](const Endpoint& from, ByteView payload) {
        const auto request = pcp::decode_request(payload);
        ASSERT_TRUE(request);
        EXPECT_EQ(request->client, host_v6());
        pcp::Response response{.result = pcp::ResultCode::Success,
                               .lifetime = request->lifetime,
                               .epoch = Lifetime(1),
                               .body = request->body,
                               .options = {}};
        auto& map = std::get<pcp::Map>(response.body);
        EXPECT_FALSE(map.external.is_v4());
        EXPECT_TRUE(map.external.is_unspecified());
        map.external = request->client; // a pinhole: nothing is translated
        EXPECT_TRUE(gateway->send(from, pcp::encode(response)));
    });
    auto path = private_path();
    path.gateway = gateway_v6();
    path.source = host_v6();
    path.prefix_length = 64;
    MapperClient client(runner, Strategy::Pcp, path);
    auto request = udp_request();
    request.internal.address = host_v6();
    const auto mapping = client.map(request);
    ASSERT_TRUE(mapping) << mapping.error().message;
    EXPECT_EQ(mapping->external, (Endpoint{host_v6(), 1234}));
    EXPECT_TRUE(client.unmap(*mapping));
}

} // namespace
} // namespace natterjack::test
