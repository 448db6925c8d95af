// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "proto/natpmp_guard.hpp"

namespace natterjack {
namespace {

using Bytes = std::vector<std::uint8_t>;
using natpmp::Opcode;
using natpmp::ResultCode;

const Endpoint kGateway{IpAddress::v4(0xC0A80101), natpmp::kServerPort};
const NatPmpQuestion kAddress{kGateway, Opcode::Address, 0};
const NatPmpQuestion kMapUdp{kGateway, Opcode::MapUdp, 1234};

const Bytes kAddressAnswer = encode(natpmp::AddressResponse{.external = IpAddress::v4(0x19007101)});
const natpmp::MapResponse kGrant{.transport = Transport::Udp,
                                 .epoch = Lifetime(1),
                                 .internal_port = 1234,
                                 .external_port = 4321,
                                 .lifetime = Lifetime(7200)};

NatPmpVerdict judge_from_gateway(const NatPmpQuestion& question, const Bytes& payload) {
    return judge(question, kGateway, payload, payload.size());
}

TEST(NatPmpGuard, AcceptsTheAnswer) {
    EXPECT_EQ(judge_from_gateway(kAddress, kAddressAnswer), NatPmpVerdict::Accept);
    EXPECT_EQ(judge_from_gateway(kMapUdp, encode(kGrant)), NatPmpVerdict::Accept);
}

TEST(NatPmpGuard, IgnoresEveryTruncatedSuccess) {
    // libnatpmp takes four bytes for a success and reads the rest from its stack.
    for (const auto& [question, whole] :
         {std::pair(kAddress, kAddressAnswer), std::pair(kMapUdp, encode(kGrant))}) {
        for (std::size_t length = 0; length < whole.size(); ++length) {
            const Bytes prefix(whole.begin(), whole.begin() + static_cast<long>(length));
            EXPECT_EQ(judge_from_gateway(question, prefix), NatPmpVerdict::Ignore) << length;
        }
    }
}

TEST(NatPmpGuard, IgnoresStrangers) {
    const auto grant = encode(kGrant);
    const Endpoint other_host{IpAddress::v4(0xC0A80102), natpmp::kServerPort};
    const Endpoint other_port{kGateway.address, 5352};
    EXPECT_EQ(judge(kMapUdp, other_host, grant, grant.size()), NatPmpVerdict::Ignore);
    EXPECT_EQ(judge(kMapUdp, other_port, grant, grant.size()), NatPmpVerdict::Ignore);
}

TEST(NatPmpGuard, IgnoresAnswersToOtherRequests) {
    auto other_port = kGrant;
    other_port.internal_port = 1235;
    auto other_transport = kGrant;
    other_transport.transport = Transport::Tcp;
    EXPECT_EQ(judge_from_gateway(kMapUdp, encode(other_port)), NatPmpVerdict::Ignore);
    EXPECT_EQ(judge_from_gateway(kMapUdp, encode(other_transport)), NatPmpVerdict::Ignore);
    EXPECT_EQ(judge_from_gateway(kMapUdp, kAddressAnswer), NatPmpVerdict::Ignore);
    EXPECT_EQ(judge_from_gateway(kAddress, encode(kGrant)), NatPmpVerdict::Ignore);
}

TEST(NatPmpGuard, AcceptsRefusalsWholeAndShort) {
    auto refusal = kGrant;
    refusal.result = ResultCode::NotAuthorized;
    EXPECT_EQ(judge_from_gateway(kMapUdp, encode(refusal)), NatPmpVerdict::Accept);
    const natpmp::ErrorResponse brief{1, ResultCode::UnsupportedOpcode, Lifetime(1)};
    EXPECT_EQ(judge_from_gateway(kMapUdp, encode(brief)), NatPmpVerdict::Accept);
    EXPECT_EQ(judge_from_gateway(kAddress, encode(brief)), NatPmpVerdict::Ignore);
    refusal.internal_port = 1;
    EXPECT_EQ(judge_from_gateway(kMapUdp, encode(refusal)), NatPmpVerdict::Ignore);
}

TEST(NatPmpGuard, TellsAnotherVersion) {
    const Bytes bare{0, 0, 0, 1, 0, 0, 0, 7};
    const Bytes pcp_only{2, 0x81, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7};
    EXPECT_EQ(judge_from_gateway(kAddress, bare), NatPmpVerdict::VersionMismatch);
    EXPECT_EQ(judge_from_gateway(kMapUdp, pcp_only), NatPmpVerdict::VersionMismatch);
    const Bytes pcp_success{2, 0x81, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7};
    EXPECT_EQ(judge_from_gateway(kMapUdp, pcp_success), NatPmpVerdict::Ignore);
}

TEST(NatPmpGuard, JudgesALongDatagramByItsHead) {
    const auto grant = encode(kGrant);
    EXPECT_EQ(judge(kMapUdp, kGateway, grant, 1100), NatPmpVerdict::Accept);
    EXPECT_EQ(judge(kMapUdp, kGateway, grant, 1101), NatPmpVerdict::Ignore);
}

} // namespace
} // namespace natterjack
