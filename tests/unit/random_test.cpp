// SPDX-License-Identifier: MIT
#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "net/random.hpp"

namespace natterjack::net {
namespace {

TEST(Random, DrawsDifferentBytesEachTime) {
    // Equal by chance once in 2^96: a PCP nonce's width.
    EXPECT_NE((random_bytes<12>()), (random_bytes<12>()));
}

TEST(Random, StaysBetweenItsBoundsAndReachesThem) {
    std::set<std::uint32_t> seen;
    for (int i = 0; i < 1000; ++i) seen.insert(random_between(7, 9));
    EXPECT_EQ(seen, (std::set<std::uint32_t>{7, 8, 9}));
    EXPECT_EQ(random_between(5, 5), 5U);
    static_cast<void>(random_between(0, UINT32_MAX)); // the widest span does not overflow
}

TEST(Random, WritesTextOfBase64sLetters) {
    const auto text = random_text(24);
    EXPECT_EQ(text.size(), 24U);
    EXPECT_TRUE(std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               c == '+' || c == '/';
    })) << text;
    EXPECT_NE(text, random_text(24));
}

} // namespace
} // namespace natterjack::net
