// SPDX-License-Identifier: MIT
/// \file
/// \brief The chain on real sockets of the private network, without a journal and without servers.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/loop_runner.hpp"
#include "traversal/chain.hpp"

namespace natterjack::test {

class RealChain : public testing::Test {
protected:
    static constexpr std::uint16_t kPort = 6667;

    [[nodiscard]] static ChainParts parts() {
        return {.make_mapper = make_mapper,
                .read_network = net::read_network,
                .read_servers = []() -> Result<Servers> { return Servers{}; },
                .journal = Journal(""),
                .trace_hops = trace_second_hop(),
                .keeper_of = LeaseKeeper::of};
    }

    /// Before the network of the test goes.
    void TearDown() override {
        result_.reset();
        attempt_ = {};
    }

    /// Waits for the answer, which result_ then holds.
    void open(OpenRequest request,
              std::vector<Strategy> strategies = {Strategy::Igd, Strategy::Pcp, Strategy::NatPmp}) {
        Chain chain(runner_.loop(), std::move(strategies), parts());
        attempt_ = chain.open(std::move(request), [this](Result<Opening, OpenFailure> result) {
            result_.emplace(std::move(result));
        });
        ASSERT_TRUE(runner_.run_until([this] { return result_.has_value(); }));
    }

    /// Gives up what there is, and waits until it is taken back.
    void close() {
        result_.reset();
        attempt_ = {};
        bool over = false;
        runner_.loop().when_settled(2 * kUndoLimit, [&over] { over = true; });
        EXPECT_TRUE(runner_.run_until([&over] { return over; }));
    }

    LoopRunner runner_;
    Attempt attempt_;
    std::optional<Result<Opening, OpenFailure>> result_;
};

} // namespace natterjack::test
