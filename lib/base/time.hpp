// SPDX-License-Identifier: MIT
/// \file
/// \brief The types of time. Nothing below net/ reads a clock: `now` is always an argument.
#pragma once

#include <chrono>
#include <cstdint>

namespace natterjack {

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::milliseconds;

/// A lifetime as protocols carry it: whole seconds, 0 to 2^32-1.
using Lifetime = std::chrono::duration<std::uint32_t>;

} // namespace natterjack
