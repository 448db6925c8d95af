// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "wire/stun.hpp"

namespace natterjack::stun {
namespace {

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

struct BadByte {
    const char* name;
    std::size_t offset;
    std::uint8_t value;
    Errc want;

    friend std::ostream& operator<<(std::ostream& out, const BadByte& row) {
        return out << row.name;
    }
};

class StunMessageBadByte : public testing::TestWithParam<BadByte> {};

TEST_P(StunMessageBadByte, IsRejected) {
    auto bytes = kV4Response;
    bytes.at(GetParam().offset) = GetParam().value;
    const auto message = decode(bytes);
    ASSERT_FALSE(message);
    EXPECT_EQ(message.error().code, GetParam().want);
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

} // namespace
} // namespace natterjack::stun
