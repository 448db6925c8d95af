// SPDX-License-Identifier: MIT
#include <memory>
#include <optional>

#include <gtest/gtest.h>

#include "net/resolver.hpp"
#include "tests/support/loop_runner.hpp"

namespace natterjack::net {
namespace {

using Answer = std::optional<Result<std::vector<IpAddress>>>;

TEST(Resolution, AnswersANumericAddressItself) {
    test::LoopRunner runner;
    for (const char* host : {"192.0.2.7", "2001:db8::7"}) {
        Answer answer;
        const Resolution resolution(
            runner.loop(), host, Duration(5000),
            [&](Result<std::vector<IpAddress>> got) { answer = std::move(got); });
        EXPECT_FALSE(answer); // never before the constructor returned
        ASSERT_TRUE(runner.run_until([&] { return answer.has_value(); }));
        ASSERT_TRUE(*answer);
        ASSERT_EQ((*answer)->size(), 1U);
        EXPECT_EQ((**answer)[0].to_string(), host);
    }
}

TEST(Resolution, FindsTheLocalHostByItsName) {
    test::LoopRunner runner;
    Answer answer;
    const Resolution resolution(
        runner.loop(), "localhost", Duration(5000),
        [&](Result<std::vector<IpAddress>> got) { answer = std::move(got); });
    ASSERT_TRUE(runner.run_until([&] { return answer.has_value(); }));
    ASSERT_TRUE(*answer) << answer->error().message;
    ASSERT_FALSE((*answer)->empty());
    EXPECT_TRUE((**answer)[0].is_loopback());
}

TEST(Resolution, SaysThatANameDoesNotResolve) {
    test::LoopRunner runner;
    Answer answer;
    // RFC 6761 section 6.4: "invalid" never resolves; GLib and libc say so with or without a
    // network.
    const Resolution resolution(
        runner.loop(), "no such name.invalid", Duration(5000),
        [&](Result<std::vector<IpAddress>> got) { answer = std::move(got); });
    ASSERT_TRUE(runner.run_until([&] { return answer.has_value(); }));
    ASSERT_FALSE(*answer);
    EXPECT_TRUE(answer->error().code == Errc::NotFound || answer->error().code == Errc::Timeout);
    EXPECT_NE(answer->error().message.find("no such name.invalid"), std::string::npos);
}

TEST(Resolution, DestroyedNeverAnswers) {
    test::LoopRunner runner;
    bool answered = false;
    const auto handler = [&](const Result<std::vector<IpAddress>>&) { answered = true; };
    auto named = std::make_unique<Resolution>(runner.loop(), "localhost", Duration(5000), handler);
    auto numeric =
        std::make_unique<Resolution>(runner.loop(), "192.0.2.7", Duration(5000), handler);
    named.reset();
    numeric.reset();
    runner.run_for(Duration(50));
    EXPECT_FALSE(answered);
}

TEST(Resolution, MayBeDestroyedInItsHandler) {
    test::LoopRunner runner;
    bool answered = false;
    std::unique_ptr<Resolution> resolution;
    resolution = std::make_unique<Resolution>(runner.loop(), "localhost", Duration(5000),
                                              [&](const Result<std::vector<IpAddress>>&) {
                                                  answered = true;
                                                  resolution.reset();
                                              });
    EXPECT_TRUE(runner.run_until([&] { return answered; }));
    EXPECT_FALSE(resolution);
}

} // namespace
} // namespace natterjack::net
