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

} // namespace
} // namespace natterjack::net
