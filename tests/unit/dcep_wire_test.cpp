// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "wire/dcep.hpp"

namespace natterjack::dcep {
namespace {

// clang-format off
// RFC 8832 section 5.1, one row, one 32-bit word.
const std::vector<std::uint8_t> kOpenBytes = {
    0x03, 0x81, 0x01, 0x00, // OPEN, unordered with limited retransmissions, priority 256
    0x00, 0x00, 0x00, 0x05, // five of them
    0x00, 0x04, 0x00, 0x02, // label length, protocol length
    'c',  'h',  'a',  't',
    'v',  '1',
};
// clang-format on

TEST(DcepOpen, DecodesRfcLayout) {
    const auto open = decode_open(kOpenBytes);
    ASSERT_TRUE(open) << open.error().message;
    EXPECT_EQ(open->reliability, Reliability::MaxRetransmits);
    EXPECT_FALSE(open->ordered);
    EXPECT_EQ(open->priority, 256);
    EXPECT_EQ(open->reliability_parameter, 5U);
    EXPECT_EQ(open->label, "chat");
    EXPECT_EQ(open->protocol, "v1");
}

TEST(DcepOpen, EncodesWhatItDecodes) {
    EXPECT_EQ(encode(*decode_open(kOpenBytes)), kOpenBytes);
}

TEST(DcepOpen, RejectsEveryTruncation) {
    for (std::size_t length = 0; length < kOpenBytes.size(); ++length) {
        const auto open = decode_open(ByteView(kOpenBytes).first(length));
        ASSERT_FALSE(open) << "accepted " << length << " bytes";
        EXPECT_EQ(open.error().code, Errc::Truncated);
    }
}

TEST(DcepOpen, RejectsWhatIsNoOpen) {
    auto bytes = kOpenBytes;
    bytes[0] = 0x02;
    EXPECT_EQ(decode_open(bytes).error().code, Errc::Malformed);
    bytes = kOpenBytes;
    bytes[1] = 0x03;
    EXPECT_EQ(decode_open(bytes).error().code, Errc::Unsupported);
    bytes = kOpenBytes;
    bytes.push_back(0);
    EXPECT_EQ(decode_open(bytes).error().code, Errc::Malformed);
}

TEST(DcepOpen, BoundsLabelAndProtocol) {
    Open open;
    open.label = std::string(kMaxText, 'x');
    auto bytes = encode(open);
    EXPECT_EQ(*decode_open(bytes), open);
    open.label += 'x';
    EXPECT_EQ(encode(open).size(), bytes.size());
    bytes[8] = 0xff; // 65,000 and some
    EXPECT_EQ(decode_open(bytes).error().code, Errc::TooLarge);
}

TEST(DcepOpen, KeepsNoParameterOfAReliableChannel) {
    auto bytes = kOpenBytes;
    bytes[1] = 0x00;
    EXPECT_EQ(decode_open(bytes)->reliability_parameter, 0U);
}

TEST(DcepAck, IsOneByte) {
    EXPECT_TRUE(is_ack(encode_ack()));
    EXPECT_FALSE(is_ack({}));
    EXPECT_FALSE(is_ack(kOpenBytes));
    EXPECT_FALSE(is_ack(std::vector<std::uint8_t>{2, 0}));
}

} // namespace
} // namespace natterjack::dcep
