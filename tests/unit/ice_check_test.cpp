// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "net/hmac.hpp"
#include "strategies/ice/ice_check.hpp"

namespace natterjack::ice {
namespace {

constexpr stun::TransactionId kId = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
const Endpoint kSeen{IpAddress::v4(0x19007107), 40000};

// From "theirs" to "ours", whose password is "secret of ours".
IceCheck sample() {
    return {.username = "ours:theirs",
            .password = "secret of ours",
            .priority = 1862270975,
            .controlling = true,
            .tie_breaker = 7};
}

std::optional<PaddedCheck> read(const std::vector<std::uint8_t>& bytes) {
    return read_padded_check(bytes, "ours:theirs", "secret of ours", "secret of theirs");
}

TEST(IceCheck, IsAuthenticatedAndFingerprinted) {
    const auto bytes = encode_check(kId, sample());
    const std::string password = sample().password;
    const std::vector<std::uint8_t> key(password.begin(), password.end());
    EXPECT_TRUE(stun::has_integrity(bytes, key, net::hmac_sha1));
    EXPECT_TRUE(stun::has_fingerprint(bytes));
}

TEST(IceCheck, IsAnsweredWithWhereItCameFrom) {
    const auto bytes = encode_check_answer(kId, kSeen, "secret");
    EXPECT_EQ(*stun::mapped_address(*stun::decode(bytes)), kSeen);
    EXPECT_EQ(response_id(bytes), kId);
    EXPECT_TRUE(stun::has_fingerprint(bytes));
}

TEST(PaddedCheck, IsNoStunAndKnownToThePeer) {
    const auto bytes = encode_padded(encode_check(kId, sample()));
    EXPECT_FALSE(stun::decode(bytes)) << "libnice would swallow it";
    const auto check = read(bytes);
    ASSERT_TRUE(check);
    EXPECT_TRUE(check->question);
    EXPECT_EQ(check->id, kId);
}

TEST(PaddedCheck, IsAnsweredInTheSameManner) {
    const auto answer = read(encode_padded(encode_check_answer(kId, kSeen, "secret of theirs")));
    ASSERT_TRUE(answer);
    EXPECT_FALSE(answer->question);
    EXPECT_EQ(answer->id, kId);
}

TEST(PaddedCheck, IsNothingThatAnybodyElseCouldHaveSent) {
    auto other = sample();
    other.password = "a guess";
    EXPECT_FALSE(read(encode_padded(encode_check(kId, other))));
    other = sample();
    other.username = "ours:another";
    EXPECT_FALSE(read(encode_padded(encode_check(kId, other))));
    EXPECT_FALSE(read(encode_padded(encode_check_answer(kId, kSeen, "secret of ours"))))
        << "our own, come back";
    EXPECT_FALSE(read(encode_check(kId, sample()))) << "that is libnice's";
    EXPECT_FALSE(read(encode_padded(encode_opener(kId))));
}

TEST(PaddedCheck, IsNothingOfTheApplications) {
    EXPECT_FALSE(read({}));
    EXPECT_FALSE(read({0}));
    EXPECT_FALSE(read({0, 1, 0, 0}));
    EXPECT_FALSE(read(std::vector<std::uint8_t>(1200, 0)));
    for (const auto& bytes : {encode_padded(encode_check(kId, sample())),
                              encode_padded(encode_check_answer(kId, kSeen, "secret of theirs"))}) {
        for (std::size_t length = 0; length < bytes.size(); ++length) {
            EXPECT_FALSE(
                read({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length)}));
        }
        auto other = bytes;
        other.back() = 1;
        EXPECT_FALSE(read(other));
        other.back() = 0;
        other.push_back(0);
        EXPECT_FALSE(read(other));
    }
}

} // namespace
} // namespace natterjack::ice
