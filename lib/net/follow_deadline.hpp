// SPDX-License-Identifier: MIT
/// \file
/// \brief A machine's deadline on the loop's timer.
#pragma once

#include <utility>

#include "net/loop.hpp"

namespace natterjack::net {

/// Arms \a timer for the deadline of \a machine, which is told when it has passed, before \a pump
/// is called; stops it when there is none. All three outlive the timer's run.
template<class Machine, class Pump>
void follow_deadline(Timer& timer, Machine& machine, Pump pump) {
    const auto deadline = machine.deadline();
    if (!deadline) return timer.stop();
    timer.start_at(*deadline, [&machine, pump = std::move(pump)] {
        machine.handle_timeout(now());
        pump();
    });
}

} // namespace natterjack::net
