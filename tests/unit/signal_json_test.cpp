// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "wire/signal_json.hpp"

namespace natterjack::signal {
namespace {

TEST(SignalJson, WritesWhatBrowsersWrite) {
    EXPECT_EQ(encode(Description{sdp::Kind::Offer, "v=0\r\n"}),
              R"({"type":"offer","sdp":"v=0\r\n"})");
    EXPECT_EQ(encode(Candidate{"candidate:1", "0", 0, std::nullopt}),
              R"({"candidate":"candidate:1","sdpMid":"0","sdpMLineIndex":0})");
    EXPECT_EQ(encode(Candidate{"", "0", 0, std::nullopt}),
              R"({"candidate":"","sdpMid":"0","sdpMLineIndex":0})");
}

TEST(SignalJson, ReadsWhatItWrites) {
    for (const Message& message :
         {Message(Description{sdp::Kind::Offer, "v=0\r\n\"\\"}),
          Message(Description{sdp::Kind::Answer, ""}), Message(Candidate{"x", "a", 7, "frag"}),
          Message(Candidate{"", std::nullopt, std::nullopt, std::nullopt})}) {
        const auto again = decode(encode(message));
        ASSERT_TRUE(again) << again.error().message;
        EXPECT_EQ(*again, message);
    }
}

TEST(SignalJson, ReadsACandidateOfABrowser) {
    const auto message =
        decode(R"( {"candidate":"candidate:1 1 udp 1 192.0.2.1 5 typ host","sdpMid":"data",)"
               R"("sdpMLineIndex":2,"usernameFragment":"EsAw","other":[{}]} )");
    ASSERT_TRUE(message) << message.error().message;
    const auto& candidate = std::get<Candidate>(*message);
    EXPECT_EQ(candidate.mid, "data");
    EXPECT_EQ(candidate.line_index, 2);
    EXPECT_EQ(candidate.ufrag, "EsAw");
}

TEST(SignalJson, TakesNullForTheEndOfCandidates) {
    const auto message = decode(R"({"candidate":null,"sdpMid":null,"sdpMLineIndex":null})");
    ASSERT_TRUE(message) << message.error().message;
    EXPECT_EQ(std::get<Candidate>(*message).candidate, "");
    EXPECT_EQ(std::get<Candidate>(*message).mid, std::nullopt);
}

TEST(SignalJson, RejectsWhatItCannotUse) {
    const std::pair<const char*, Errc> rows[] = {
        {"", Errc::Malformed},
        {"{", Errc::Malformed},
        {"[]", Errc::Malformed},
        {"{} {}", Errc::Malformed},
        {"\xff\xfe", Errc::Malformed},
        {R"({"type":"rollback"})", Errc::Unsupported},
        {R"({})", Errc::Unsupported},
        {R"({"type":"offer"})", Errc::Malformed},
        {R"({"type":"offer","sdp":1})", Errc::Malformed},
        {R"({"type":1,"sdp":"x"})", Errc::Malformed},
        {R"({"candidate":1})", Errc::Malformed},
        {R"({"candidate":"","sdpMid":0})", Errc::Malformed},
        {R"({"candidate":"","sdpMLineIndex":-1})", Errc::Malformed},
        {R"({"candidate":"","sdpMLineIndex":65536})", Errc::Malformed},
        {R"({"candidate":"","sdpMLineIndex":"0"})", Errc::Malformed},
    };
    for (const auto& [line, want] : rows) {
        const auto message = decode(line);
        ASSERT_FALSE(message) << line;
        EXPECT_EQ(message.error().code, want) << line;
    }
}

TEST(SignalJson, IsBounded) {
    EXPECT_EQ(decode(std::string(kMaxMessage + 1, ' ')).error().code, Errc::TooLarge);
    EXPECT_EQ(decode(std::string(kMaxMessage, '[')).error().code, Errc::Malformed);
}

TEST(SignalJson, WritesBrokenTextWithoutThrowing) {
    const auto line = encode(Description{sdp::Kind::Offer, "\xff"});
    EXPECT_TRUE(decode(line));
}

} // namespace
} // namespace natterjack::signal
