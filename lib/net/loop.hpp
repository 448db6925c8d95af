// SPDX-License-Identifier: MIT
/// \file
/// \brief The inside of Loop: the GMainContext, the clock, timers and watched descriptors.
///
/// Everything here belongs to the loop's thread. An object that is destroyed never calls its
/// handler again, not even when destroyed inside it.
#pragma once

#include <functional>
#include <memory>

#include <natterjack/loop.hpp>

#include "base/time.hpp"

struct _GMainContext; // NOLINT(bugprone-reserved-identifier)
struct _GSource;      // NOLINT(bugprone-reserved-identifier)

namespace natterjack::net {

/// The monotonic clock. The only place of the library that reads it.
[[nodiscard]] TimePoint now();

/// What a Loop's copies share. Only net/ looks inside.
class LoopState;

/// The context of a loop, for the wrappers of GLib objects in net/ (and of libnice).
[[nodiscard]] _GMainContext* context_of(const Loop& loop);

/// Makes the loop's context the thread's default one while it lives, as GIO and libsoup want it.
class ContextScope {
public:
    explicit ContextScope(const Loop& loop);
    ~ContextScope();
    ContextScope(const ContextScope&) = delete;
    ContextScope& operator=(const ContextScope&) = delete;

private:
    _GMainContext* context_;
};

/// Calls a handler once at a time. Restarting replaces.
class Timer {
public:
    explicit Timer(Loop loop) : loop_(std::move(loop)) {}
    ~Timer() { stop(); }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    /// A time in the past fires on the loop's next turn.
    void start_at(TimePoint when, std::function<void()> handler);
    void start_after(Duration delay, std::function<void()> handler) {
        start_at(now() + delay, std::move(handler));
    }
    void stop();
    [[nodiscard]] bool running() const { return source_ != nullptr; }

private:
    Loop loop_;
    _GSource* source_ = nullptr;
};

/// Calls a handler whenever a descriptor is readable. Does not own the descriptor.
class ReadWatch {
public:
    ReadWatch(const Loop& loop, int fd, std::function<void()> handler);
    ~ReadWatch();
    ReadWatch(const ReadWatch&) = delete;
    ReadWatch& operator=(const ReadWatch&) = delete;

private:
    _GSource* source_ = nullptr;
};

/// The same for a descriptor that can be written to, or has failed: the end of a connect().
class WriteWatch {
public:
    WriteWatch(const Loop& loop, int fd, std::function<void()> handler);
    ~WriteWatch();
    WriteWatch(const WriteWatch&) = delete;
    WriteWatch& operator=(const WriteWatch&) = delete;

private:
    _GSource* source_ = nullptr;
};

/// Keeps \a object alive until it calls the returned function or the loop ends: for work that must
/// be finished although nobody waits for it (removing a mapping whose request was cancelled).
/// Such work sets its own deadline. See drain().
[[nodiscard]] std::function<void()> keep_until_done(const Loop& loop, std::shared_ptr<void> object);

/// Calls \a done once nothing is kept by keep_until_done() any more, or after \a limit.
void drain(const Loop& loop, Duration limit, std::function<void()> done);

} // namespace natterjack::net
