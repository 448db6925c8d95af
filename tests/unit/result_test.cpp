// SPDX-License-Identifier: MIT
#include <string>

#include <gtest/gtest.h>

#include <natterjack/result.hpp>

namespace natterjack {
namespace {

Result<int> parsed(const std::string& digit) {
    if (digit.size() == 1 && digit[0] >= '0' && digit[0] <= '9') return digit[0] - '0';
    return Error{Errc::Malformed, "no digit: " + digit};
}

Result<std::string> spelled(int number) {
    if (number == 1) return std::string("one");
    return Error{Errc::NotFound, "no word for it"};
}

TEST(Result, AndThenGoesOnWithTheValueAndPassesTheFirstErrorOn) {
    EXPECT_EQ(*parsed("1").and_then(spelled), "one");
    EXPECT_EQ(parsed("2").and_then(spelled).error().code, Errc::NotFound);
    EXPECT_EQ(parsed("x").and_then(spelled).error().message, "no digit: x");
}

TEST(Result, ValueOrGivesTheFallbackOnlyForAnError) {
    EXPECT_EQ(parsed("7").value_or(-1), 7);
    EXPECT_EQ(parsed("seven").value_or(-1), -1);
}

} // namespace
} // namespace natterjack
