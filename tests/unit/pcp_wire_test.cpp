// SPDX-License-Identifier: MIT
#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "tests/support/bad_byte.hpp"
#include "wire/pcp.hpp"

namespace natterjack::pcp {
namespace {

using test::BadByte;

using Bytes = std::vector<std::uint8_t>;

constexpr Nonce kNonce{0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab};
const IpAddress kClient = IpAddress::v4(0xC0A8010A); // 192.168.1.10
const IpAddress kAnyV6 = IpAddress::v6({});

// clang-format off
// RFC 6887 figures 2, 9 and 14, laid out as in the RFC: one row, one 32-bit word.
const Bytes kMapRequest = {
    0x02, 0x01, 0x00, 0x00, // version, R=0 opcode MAP, reserved
    0x00, 0x00, 0x1c, 0x20, // requested lifetime 7200 s
    0x00, 0x00, 0x00, 0x00, // client address ::ffff:192.168.1.10
    0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0xff, 0xff,
    0xc0, 0xa8, 0x01, 0x0a,
    0xa0, 0xa1, 0xa2, 0xa3, // nonce
    0xa4, 0xa5, 0xa6, 0xa7,
    0xa8, 0xa9, 0xaa, 0xab,
    0x11, 0x00, 0x00, 0x00, // protocol UDP, reserved
    0x04, 0xd2, 0x10, 0xe1, // internal port 1234, suggested external port 4321
    0x00, 0x00, 0x00, 0x00, // suggested external address ::ffff:0.0.0.0
    0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0xff, 0xff,
    0x00, 0x00, 0x00, 0x00,
    0x02, 0x00, 0x00, 0x00, // option PREFER_FAILURE, length 0
};
// RFC 6887 figures 3 and 10.
const Bytes kMapResponse = {
    0x02, 0x81, 0x00, 0x00, // version, R=1 opcode MAP, reserved, SUCCESS
    0x00, 0x00, 0x0e, 0x10, // lifetime 3600 s
    0x66, 0xfd, 0xa1, 0xee, // epoch
    0x00, 0x00, 0x00, 0x00, // reserved
    0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00,
    0xa0, 0xa1, 0xa2, 0xa3, // nonce
    0xa4, 0xa5, 0xa6, 0xa7,
    0xa8, 0xa9, 0xaa, 0xab,
    0x06, 0x00, 0x00, 0x00, // protocol TCP, reserved
    0x04, 0xd2, 0x10, 0xe2, // internal port 1234, assigned external port 4322
    0x00, 0x00, 0x00, 0x00, // assigned external address ::ffff:25.0.113.1
    0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0xff, 0xff,
    0x19, 0x00, 0x71, 0x01,
};
// RFC 6887 figure 11, IPv6, with THIRD_PARTY (figure 13) and FILTER (figure 15).
const Bytes kPeerRequest = {
    0x02, 0x02, 0x00, 0x00, // version, R=0 opcode PEER, reserved
    0x00, 0x00, 0x00, 0x78, // requested lifetime 120 s
    0x20, 0x01, 0x0d, 0xb8, // client address 2001:db8::1
    0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x01,
    0xa0, 0xa1, 0xa2, 0xa3, // nonce
    0xa4, 0xa5, 0xa6, 0xa7,
    0xa8, 0xa9, 0xaa, 0xab,
    0x06, 0x00, 0x00, 0x00, // protocol TCP, reserved
    0x04, 0xd2, 0x00, 0x00, // internal port 1234, no suggestion
    0x00, 0x00, 0x00, 0x00, // suggested external address ::
    0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00,
    0x00, 0x50, 0x00, 0x00, // remote peer port 80, reserved
    0x20, 0x01, 0x0d, 0xb8, // remote peer 2001:db8::2
    0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x02,
    0x01, 0x00, 0x00, 0x10, // option THIRD_PARTY, length 16
    0x20, 0x01, 0x0d, 0xb8, // 2001:db8::3
    0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x03,
    0x03, 0x00, 0x00, 0x14, // option FILTER, length 20
    0x00, 0x78, 0x01, 0xbb, // reserved, prefix length 120, remote port 443
    0x00, 0x00, 0x00, 0x00, // ::ffff:25.0.113.0
    0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0xff, 0xff,
    0x19, 0x00, 0x71, 0x00,
    0x81, 0x00, 0x00, 0x05, // option 129 of five bytes, padded to eight
    0x01, 0x02, 0x03, 0x04,
    0x05, 0x00, 0x00, 0x00,
};
// RFC 6887 section 14.1.1: an ANNOUNCE is its header.
const Bytes kAnnounceRequest = {
    0x02, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0xff, 0xff,
    0xc0, 0xa8, 0x01, 0x0a,
};
const Bytes kAnnounceResponse = {
    0x02, 0x80, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x2a, // epoch 42 s
    0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00,
};
// clang-format on

Request map_request() {
    Request request{.lifetime = Lifetime(7200),
                    .client = kClient,
                    .body = Map{.nonce = kNonce,
                                .protocol = 17,
                                .internal_port = 1234,
                                .external_port = 4321,
                                .external = IpAddress()},
                    .options = {}};
    request.options.prefer_failure = true;
    return request;
}

Response map_response() {
    return Response{.result = ResultCode::Success,
                    .lifetime = Lifetime(3600),
                    .epoch = Lifetime(0x66fda1ee),
                    .body = Map{.nonce = kNonce,
                                .protocol = 6,
                                .internal_port = 1234,
                                .external_port = 4322,
                                .external = IpAddress::v4(0x19007101)},
                    .options = {}};
}

Request peer_request() {
    Request request{.lifetime = Lifetime(120),
                    .client = *IpAddress::parse("2001:db8::1"),
                    .body = Peer{.flow = {.nonce = kNonce,
                                          .protocol = 6,
                                          .internal_port = 1234,
                                          .external_port = 0,
                                          .external = kAnyV6},
                                 .remote_port = 80,
                                 .remote = *IpAddress::parse("2001:db8::2")},
                    .options = {}};
    request.options.third_party = *IpAddress::parse("2001:db8::3");
    request.options.filters.push_back({120, 443, IpAddress::v4(0x19007100)});
    request.options.unknown.push_back({129, {1, 2, 3, 4, 5}});
    return request;
}

TEST(PcpRequest, LooksAsInTheRfc) {
    EXPECT_EQ(encode(map_request()), kMapRequest);
    EXPECT_EQ(encode(peer_request()), kPeerRequest);
    EXPECT_EQ(encode(Request{.lifetime = {}, .client = kClient, .body = Announce{}, .options = {}}),
              kAnnounceRequest);
}

TEST(PcpRequest, DecodesWhatItEncodes) {
    EXPECT_EQ(*decode_request(kMapRequest), map_request());
    EXPECT_EQ(*decode_request(kPeerRequest), peer_request());
    EXPECT_EQ(*decode_request(kAnnounceRequest),
              (Request{.lifetime = {}, .client = kClient, .body = Announce{}, .options = {}}));
}

TEST(PcpResponse, LooksAsInTheRfc) {
    EXPECT_EQ(encode(map_response()), kMapResponse);
    EXPECT_EQ(encode(Response{.result = ResultCode::Success,
                              .lifetime = {},
                              .epoch = Lifetime(42),
                              .body = Announce{},
                              .options = {}}),
              kAnnounceResponse);
}

TEST(PcpResponse, DecodesWhatItEncodes) {
    EXPECT_EQ(*decode_response(kMapResponse), map_response());
    EXPECT_EQ(decode_response(kAnnounceResponse)->epoch, Lifetime(42));
    const auto request = peer_request();
    const Response peer{.result = ResultCode::UserExQuota,
                        .lifetime = Lifetime(30),
                        .epoch = Lifetime(1),
                        .body = request.body,
                        .options = request.options};
    EXPECT_EQ(*decode_response(encode(peer)), peer);
}

TEST(PcpResponse, CarriesEveryResultCode) {
    for (int code = 0; code <= 255; ++code) {
        auto bytes = kMapResponse;
        bytes[3] = static_cast<std::uint8_t>(code);
        const auto response = decode_response(bytes);
        ASSERT_TRUE(response) << code;
        EXPECT_EQ(static_cast<int>(response->result), code);
        EXPECT_EQ(encode(*response), bytes);
    }
}

TEST(PcpMap, TellsTheUnspecifiedAddressesApart) {
    Request request = map_request();
    std::get<Map>(request.body).external = kAnyV6;
    const auto decoded = decode_request(encode(request));
    ASSERT_TRUE(decoded);
    const auto& external = std::get<Map>(decoded->body).external;
    EXPECT_TRUE(external.is_unspecified());
    EXPECT_FALSE(external.is_v4());
    EXPECT_TRUE(std::get<Map>(decode_request(kMapRequest)->body).external.is_v4());
}

/// A whole message, and the lengths at which a shorter one is a whole message too: before an
/// option begins.
struct Whole {
    const char* name;
    const Bytes* bytes;
    bool response;
    std::set<std::size_t> also_whole;

    friend std::ostream& operator<<(std::ostream& out, const Whole& row) { return out << row.name; }
};

class PcpTruncation : public testing::TestWithParam<Whole> {};

TEST_P(PcpTruncation, IsRejectedAtEveryLength) {
    const Whole& whole = GetParam();
    for (std::size_t length = 0; length < whole.bytes->size(); ++length) {
        const auto prefix = ByteView(*whole.bytes).first(length);
        const auto error = [&]() -> std::optional<Errc> {
            if (whole.response) {
                const auto decoded = decode_response(prefix);
                return decoded ? std::nullopt : std::optional(decoded.error().code);
            }
            const auto decoded = decode_request(prefix);
            return decoded ? std::nullopt : std::optional(decoded.error().code);
        }();
        if (whole.also_whole.contains(length)) {
            EXPECT_FALSE(error) << length;
        } else if (length >= kHeaderSize && length % 4 != 0) {
            EXPECT_EQ(error, Errc::Malformed) << length;
        } else {
            EXPECT_EQ(error, Errc::Truncated) << length;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Table, PcpTruncation,
                         testing::Values(Whole{"MapRequest", &kMapRequest, false, {60}},
                                         Whole{"MapResponse", &kMapResponse, true, {}},
                                         Whole{"PeerRequest", &kPeerRequest, false, {80, 100, 124}},
                                         Whole{"AnnounceRequest", &kAnnounceRequest, false, {}},
                                         Whole{"AnnounceResponse", &kAnnounceResponse, true, {}}),
                         [](const auto& test) { return std::string(test.param.name); });

class PcpRequestBadByte : public testing::TestWithParam<BadByte> {};

TEST_P(PcpRequestBadByte, IsRejected) {
    test::expect_refused(kPeerRequest, GetParam(), decode_request);
}

INSTANTIATE_TEST_SUITE_P(Table, PcpRequestBadByte,
                         testing::Values(BadByte{"NatPmpVersion", 0, 0, Errc::Unsupported},
                                         BadByte{"DraftVersion", 0, 1, Errc::Unsupported},
                                         BadByte{"ResponseBit", 1, 0x82, Errc::Malformed},
                                         BadByte{"UnknownOpcode", 1, 0x03, Errc::Unsupported},
                                         BadByte{"ThirdPartyOfZero", 83, 0, Errc::Malformed},
                                         BadByte{"ThirdPartyTooLong", 83, 20, Errc::Malformed},
                                         BadByte{"ThirdPartyPastTheEnd", 82, 1, Errc::Truncated},
                                         BadByte{"ThirdPartyTwice", 100, 1, Errc::Malformed},
                                         BadByte{"PrefixOf129", 105, 129, Errc::Malformed},
                                         BadByte{"FilterTooShort", 103, 16, Errc::Malformed},
                                         BadByte{"PreferFailureWithData", 124, 2, Errc::Malformed},
                                         BadByte{"OptionPastTheEnd", 127, 9, Errc::Truncated}),
                         [](const auto& test) { return std::string(test.param.name); });

// RFC 6887 section 13.3, with erratum 3891: port and address are zero.
TEST(PcpRequest, ClearsTheFiltersByAnOptionOfZeros) {
    auto request = map_request();
    request.options.filters.push_back({0, 0, kAnyV6});
    const auto datagram = encode(request);
    Bytes option{0x03, 0x00, 0x00, 0x14};
    option.resize(24);
    ASSERT_EQ(datagram.size(), kMapRequest.size() + option.size());
    EXPECT_TRUE(std::equal(option.begin(), option.end(), datagram.end() - 24));
    EXPECT_EQ(*decode_request(datagram), request);
}

TEST(PcpRequest, KnowsWhichPrefixesThereAre) {
    const auto takes = [](int length, const IpAddress& remote) {
        auto request = map_request();
        request.options.filters.push_back({static_cast<std::uint8_t>(length), 7, remote});
        return decode_request(encode(request)).has_value();
    };
    const auto ipv4 = IpAddress::v4(0x19007100);
    const auto ipv6 = *IpAddress::parse("2001:db8::1");
    for (const int length : {0, 96, 97, 128}) EXPECT_TRUE(takes(length, ipv4)) << length;
    for (const int length : {1, 32, 95, 129}) EXPECT_FALSE(takes(length, ipv4)) << length;
    for (const int length : {0, 1, 64, 128}) EXPECT_TRUE(takes(length, ipv6)) << length;
    EXPECT_FALSE(takes(129, ipv6));
}

TEST(PcpRequest, RejectsPreferFailureTwice) {
    auto datagram = kMapRequest;
    datagram.insert(datagram.end(), {2, 0, 0, 0});
    EXPECT_EQ(decode_request(datagram).error().code, Errc::Malformed);
}

TEST(PcpRequest, EndsAt1100Bytes) {
    auto request = map_request();
    request.options.unknown.push_back({200, Bytes(kMaxMessageSize - kMapRequest.size() - 4)});
    auto datagram = encode(request);
    ASSERT_EQ(datagram.size(), kMaxMessageSize);
    EXPECT_EQ(*decode_request(datagram), request);
    datagram.insert(datagram.end(), {201, 0, 0, 0});
    EXPECT_EQ(decode_request(datagram).error().code, Errc::TooLarge);
}

TEST(PcpResponse, RejectsARequest) {
    EXPECT_EQ(decode_response(kMapRequest).error().code, Errc::Malformed);
}

TEST(PcpResponse, ReadsARefusalWhoseOptionsAreARuin) {
    auto datagram = kMapResponse;
    datagram.insert(datagram.end(), {2, 0, 0, 9}); // a copy of what the server could not read
    EXPECT_EQ(decode_response(datagram).error().code, Errc::Truncated);
    datagram[3] = static_cast<std::uint8_t>(ResultCode::MalformedOption);
    const auto response = decode_response(datagram);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->result, ResultCode::MalformedOption);
    EXPECT_EQ(response->options, Options{});
}

TEST(PcpVersionMismatch, KnowsNatPmpByItsEightBytes) {
    const Bytes bare{0, 0, 0, 1, 0, 0, 0, 7};        // RFC 6886 section 3.5
    const Bytes answered{0, 0x81, 0, 1, 0, 0, 0, 7}; // miniupnpd and others
    EXPECT_EQ(decode_version_mismatch(bare), 0);
    EXPECT_EQ(decode_version_mismatch(answered), 0);
    for (std::size_t length = 0; length < bare.size(); ++length) {
        EXPECT_FALSE(decode_version_mismatch(ByteView(bare).first(length))) << length;
    }
}

TEST(PcpVersionMismatch, KnowsAnOtherVersionOfPcp) {
    auto datagram = kAnnounceResponse;
    datagram[0] = 1;
    EXPECT_FALSE(decode_version_mismatch(datagram)); // no refusal
    datagram[3] = 1;
    EXPECT_EQ(decode_version_mismatch(datagram), 1);
    datagram[1] = 0;
    EXPECT_FALSE(decode_version_mismatch(datagram)); // a request
}

TEST(PcpVersionMismatch, IsNothingElse) {
    auto refused = kMapResponse;
    refused[3] = 1;
    EXPECT_FALSE(decode_version_mismatch(refused));    // our own version
    EXPECT_EQ(decode_version_mismatch(refused, 0), 2); // as a NAT-PMP client sees it
    EXPECT_FALSE(decode_version_mismatch(Bytes{0, 0, 0, 2, 0, 0, 0, 7})); // another NAT-PMP error
    EXPECT_FALSE(decode_version_mismatch(Bytes{0, 0, 1, 1, 0, 0, 0, 7})); // result 257
}

TEST(PcpError, SaysEveryCodeInWordsOfItsOwn) {
    std::set<std::string> said;
    for (int code = 1; code <= 14; ++code) {
        const auto error = to_error(static_cast<ResultCode>(code));
        EXPECT_EQ(error.detail, code);
        EXPECT_TRUE(said.insert(error.message).second) << error.message;
    }
    EXPECT_EQ(to_error(ResultCode::UnsuppVersion).code, Errc::NotFound);
    EXPECT_EQ(to_error(ResultCode::NotAuthorized).code, Errc::Refused);
    EXPECT_EQ(to_error(ResultCode::UnsuppOption).code, Errc::Unsupported);
    EXPECT_EQ(to_error(ResultCode::CannotProvideExternal).code, Errc::Conflict);
    EXPECT_EQ(to_error(static_cast<ResultCode>(200)).code, Errc::Refused);
    EXPECT_EQ(to_string(ResultCode::NotAuthorized), "NOT_AUTHORIZED");
    EXPECT_EQ(to_string(static_cast<ResultCode>(14)), "UNKNOWN");
}

} // namespace
} // namespace natterjack::pcp
