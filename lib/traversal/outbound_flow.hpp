// SPDX-License-Identifier: MIT
/// \file
/// \brief The inside of keep_flow(): a chain of one strategy, for a flow that goes out.
#pragma once

#include <functional>

#include <natterjack/outbound_flow.hpp>

#include "traversal/chain.hpp"

namespace natterjack {

/// keep_flow() with a world of one's own.
[[nodiscard]] Attempt keep_flow(const Loop& loop, ChainParts parts, FlowRequest request,
                                std::function<void(Result<OutboundFlow, OpenFailure>)> handler);

} // namespace natterjack
