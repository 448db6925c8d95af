// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "proto/port_pattern.hpp"

namespace natterjack {
namespace {

std::vector<PortSample> fresh_sockets(const std::vector<std::uint16_t>& external) {
    std::vector<PortSample> out;
    for (std::size_t i = 0; i < external.size(); ++i) {
        out.push_back({static_cast<std::uint16_t>(50000 + 7 * i), external[i]});
    }
    return out;
}

TEST(PortPattern, IsPreservingWhenPortsAreKept) {
    auto sockets = fresh_sockets({50000, 50007, 50014, 50021, 50028, 50035, 50042, 50049});
    auto said = judge_ports(sockets, {});
    EXPECT_EQ(said.pattern.value, PortPattern::Preserving);
    EXPECT_EQ(said.pattern.confidence, Confidence::Proved);
    EXPECT_EQ(said.kept, 8);
    EXPECT_EQ(said.parity_kept, 8);
    sockets[3].external = 1024; // somebody else has that one
    said = judge_ports(sockets, {});
    EXPECT_EQ(said.pattern.value, PortPattern::Preserving);
    EXPECT_EQ(said.kept, 7);
}

TEST(PortPattern, IsSequentialWithItsStep) {
    auto said = judge_ports(fresh_sockets({40001, 40002, 40003, 40004, 40005}), {});
    EXPECT_EQ(said.pattern.value, PortPattern::Sequential);
    EXPECT_EQ(said.step, 1);
    EXPECT_EQ(said.one_guess, 1.0);
    said = judge_ports(fresh_sockets({40008, 40006, 40004, 40002}), {});
    EXPECT_EQ(said.step, -2);
    // Others take a port in between; answers come out of order.
    said = judge_ports(fresh_sockets({40001, 40003, 40002, 40006, 40005}), {});
    EXPECT_EQ(said.pattern.value, PortPattern::Sequential);
    EXPECT_EQ(said.step, 1);
}

TEST(PortPattern, OfDestinationsCountsWhereTheyDiffer) {
    const auto kept = fresh_sockets({50000, 50007, 50014, 50021});
    const auto said = judge_ports(kept, {3000, 61000, 25000, 48123});
    EXPECT_EQ(said.pattern.value, PortPattern::Random);
    EXPECT_EQ(said.kept, 4);
    EXPECT_NEAR(*said.one_guess, 1.0 / 64512, 1e-9);
    EXPECT_NEAR(*said.many_guesses, 0.638, 0.01); // 1 - (1 - 256/64512)^256
}

TEST(PortPattern, OfASmallRangeIsABlock) {
    const auto said =
        judge_ports(fresh_sockets({1100, 1900, 1300, 2000, 1024, 1555, 1777, 1200}), {});
    EXPECT_EQ(said.pattern.value, PortPattern::Block);
    EXPECT_EQ(said.lowest, 1024);
    EXPECT_EQ(said.highest, 2000);
    EXPECT_GT(*said.many_guesses, 0.99);
}

TEST(PortPattern, IsUnknownFromTooFew) {
    EXPECT_EQ(judge_ports({}, {}).pattern.confidence, Confidence::NotTested);
    EXPECT_EQ(judge_ports(fresh_sockets({1, 60000}), {}).pattern.value, PortPattern::Unknown);
}

} // namespace
} // namespace natterjack
