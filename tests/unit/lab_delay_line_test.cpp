// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "nat-lab/delay_line.hpp"

namespace natterjack::lab {
namespace {

using namespace std::chrono_literals;

// Not zero: code that takes the start of time for "never" should be found out.
constexpr DelayLine::Time kStart = 1000h;

Impairment impairment(std::string_view options) {
    const auto site = parse_spec("none," + std::string(options));
    EXPECT_TRUE(site) << options;
    return site ? site->host_link : Impairment();
}

/// An Ethernet frame with an IPv4 packet that begins with \a tag.
DelayLine::Frame frame(std::uint8_t tag) {
    DelayLine::Frame out(60, 0);
    out[12] = 0x08;
    out[14] = tag;
    return out;
}

DelayLine::Frame arp_frame() {
    auto out = frame(0);
    out[13] = 0x06;
    return out;
}

/// The tags of everything that is due at \a now.
std::vector<unsigned> taken(DelayLine& line, DelayLine::Time now) {
    std::vector<unsigned> tags;
    while (const auto out = line.take(now)) tags.push_back((*out)[14]);
    return tags;
}

/// Which of \a count frames come out in the end.
std::vector<std::size_t> survivors(const Impairment& link, std::uint64_t seed, std::size_t count) {
    DelayLine line(link, seed);
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < count; ++i) {
        line.offer(kStart, frame(0));
        if (line.take(kStart + 20s)) out.push_back(i);
    }
    return out;
}

TEST(DelayLine, IsEmptyAtFirst) {
    DelayLine line(impairment("delay=40ms"), 1);
    EXPECT_FALSE(line.deadline());
    EXPECT_FALSE(line.take(kStart));
}

TEST(DelayLine, HoldsAFrameBackForExactlyTheDelay) {
    DelayLine line(impairment("delay=40ms"), 1);
    line.offer(kStart, frame(7));
    EXPECT_EQ(line.deadline(), kStart + 40ms);
    EXPECT_FALSE(line.take(kStart + 40ms - 1ns));
    EXPECT_EQ(line.take(kStart + 40ms), frame(7));
    EXPECT_FALSE(line.deadline());
}

TEST(DelayLine, HandsOutAllThatIsDueInOrder) {
    DelayLine line(impairment("delay=10ms"), 1);
    for (std::uint8_t i = 0; i < 5; ++i) line.offer(kStart + i * 1ms, frame(i));
    EXPECT_EQ(taken(line, kStart + 12ms), (std::vector<unsigned>{0, 1, 2}));
    EXPECT_EQ(taken(line, kStart + 1s), (std::vector<unsigned>{3, 4}));
}

TEST(DelayLine, JitterStaysInItsBoundsAndKeepsOrder) {
    DelayLine line(impairment("delay=10ms,jitter=5ms"), 1);
    DelayLine::Time earliest = 1h;
    DelayLine::Time latest = 0h;
    for (int i = 0; i < 500; ++i) {
        line.offer(kStart, frame(0));
        const auto spent = *line.deadline() - kStart;
        earliest = std::min(earliest, spent);
        latest = std::max(latest, spent);
        ASSERT_TRUE(line.take(kStart + 15ms)) << i;
    }
    EXPECT_GE(earliest, 10ms);
    EXPECT_LT(earliest, 11ms);
    EXPECT_LE(latest, 15ms);
    EXPECT_GT(latest, 14ms);

    for (std::uint8_t i = 0; i < 100; ++i) line.offer(kStart + i * 100us, frame(i));
    auto last = kStart;
    for (unsigned i = 0; i < 100; ++i) {
        ASSERT_GE(*line.deadline(), last);
        last = *line.deadline();
        ASSERT_EQ((*line.take(last))[14], i);
    }
}

TEST(DelayLine, LosesTheSameFramesForTheSameSeed) {
    const auto lossy = impairment("loss=10%");
    const auto first = survivors(lossy, 1, 10'000);
    EXPECT_EQ(survivors(lossy, 1, 10'000), first);
    EXPECT_NE(survivors(lossy, 2, 10'000), first);
    EXPECT_EQ(survivors(impairment("loss=10%,jitter=3ms"), 1, 10'000), first);
    // 10,000 draws at 10 %: the standard deviation is 30.
    EXPECT_NEAR(static_cast<double>(first.size()), 9'000, 150);
}

TEST(DelayLine, LosesNothingOrEverything) {
    EXPECT_EQ(survivors(impairment("jitter=1ms"), 1, 1'000).size(), 1'000U);
    EXPECT_EQ(survivors(impairment("loss=100%"), 1, 1'000).size(), 0U);
}

TEST(DelayLine, LetsArpThrough) {
    DelayLine line(impairment("delay=40ms,loss=100%"), 1);
    line.offer(kStart, arp_frame());
    ASSERT_TRUE(line.deadline());
    EXPECT_LE(*line.deadline(), kStart);
    EXPECT_EQ(line.take(kStart), arp_frame());
    EXPECT_FALSE(line.deadline());
}

TEST(DelayLine, ArpDoesNotChangeWhatIsLost) {
    const auto lossy = impairment("loss=50%");
    DelayLine line(lossy, 1);
    std::size_t count = 0;
    for (int i = 0; i < 1'000; ++i) {
        line.offer(kStart, arp_frame());
        EXPECT_TRUE(line.take(kStart));
        line.offer(kStart, frame(0));
        if (line.take(kStart)) ++count;
    }
    EXPECT_EQ(count, survivors(lossy, 1, 1'000).size());
}

TEST(DelayLine, HoldsABoundedNumberOfFrames) {
    DelayLine line(impairment("delay=10s"), 1);
    for (std::size_t i = 0; i < DelayLine::kMaxFrames + 10; ++i) {
        line.offer(kStart, frame(static_cast<std::uint8_t>(i)));
        line.offer(kStart, arp_frame());
    }
    EXPECT_EQ(taken(line, kStart).size(), DelayLine::kMaxFrames);
    EXPECT_EQ(taken(line, kStart + 10s).size(), DelayLine::kMaxFrames);
}

TEST(DelayLine, PassesOnWhatIsTooShortForAnEthernetHeader) {
    DelayLine line(impairment("delay=1ms"), 1);
    line.offer(kStart, {});
    line.offer(kStart, DelayLine::Frame(13, 0));
    EXPECT_EQ(line.take(kStart + 1ms), DelayLine::Frame());
    EXPECT_EQ(line.take(kStart + 1ms), DelayLine::Frame(13, 0));
}

TEST(DelayLine, NeighbourDiscoveryIsLikeArp) {
    DelayLine line(impairment("delay=10ms,loss=100%"), 1);
    auto solicitation = frame(7);
    solicitation[12] = 0x86;
    solicitation[13] = 0xDD;
    solicitation[20] = 58;
    solicitation[54] = 135;
    line.offer(kStart, solicitation);
    EXPECT_EQ(taken(line, kStart), std::vector<unsigned>{7});
    solicitation[54] = 128; // an echo request is traffic
    line.offer(kStart, solicitation);
    EXPECT_FALSE(line.deadline());
}

TEST(DelayLine, AChangeHoldsForFramesThatComeAfterIt) {
    DelayLine line(impairment("delay=10ms"), 1);
    line.offer(kStart, frame(1));
    line.change(impairment("delay=0ms"));
    line.offer(kStart + 1ms, frame(2));
    EXPECT_EQ(taken(line, kStart + 9ms), std::vector<unsigned>()); // order is kept
    EXPECT_EQ(taken(line, kStart + 10ms), (std::vector<unsigned>{1, 2}));
    line.change(impairment("loss=100%"));
    line.offer(kStart + 11ms, frame(3));
    EXPECT_FALSE(line.deadline());
}

} // namespace
} // namespace natterjack::lab
