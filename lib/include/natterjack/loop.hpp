// SPDX-License-Identifier: MIT
/// \file
/// \brief The loop that everything runs on: the library's own thread, or the application's context.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include <natterjack/export.hpp>

struct _GMainContext; // GLib's GMainContext; NOLINT(bugprone-reserved-identifier)

namespace natterjack {

namespace net {
class LoopState;
} // namespace net

/// A handle to one GLib main loop; copies share it.
///
/// All of the library's work and all handlers run on the loop's thread, one at a time. Public calls
/// may come from any thread: they are posted. When the last copy goes, and with it everything made
/// on the loop, a thread of the library's own is stopped and joined.
class NATTERJACK_API Loop {
public:
    /// A loop with a thread of its own, which the library starts and joins.
    [[nodiscard]] static Loop with_thread();
    /// Runs on \a context, which the application iterates (nullptr: GLib's default context). The
    /// library takes a reference. Nothing happens while nobody iterates it. A context other than
    /// GLib's default one must be the thread-default context of the thread that iterates it
    /// (g_main_context_push_thread_default()), as GIO wants it.
    [[nodiscard]] static Loop on(_GMainContext* context);
    /// The loop shared by the blocking calls of this process, made at first use. When the process
    /// exits, removals that are under way get time to finish: two seconds, and six more where a
    /// router refuses to delete an IPv6 pinhole and has to be asked another way.
    [[nodiscard]] static Loop shared();

    /// Runs \a task on the loop's thread, soon. Thread-safe; never runs it before returning.
    void post(std::function<void()> task) const;
    /// True on the thread that iterates the loop right now, that is, in any handler.
    [[nodiscard]] bool is_current() const;

    /// Calls \a done on the loop once no removal of a mapping is under way any more, or after
    /// \a limit: for programs that are about to end. Once, never before this returns. Any thread.
    void when_settled(std::chrono::milliseconds limit, std::function<void()> done) const;

    /// The library's inside of it.
    [[nodiscard]] net::LoopState& state() const { return *state_; }

private:
    explicit Loop(std::shared_ptr<net::LoopState> state) : state_(std::move(state)) {}
    std::shared_ptr<net::LoopState> state_;
};

} // namespace natterjack
