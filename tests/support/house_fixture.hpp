// SPDX-License-Identifier: MIT
/// \file
/// \brief One question asked in a scripted house, and its answer.
#pragma once

#include <optional>

#include <gtest/gtest.h>

#include "tests/support/loop_runner.hpp"
#include "tests/support/scripted_mapper.hpp"

namespace natterjack::test {

/// \tparam Granted what is asked for: Opening, OutboundFlow.
template<class Granted>
class HouseTest : public testing::Test {
protected:
    /// What was granted is given back, before the house goes.
    void TearDown() override {
        attempt_ = {};
        result_.reset();
        runner_.run_pending();
        house_.confirm_removals();
        runner_.run_pending();
    }

    LoopRunner runner_;
    ScriptedHouse house_;
    Attempt attempt_;
    std::optional<Result<Granted, OpenFailure>> result_;
};

} // namespace natterjack::test
