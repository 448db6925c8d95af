// SPDX-License-Identifier: MIT
/// \file
/// \brief Says when the host has slept.
#pragma once

#include <functional>
#include <memory>

#include <natterjack/loop.hpp>
#include <natterjack/result.hpp>

#include "net/fd.hpp"
#include "net/loop.hpp"

namespace natterjack::net {

/// For how long the host has slept since it was started: CLOCK_BOOTTIME goes on while
/// CLOCK_MONOTONIC stands still.
[[nodiscard]] Duration time_asleep();

/// Belongs to the loop's thread. Costs nothing while the host is awake: the kernel cancels a timer
/// at each resume (TFD_TIMER_CANCEL_ON_SET), which is what is waited for.
class ResumeWatch {
public:
    /// \a asleep: time_asleep(), or a test's.
    /// \retval Errc::Network  the kernel refused (detail: errno)
    [[nodiscard]] static Result<std::unique_ptr<ResumeWatch>>
    open(const Loop& loop, std::function<void()> handler,
         std::function<Duration()> asleep = time_asleep);
    ResumeWatch(const ResumeWatch&) = delete;
    ResumeWatch& operator=(const ResumeWatch&) = delete;

    /// The clock was set, or the host was resumed: calls the handler if it slept.
    void handle_clock_change();

private:
    ResumeWatch(const Loop& loop, Fd fd, std::function<void()> handler,
                std::function<Duration()> asleep);
    bool arm();

    Fd fd_;
    std::function<void()> handler_;
    std::function<Duration()> asleep_;
    Duration slept_;
    ReadWatch watch_;
};

} // namespace natterjack::net
