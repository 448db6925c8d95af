// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "net/hmac.hpp"
#include "tests/support/bad_byte.hpp"
#include "wire/stun.hpp"

namespace natterjack::stun {
namespace {

using test::BadByte;

using Bytes = std::vector<std::uint8_t>;

// clang-format off
// RFC 5769 section 2.2, one attribute a paragraph. Its padding is spaces, where we would write zeros.
const Bytes kV4Response = {
    0x01, 0x01, 0x00, 0x3c, // Binding success, 60 bytes
    0x21, 0x12, 0xa4, 0x42, // magic cookie
    0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae,

    0x80, 0x22, 0x00, 0x0b, // SOFTWARE "test vector"
    0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63, 0x74, 0x6f, 0x72, 0x20,

    0x00, 0x20, 0x00, 0x08, // XOR-MAPPED-ADDRESS
    0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43,

    0x00, 0x08, 0x00, 0x14, // MESSAGE-INTEGRITY
    0x2b, 0x91, 0xf5, 0x99, 0xfd, 0x9e, 0x90, 0xc3, 0x8c, 0x74,
    0x89, 0xf9, 0x2a, 0xf9, 0xba, 0x53, 0xf0, 0x6b, 0xe7, 0xd7,

    0x80, 0x28, 0x00, 0x04, // FINGERPRINT
    0xc0, 0x7d, 0x4c, 0x96,
};
// RFC 5769 section 2.3, its XOR-MAPPED-ADDRESS alone.
const Bytes kV6Address = {
    0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3,
    0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9,
};
const TransactionId kTransaction = {0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34,
                                    0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae};
// clang-format on

TEST(StunMessage, DecodesRfc5769) {
    const auto message = decode(kV4Response);
    ASSERT_TRUE(message) << message.error().message;
    EXPECT_EQ(message->kind, Class::Success);
    EXPECT_EQ(message->method, kBinding);
    EXPECT_EQ(message->transaction, kTransaction);
    ASSERT_EQ(message->attributes.size(), 4U);
    const auto* software = message->find(AttributeType::Software);
    ASSERT_NE(software, nullptr);
    EXPECT_EQ(std::string(software->value.begin(), software->value.end()), "test vector");
    const auto mapped = mapped_address(*message);
    ASSERT_TRUE(mapped);
    EXPECT_EQ(mapped->to_string(), "192.0.2.1:32853");
    EXPECT_EQ(*decode(encode(*message)), *message);
}

TEST(StunMessage, UnmasksAnIpv6Address) {
    Message message{.kind = Class::Success, .transaction = kTransaction};
    message.add(AttributeType::XorMappedAddress, kV6Address);
    const auto mapped = mapped_address(message);
    ASSERT_TRUE(mapped);
    EXPECT_EQ(mapped->to_string(), "[2001:db8:1234:5678:11:2233:4455:6677]:32853");
    EXPECT_EQ(xor_address(*mapped, kTransaction), kV6Address);
}

TEST(StunMessage, EncodesABindingRequest) {
    Bytes want = {0x00, 0x01, 0x00, 0x00, 0x21, 0x12, 0xa4, 0x42};
    want.insert(want.end(), kTransaction.begin(), kTransaction.end());
    EXPECT_EQ(encode({.transaction = kTransaction}), want);
}

TEST(StunMessage, KeepsClassAndMethodApart) {
    for (const auto kind : {Class::Request, Class::Indication, Class::Success, Class::Error}) {
        for (const unsigned bits : {0x001U, 0x003U, 0x008U, 0x07fU, 0x080U, 0xfffU}) {
            const auto method = static_cast<std::uint16_t>(bits);
            const auto message = decode(encode({.kind = kind, .method = method}));
            ASSERT_TRUE(message);
            EXPECT_EQ(message->kind, kind);
            EXPECT_EQ(message->method, method);
        }
    }
}

TEST(StunMessage, RejectsEveryTruncation) {
    for (std::size_t length = 0; length < kV4Response.size(); ++length) {
        const auto message = decode(ByteView(kV4Response).first(length));
        ASSERT_FALSE(message) << "accepted " << length << " bytes";
        EXPECT_EQ(message.error().code, Errc::Truncated) << length;
    }
}

class StunMessageBadByte : public testing::TestWithParam<BadByte> {};

TEST_P(StunMessageBadByte, IsRejected) {
    test::expect_refused(kV4Response, GetParam(), decode);
}

INSTANTIATE_TEST_SUITE_P(Table, StunMessageBadByte,
                         testing::Values(BadByte{"FirstBits", 0, 0x81, Errc::Malformed},
                                         BadByte{"Cookie", 4, 0x20, Errc::Malformed},
                                         BadByte{"OddLength", 3, 0x3d, Errc::Malformed},
                                         BadByte{"ShorterThanItIs", 3, 0x38, Errc::Malformed},
                                         BadByte{"LongerThanItIs", 3, 0x40, Errc::Truncated},
                                         BadByte{"AttributePastTheEnd", 23, 0x3c, Errc::Truncated}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(StunMessage, IsBounded) {
    EXPECT_EQ(decode(Bytes(kMaxMessageSize + 1)).error().code, Errc::TooLarge);
    Message message;
    for (std::size_t i = 0; i < kMaxAttributes; ++i) message.add(AttributeType::Software, {});
    EXPECT_TRUE(decode(encode(message)));
    message.add(AttributeType::Software, {});
    EXPECT_EQ(decode(encode(message)).error().code, Errc::TooLarge);
}

TEST(StunMappedAddress, FallsBackToTheOldAttribute) {
    Message message;
    EXPECT_EQ(mapped_address(message).error().code, Errc::NotFound);
    message.add(AttributeType::MappedAddress, {0, 1, 0x80, 0x55, 192, 0, 2, 1});
    EXPECT_EQ(mapped_address(message)->to_string(), "192.0.2.1:32853");
}

TEST(StunMappedAddress, RejectsOddLengthsAndFamilies) {
    for (const Bytes& value :
         {Bytes{}, Bytes{0, 1, 2}, Bytes{0, 1, 0, 1, 1, 2, 3}, Bytes{0, 1, 0, 1, 1, 2, 3, 4, 5},
          Bytes{0, 2, 0, 1, 1, 2, 3, 4}, Bytes{0, 3, 0, 1, 1, 2, 3, 4}}) {
        Message message;
        message.add(AttributeType::XorMappedAddress, value);
        EXPECT_EQ(mapped_address(message).error().code, Errc::Malformed) << value.size();
    }
}

TEST(StunErrorCode, IsReadAndChecked) {
    Message message;
    EXPECT_EQ(error_code(message).error().code, Errc::NotFound);
    message.add(AttributeType::ErrorCode, {0, 0, 4, 20, 'U', 'n', '\n', 'k'});
    const auto error = error_code(message);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, 420);
    EXPECT_EQ(error->reason.find('\n'), std::string::npos);
    for (const Bytes& value :
         {Bytes{0, 0, 4}, Bytes{0, 0, 2, 0}, Bytes{0, 0, 7, 0}, Bytes{0, 0, 4, 100}}) {
        Message bad;
        bad.add(AttributeType::ErrorCode, value);
        EXPECT_EQ(error_code(bad).error().code, Errc::Malformed);
    }
}

// clang-format off
// RFC 5769 section 2.1, one attribute a paragraph.
const Bytes kRequest = {
    0x00, 0x01, 0x00, 0x58, // Binding request, 88 bytes
    0x21, 0x12, 0xa4, 0x42, // magic cookie
    0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae,

    0x80, 0x22, 0x00, 0x10, // SOFTWARE "STUN test client"
    0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73, 0x74, 0x20, 0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74,

    0x00, 0x24, 0x00, 0x04, // PRIORITY
    0x6e, 0x00, 0x01, 0xff,

    0x80, 0x29, 0x00, 0x08, // ICE-CONTROLLED
    0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36,

    0x00, 0x06, 0x00, 0x09, // USERNAME "evtj:h6vY"
    0x65, 0x76, 0x74, 0x6a, 0x3a, 0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20,

    0x00, 0x08, 0x00, 0x14, // MESSAGE-INTEGRITY
    0x9a, 0xea, 0xa7, 0x0c, 0xbf, 0xd8, 0xcb, 0x56, 0x78, 0x1e,
    0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49, 0xc1, 0xb5, 0x71, 0xa2,

    0x80, 0x28, 0x00, 0x04, // FINGERPRINT
    0xe5, 0x7a, 0x3b, 0xcf,
};
// RFC 5769 section 2.3, IPv6 response.
const Bytes kV6Response = {
    0x01, 0x01, 0x00, 0x48, // Binding success, 72 bytes
    0x21, 0x12, 0xa4, 0x42, // magic cookie
    0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae,

    0x80, 0x22, 0x00, 0x0b, // SOFTWARE "test vector"
    0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63, 0x74, 0x6f, 0x72, 0x20,

    0x00, 0x20, 0x00, 0x14, // XOR-MAPPED-ADDRESS
    0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3,
    0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9,

    0x00, 0x08, 0x00, 0x14, // MESSAGE-INTEGRITY
    0xa3, 0x82, 0x95, 0x4e, 0x4b, 0xe6, 0x7b, 0xf1, 0x17, 0x84,
    0xc9, 0x7c, 0x82, 0x92, 0xc2, 0x75, 0xbf, 0xe3, 0xed, 0x41,

    0x80, 0x28, 0x00, 0x04, // FINGERPRINT
    0xc8, 0xfb, 0x0b, 0x4c,
};
// clang-format on

Bytes bytes_of(std::string_view text) {
    return {text.begin(), text.end()};
}

const Bytes kPassword = bytes_of("VOkJxbRl1RmTxUk/WvJxBt"); // RFC 5769 section 2

TEST(StunIntegrity, AgreesWithRfc5769) {
    for (const Bytes& vector : {kRequest, kV4Response, kV6Response}) {
        EXPECT_TRUE(has_integrity(vector, kPassword, net::hmac_sha1));
        EXPECT_FALSE(has_integrity(vector, bytes_of("another"), net::hmac_sha1));
        EXPECT_TRUE(has_fingerprint(vector));
    }
}

TEST(StunIntegrity, CoversEveryByteBeforeIt) {
    const std::size_t fingerprint = kV4Response.size() - 8;
    for (std::size_t i = 0; i < kV4Response.size(); ++i) {
        auto bytes = kV4Response;
        bytes[i] ^= 1U;
        EXPECT_FALSE(has_fingerprint(bytes)) << i;
        if (i < fingerprint) {
            EXPECT_FALSE(has_integrity(bytes, kPassword, net::hmac_sha1)) << i;
        }
    }
}

TEST(StunIntegrity, IsMadeAsItIsRead) {
    Message message{.transaction = kTransaction};
    message.add(AttributeType::Username, bytes_of("name"));
    EXPECT_FALSE(has_integrity(encode(message), kPassword, net::hmac_sha1));
    EXPECT_FALSE(has_fingerprint(encode(message)));
    add_integrity(message, kPassword, net::hmac_sha1);
    EXPECT_TRUE(has_integrity(encode(message), kPassword, net::hmac_sha1));
    auto smuggled = message;
    smuggled.add(AttributeType::ChangeRequest, change_request_value({true, true}));
    EXPECT_FALSE(has_integrity(encode(smuggled), kPassword, net::hmac_sha1));
    add_fingerprint(message);
    EXPECT_TRUE(has_integrity(encode(message), kPassword, net::hmac_sha1));
    EXPECT_TRUE(has_fingerprint(encode(message)));
    message.add(AttributeType::Software, {}); // behind FINGERPRINT nothing may stand
    EXPECT_FALSE(has_integrity(encode(message), kPassword, net::hmac_sha1));
    EXPECT_FALSE(has_fingerprint(encode(message)));
}

TEST(StunAddresses, AreReadFromTheirOwnAttributes) {
    const Endpoint mapped{IpAddress::v4(0xC0000201), 32853};
    const Endpoint old{IpAddress::v4(0xC0000202), 3479};
    const Endpoint other{*IpAddress::parse("2001:db8::2"), 3479};
    Message message;
    EXPECT_EQ(plain_mapped_address(message).error().code, Errc::NotFound);
    EXPECT_EQ(other_address(message).error().code, Errc::NotFound);
    EXPECT_EQ(response_origin(message).error().code, Errc::NotFound);
    message.add(AttributeType::MappedAddress, plain_address(mapped));
    message.add(AttributeType::ResponseOrigin, plain_address(old));
    message.add(AttributeType::ChangedAddress, plain_address(old));
    EXPECT_EQ(plain_address(mapped), (Bytes{0, 1, 0x80, 0x55, 192, 0, 2, 1}));
    EXPECT_EQ(*plain_mapped_address(message), mapped);
    EXPECT_EQ(*response_origin(message), old);
    EXPECT_EQ(*other_address(message), old);
    message.add(AttributeType::OtherAddress, plain_address(other)); // RFC 5780's wins
    EXPECT_EQ(*other_address(message), other);
}

TEST(StunChangeRequest, HasItsTwoBits) { // RFC 5780 section 7.2
    EXPECT_EQ(change_request_value({true, true}), (Bytes{0, 0, 0, 6}));
    EXPECT_EQ(change_request_value({true, false}), (Bytes{0, 0, 0, 4}));
    EXPECT_EQ(change_request_value({false, true}), (Bytes{0, 0, 0, 2}));
    Message message;
    EXPECT_EQ(change_request(message).error().code, Errc::NotFound);
    message.add(AttributeType::ChangeRequest, change_request_value({false, true}));
    EXPECT_EQ(*change_request(message), (ChangeRequest{false, true}));
    for (const Bytes& value : {Bytes{}, Bytes{0, 0, 6}, Bytes{0, 0, 0, 6, 0}}) {
        Message bad;
        bad.add(AttributeType::ChangeRequest, value);
        EXPECT_EQ(change_request(bad).error().code, Errc::Malformed);
    }
}

TEST(StunResponsePort, IsTwoBytesAndFourAreRead) { // RFC 5780 section 7.5
    Message message{.transaction = kTransaction};
    EXPECT_EQ(response_port(message).error().code, Errc::NotFound);
    message.add(AttributeType::ResponsePort, response_port_value(40000));
    const auto encoded = encode(message);
    EXPECT_EQ(Bytes(encoded.begin() + kHeaderSize, encoded.end()),
              (Bytes{0x00, 0x27, 0x00, 0x02, 0x9c, 0x40, 0x00, 0x00}));
    EXPECT_EQ(*response_port(message), 40000);
    message.attributes.front().value = {0x9c, 0x40, 0, 0};
    EXPECT_EQ(*response_port(message), 40000);
    for (const Bytes& value : {Bytes{}, Bytes{1}, Bytes{0, 0, 6}, Bytes{0, 0, 0, 6, 0}}) {
        message.attributes.front().value = value;
        EXPECT_EQ(response_port(message).error().code, Errc::Malformed);
    }
}

TEST(StunUnknownAttributes, AreListed) {
    Message message;
    EXPECT_EQ(unknown_attributes(message).error().code, Errc::NotFound);
    message.add(AttributeType::UnknownAttributes, unknown_attributes_value({0x0003, 0x0027}));
    EXPECT_EQ(message.attributes.front().value, (Bytes{0, 3, 0, 0x27}));
    EXPECT_EQ(*unknown_attributes(message), (std::vector<std::uint16_t>{0x0003, 0x0027}));
    message.attributes.front().value = {0, 3, 0};
    EXPECT_EQ(unknown_attributes(message).error().code, Errc::Malformed);
}

TEST(StunErrorCode, IsMadeAsItIsRead) {
    Message message;
    message.add(AttributeType::ErrorCode, error_code_value({420, "Unknown Attribute"}));
    EXPECT_EQ(error_code(message)->code, 420);
    EXPECT_EQ(error_code(message)->reason, "Unknown Attribute");
}

TEST(StunSoftware, IsSafeToPrint) {
    Message message;
    EXPECT_EQ(software(message), "");
    message.add(AttributeType::Software, bytes_of("Cotu\x1b[rn"));
    EXPECT_EQ(software(message).find('\x1b'), std::string::npos);
}

} // namespace
} // namespace natterjack::stun
