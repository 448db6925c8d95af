// SPDX-License-Identifier: MIT
#include <set>

#include <gtest/gtest.h>

#include "tests/support/bad_byte.hpp"
#include "wire/natpmp.hpp"

namespace natterjack::natpmp {
namespace {

using test::BadByte;

// clang-format off
// RFC 6886 section 3.3, laid out as in the RFC: one row, one 32-bit word.
const std::vector<std::uint8_t> kMapUdpResponse = {
    0x00, 0x81, 0x00, 0x00, // version, opcode (128+1), result (success)
    0x66, 0xfd, 0xa1, 0xee, // seconds since start of epoch
    0x04, 0xd2, 0x10, 0xe1, // internal port 1234, external port 4321
    0x00, 0x00, 0x0e, 0x10, // lifetime 3600 s
};
// clang-format on

TEST(NatPmpMapResponse, DecodesRfcLayout) {
    const auto response = decode_map_response(kMapUdpResponse);
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->internal_port, 1234);
    EXPECT_EQ(response->external_port, 4321);
    EXPECT_EQ(response->lifetime, std::chrono::hours(1));
}

TEST(NatPmpMapResponse, EncodesWhatItDecodes) {
    EXPECT_EQ(encode(*decode_map_response(kMapUdpResponse)), kMapUdpResponse);
}

TEST(NatPmpMapResponse, RejectsEveryTruncation) {
    for (std::size_t length = 0; length < kMapUdpResponse.size(); ++length) {
        const auto response = decode_map_response(ByteView(kMapUdpResponse).first(length));
        ASSERT_FALSE(response) << "accepted " << length << " bytes";
        EXPECT_EQ(response.error().code, Errc::Truncated);
    }
}

class NatPmpMapResponseBadByte : public testing::TestWithParam<BadByte> {};

TEST_P(NatPmpMapResponseBadByte, IsRejected) {
    test::expect_refused(kMapUdpResponse, GetParam(), decode_map_response);
}

INSTANTIATE_TEST_SUITE_P(Table, NatPmpMapResponseBadByte,
                         testing::Values(BadByte{"PcpVersion", 0, 2, Errc::Malformed},
                                         BadByte{"RequestOpcode", 1, 0x01, Errc::Malformed},
                                         BadByte{"UnknownOpcode", 1, 0x83, Errc::Malformed}),
                         [](const auto& test) { return std::string(test.param.name); });

// clang-format off
// RFC 6886 section 3.2.
const std::vector<std::uint8_t> kAddressResponse = {
    0x00, 0x80, 0x00, 0x00, // version, opcode (128+0), result (success)
    0x66, 0xfd, 0xa1, 0xee, // seconds since start of epoch
    0x19, 0x00, 0x71, 0x01, // external address 25.0.113.1
};
// clang-format on

TEST(NatPmpAddressResponse, DecodesRfcLayout) {
    const auto response = decode_address_response(kAddressResponse);
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->external, IpAddress::v4(0x19007101));
    EXPECT_EQ(response->epoch, Lifetime(0x66fda1ee));
    EXPECT_EQ(encode(*response), kAddressResponse);
}

TEST(NatPmpAddressResponse, RejectsEveryTruncation) {
    for (std::size_t length = 0; length < kAddressResponse.size(); ++length) {
        const auto response = decode_address_response(ByteView(kAddressResponse).first(length));
        ASSERT_FALSE(response) << "accepted " << length << " bytes";
        EXPECT_EQ(response.error().code, Errc::Truncated);
    }
}

TEST(NatPmpAddressResponse, RejectsAnotherVersionOrOpcode) {
    auto datagram = kAddressResponse;
    datagram[0] = 2;
    EXPECT_EQ(decode_address_response(datagram).error().code, Errc::Malformed);
    datagram = kAddressResponse;
    datagram[1] = 0x81;
    EXPECT_EQ(decode_address_response(datagram).error().code, Errc::Malformed);
}

TEST(NatPmpAddressRequest, IsTwoZeroBytes) {
    EXPECT_EQ(encode(AddressRequest{}), (std::vector<std::uint8_t>{0, 0}));
    EXPECT_TRUE(decode_address_request(std::vector<std::uint8_t>{0, 0}));
    EXPECT_EQ(decode_address_request(std::vector<std::uint8_t>{0}).error().code, Errc::Truncated);
    EXPECT_EQ(decode_address_request(std::vector<std::uint8_t>{2, 0}).error().code,
              Errc::Malformed);
    EXPECT_EQ(decode_address_request(std::vector<std::uint8_t>{0, 1}).error().code,
              Errc::Malformed);
}

// RFC 6886 section 3.5: the only answer without the response bit.
const std::vector<std::uint8_t> kUnsupportedVersion = {0, 0, 0, 1, 0, 0, 0, 7};

TEST(NatPmpErrorResponse, DecodesTheBareUnsupportedVersion) {
    const auto response = decode_error_response(kUnsupportedVersion);
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->result, ResultCode::UnsupportedVersion);
    EXPECT_EQ(response->epoch, Lifetime(7));
    EXPECT_EQ(encode(*response), kUnsupportedVersion);
    for (std::size_t length = 0; length < kUnsupportedVersion.size(); ++length) {
        EXPECT_EQ(decode_error_response(ByteView(kUnsupportedVersion).first(length)).error().code,
                  Errc::Truncated);
    }
}

TEST(NatPmpErrorResponse, DecodesTheHeadOfAnyRefusal) {
    auto datagram = kMapUdpResponse;
    EXPECT_EQ(decode_error_response(datagram).error().code, Errc::Malformed); // a success
    datagram[3] = 4;
    const auto response = decode_error_response(datagram);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->opcode, 1);
    EXPECT_EQ(response->result, ResultCode::OutOfResources);
    EXPECT_EQ(*decode_error_response(encode(*response)), *response);
    datagram[1] = 1;
    EXPECT_EQ(decode_error_response(datagram).error().code, Errc::Malformed); // a request
    datagram[0] = 2;
    EXPECT_EQ(decode_error_response(datagram).error().code, Errc::Malformed);
}

TEST(NatPmpError, SaysEveryCodeInWordsOfItsOwn) {
    std::set<std::string> said;
    for (int code = 1; code <= 6; ++code) {
        const auto error = to_error(static_cast<ResultCode>(code));
        EXPECT_EQ(error.detail, code);
        EXPECT_TRUE(said.insert(error.message).second) << error.message;
    }
    EXPECT_EQ(to_error(ResultCode::UnsupportedVersion).code, Errc::NotFound);
    EXPECT_EQ(to_error(ResultCode::NotAuthorized).code, Errc::Refused);
    EXPECT_EQ(to_error(ResultCode::UnsupportedOpcode).code, Errc::Unsupported);
}

TEST(NatPmpMapRequest, RoundTripsEveryField) {
    const MapRequest request{Transport::Tcp, 0x0102, 0x0304, Lifetime(0x05060708)};
    const auto bytes = encode(request);
    EXPECT_EQ(bytes, (std::vector<std::uint8_t>{0, 2, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}));
    EXPECT_EQ(*decode_map_request(bytes), request);
}

} // namespace
} // namespace natterjack::natpmp
