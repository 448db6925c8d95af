// SPDX-License-Identifier: MIT
/// \file
/// \brief Taking back what a gateway granted.
#pragma once

#include <functional>
#include <memory>

#include <natterjack/loop.hpp>

#include "base/time.hpp"
#include "strategies/mapper.hpp"

namespace natterjack {

/// The longest that taking back may take.
inline constexpr Duration kLongestUndo = kUndoLimit + Duration(6000);

/// When to give up an unmap() that begins now: after kUndoLimit, and for an IPv6 pinhole by PCP six
/// seconds later, as a router that refuses is asked another way (PinholeMapper).
[[nodiscard]] TimePoint undo_deadline(const Mapping& mapping);

/// Deletes \a mapping, whatever comes of it. \a loop keeps \a mapper until then, and calls \a done.
void remove_in_background(
    const Loop& loop, const std::shared_ptr<Mapper>& mapper, const Mapping& mapping,
    std::function<void()> done = [] {});

} // namespace natterjack
