// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "base/text.hpp"

namespace natterjack {
namespace {

TEST(Printable, KeepsValidUtf8) {
    for (const char* text :
         {"", "plain", "gr\xC3\xBC\xC3\x9F", "\xE2\x82\xAC", "\xF0\x9F\x90\xB8"}) {
        EXPECT_EQ(printable(text), text);
    }
}

TEST(Printable, DropsControlCharacters) {
    EXPECT_EQ(printable(std::string_view("a\0b\x1b[31m\r\n\x7f", 10)), "ab[31m");
    EXPECT_EQ(printable("a\xC2\x9B"
                        "b"),
              "ab"); // U+009B, a terminal's CSI
    EXPECT_EQ(printable("a\xEF\xBF\xBF"
                        "b"),
              "ab"); // U+FFFF
}

TEST(Printable, ReplacesWhatIsNotUtf8) {
    constexpr const char* kBad[] = {
        "\xFF",             // never occurs
        "\xC3",             // cut short
        "\x80",             // continuation without lead
        "\xC0\xAF",         // overlong "/"
        "\xED\xA0\x80",     // surrogate
        "\xF4\x90\x80\x80", // beyond U+10FFFF
    };
    for (const auto* text : kBad) {
        const auto out = printable(text);
        EXPECT_TRUE(out.starts_with("\xEF\xBF\xBD")) << text;
        EXPECT_EQ(printable(out), out);
    }
}

TEST(Printable, CutsBetweenCharacters) {
    EXPECT_EQ(printable("a\xE2\x82\xAC"
                        "b",
                        3),
              "a");
    EXPECT_EQ(printable("a\xE2\x82\xAC"
                        "b",
                        4),
              "a\xE2\x82\xAC");
    EXPECT_EQ(printable("abc", 0), "");
}

TEST(Trim, TakesBlanksOffBothEnds) {
    EXPECT_EQ(trim(" \t\r\n a b \n"), "a b");
    EXPECT_EQ(trim(" \n"), "");
    EXPECT_EQ(trim(""), "");
}

TEST(EqualIgnoringCase, FoldsAsciiOnly) {
    EXPECT_TRUE(equal_ignoring_case("Location", "LOCATION"));
    EXPECT_FALSE(equal_ignoring_case("Location", "LOCATIO"));
    EXPECT_FALSE(equal_ignoring_case("\xC3\xA4", "\xC3\x84"));
}

} // namespace
} // namespace natterjack
