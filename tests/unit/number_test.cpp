// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "base/number.hpp"

namespace natterjack {
namespace {

TEST(ParseNumber, TakesAllOfTheTextOrNothing) {
    EXPECT_EQ(parse_number<int>("-12"), -12);
    EXPECT_EQ(parse_number<std::uint8_t>("255"), 255);
    EXPECT_EQ(parse_number<std::uint32_t>("0101A8C0", 16), 0x0101A8C0U);
    for (const char* bad : {"", " 1", "1 ", "+1", "-1", "1x", "0x1", "256", "1.0"})
        EXPECT_EQ(parse_number<std::uint8_t>(bad), std::nullopt) << bad;
}

TEST(ParsePort, IsWhatCanBeSentTo) {
    EXPECT_EQ(parse_port("1"), 1);
    EXPECT_EQ(parse_port("65535"), 65535);
    for (const char* bad : {"", "0", "00", "65536", "-1", "80/tcp", "http"})
        EXPECT_EQ(parse_port(bad), std::nullopt) << bad;
}

} // namespace
} // namespace natterjack
