// SPDX-License-Identifier: MIT
/// \file
/// \brief Runs a loop inside a test until something happened. Waits for events, never for time.
#pragma once

#include <chrono>
#include <functional>

#include <glib.h>

#include <natterjack/loop.hpp>

#include "net/loop.hpp"

namespace natterjack::test {

/// Owns a GMainContext and the Loop on it; the test's own thread is the loop's thread, also between
/// the calls, so that objects of the loop can be made and destroyed anywhere in the test.
class LoopRunner {
public:
    LoopRunner() { g_main_context_push_thread_default(context_); } // acquires it, too
    ~LoopRunner() {
        while (g_main_context_iteration(context_, FALSE) != FALSE) {} // cancelled work unwinds
        g_main_context_pop_thread_default(context_);
        g_main_context_unref(context_);
    }
    LoopRunner(const LoopRunner&) = delete;
    LoopRunner& operator=(const LoopRunner&) = delete;

    [[nodiscard]] const Loop& loop() const { return loop_; }

    /// Runs until done(). False when that took longer than \a limit: the test has then failed.
    [[nodiscard]] bool run_until(const std::function<bool()>& done,
                                 Duration limit = std::chrono::seconds(10)) {
        bool late = false;
        net::Timer timer(loop_);
        timer.start_after(limit, [&late] { late = true; });
        while (!done() && !late) g_main_context_iteration(context_, TRUE);
        return done();
    }

    /// Lets the loop take one turn, waiting for something to do.
    void run_once() { g_main_context_iteration(context_, TRUE); }

    /// Runs whatever is ready now, without waiting.
    void run_pending() {
        while (g_main_context_iteration(context_, FALSE) != FALSE) {}
    }

    /// Runs for \a time: only to show that something does not happen.
    void run_for(Duration time) {
        static_cast<void>(run_until([] { return false; }, time));
    }

private:
    GMainContext* context_ = g_main_context_new();
    Loop loop_ = Loop::on(context_);
};

} // namespace natterjack::test
