// SPDX-License-Identifier: MIT
#include "net/loop.hpp"

#include <algorithm>
#include <cassert>
#include <csignal>
#include <cstdint>
#include <future>
#include <list>
#include <map>

#include <glib-unix.h>
#include <glib.h>

namespace natterjack {

namespace net {

namespace {

using Task = std::function<void()>;

void delete_task(gpointer data) {
    delete static_cast<Task*>(data);
}

// GLib holds the callback data while it dispatches, so a task may destroy its own source.
gboolean run_once(gpointer data) {
    (*static_cast<Task*>(data))();
    return G_SOURCE_REMOVE;
}

gboolean run_on_event(gint, GIOCondition, gpointer data) {
    (*static_cast<Task*>(data))();
    return G_SOURCE_CONTINUE;
}

// Equal priorities are dispatched in the order of attachment: that is what makes posts a queue.
void attach_task(GMainContext* context, Task task) {
    GSource* source = g_idle_source_new();
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, run_once, new Task(std::move(task)), delete_task);
    g_source_attach(source, context);
    g_source_unref(source);
}

gboolean dispatch_timer(GSource*, GSourceFunc callback, gpointer data) {
    return callback(data);
}

GSourceFuncs timer_functions = {
    nullptr, nullptr, dispatch_timer, nullptr, nullptr, nullptr, // ready-time does it all
};

void forget(GSource*& source) {
    if (source == nullptr) return;
    g_source_destroy(source);
    g_source_unref(source);
    source = nullptr;
}

} // namespace

class LoopState : public std::enable_shared_from_this<LoopState> {
public:
    explicit LoopState(GMainContext* context) : context_(g_main_context_ref(context)) {}
    ~LoopState();
    LoopState(const LoopState&) = delete;
    LoopState& operator=(const LoopState&) = delete;

    void start_thread();
    [[nodiscard]] GMainContext* context() const { return context_; }

    std::function<void()> keep(std::shared_ptr<void> object);
    void drain(const Loop& loop, Duration limit, Task done);

private:
    struct Drain {
        Drain(const Loop& loop, Task task) : limit(loop), done(std::move(task)) {}
        Timer limit;
        Task done;
    };

    void release(std::uint64_t id);
    void finish_drains();

    GMainContext* context_;
    GMainLoop* main_loop_ = nullptr; // only with a thread of our own
    GThread* thread_ = nullptr;
    std::uint64_t next_kept_ = 0;
    std::map<std::uint64_t, std::shared_ptr<void>> kept_;
    std::list<Drain> drains_;
};

LoopState::~LoopState() {
    // What was posted or kept before this moment is older than this task, so it still gets its
    // turn, and ends on the thread it lived on.
    if (!kept_.empty() || main_loop_ != nullptr) {
        attach_task(context_, [kept = std::move(kept_), main_loop = main_loop_]() mutable {
            kept.clear();
            if (main_loop != nullptr) g_main_loop_quit(main_loop);
        });
    }
    if (thread_ != nullptr) {
        // A handler may have held the last copy. The thread cannot wait for itself; it is past
        // needing us and holds its own references.
        if (g_thread_self() == thread_) {
            g_thread_unref(thread_);
        } else {
            g_thread_join(thread_);
        }
        g_main_loop_unref(main_loop_);
    }
    g_main_context_unref(context_);
}

void LoopState::start_thread() {
    main_loop_ = g_main_loop_new(context_, FALSE);
    // Signals are the application's: its threads get them, not ours.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = g_thread_new(
        "natterjack",
        [](gpointer data) -> gpointer {
            auto* main_loop = static_cast<GMainLoop*>(data);
            GMainContext* context = g_main_loop_get_context(main_loop);
            g_main_context_push_thread_default(context);
            g_main_loop_run(main_loop);
            g_main_context_pop_thread_default(context);
            g_main_loop_unref(main_loop);
            return nullptr;
        },
        g_main_loop_ref(main_loop_));
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

std::function<void()> LoopState::keep(std::shared_ptr<void> object) {
    const auto id = next_kept_++;
    kept_.emplace(id, std::move(object));
    return [weak = weak_from_this(), id] {
        if (const auto self = weak.lock()) self->release(id);
    };
}

void LoopState::release(std::uint64_t id) {
    auto node = kept_.extract(id);
    if (!node) return;
    // Not at once: the object is most likely in the middle of calling us.
    attach_task(context_, [weak = weak_from_this(), object = std::move(node.mapped())]() mutable {
        object.reset();
        if (const auto self = weak.lock()) self->finish_drains();
    });
}

void LoopState::finish_drains() {
    if (!kept_.empty()) return;
    for (auto drains = std::exchange(drains_, {}); auto& drain : drains) drain.done();
}

void LoopState::drain(const Loop& loop, Duration limit, Task done) {
    auto entry = drains_.emplace(drains_.end(), loop, std::move(done));
    if (kept_.empty()) limit = Duration::zero();
    entry->limit.start_after(limit, [this, entry] {
        std::list<Drain> over; // outlives the call: its timer may hold the last copy of the loop
        over.splice(over.end(), drains_, entry);
        over.front().done();
    });
}

TimePoint now() {
    return TimePoint(std::chrono::microseconds(g_get_monotonic_time()));
}

GMainContext* context_of(const Loop& loop) {
    return loop.state().context();
}

ContextScope::ContextScope(const Loop& loop) : context_(context_of(loop)) {
    g_main_context_push_thread_default(context_);
}

ContextScope::~ContextScope() {
    g_main_context_pop_thread_default(context_);
}

void Timer::start_at(TimePoint when, std::function<void()> handler) {
    stop();
    // Rounded up, so that now() is never before `when` in the handler. -1 would mean "never".
    const auto ready = std::chrono::ceil<std::chrono::microseconds>(when.time_since_epoch());
    source_ = g_source_new(&timer_functions, sizeof(GSource));
    g_source_set_ready_time(source_, std::max<gint64>(ready.count(), 0));
    auto task = [this, handler = std::move(handler)] {
        forget(source_); // the handler may restart or destroy this timer
        handler();
    };
    g_source_set_callback(source_, run_once, new Task(std::move(task)), delete_task);
    g_source_attach(source_, context_of(loop_));
}

void Timer::stop() {
    forget(source_);
}

namespace {

GSource* watch_fd(const Loop& loop, int fd, GIOCondition condition, Task handler) {
    GSource* source = g_unix_fd_source_new(fd, condition);
    g_source_set_callback(source,
                          reinterpret_cast<GSourceFunc>(reinterpret_cast<void*>(run_on_event)),
                          new Task(std::move(handler)), delete_task);
    g_source_attach(source, context_of(loop));
    return source;
}

} // namespace

ReadWatch::ReadWatch(const Loop& loop, int fd, std::function<void()> handler)
    : source_(watch_fd(loop, fd, G_IO_IN, std::move(handler))) {
}

ReadWatch::~ReadWatch() {
    forget(source_);
}

WriteWatch::WriteWatch(const Loop& loop, int fd, std::function<void()> handler)
    : source_(watch_fd(loop, fd, G_IO_OUT, std::move(handler))) {
}

WriteWatch::~WriteWatch() {
    forget(source_);
}

std::function<void()> keep_until_done(const Loop& loop, std::shared_ptr<void> object) {
    return loop.state().keep(std::move(object));
}

void drain(const Loop& loop, Duration limit, std::function<void()> done) {
    loop.state().drain(loop, limit, std::move(done));
}

} // namespace net

namespace {

/// Lets removals finish when the process exits.
struct SharedLoop {
    SharedLoop() = default;
    SharedLoop(const SharedLoop&) = delete;
    SharedLoop& operator=(const SharedLoop&) = delete;
    ~SharedLoop() {
        std::promise<void> settled;
        loop.when_settled(kExitLimit, [&settled] { settled.set_value(); });
        settled.get_future().wait();
    }

    static constexpr std::chrono::milliseconds kExitLimit{9000}; // each has its own deadline
    const Loop loop = Loop::with_thread();
};

} // namespace

Loop Loop::with_thread() {
    GMainContext* context = g_main_context_new();
    auto state = std::make_shared<net::LoopState>(context);
    g_main_context_unref(context);
    state->start_thread();
    return Loop(std::move(state));
}

Loop Loop::on(GMainContext* context) {
    return Loop(
        std::make_shared<net::LoopState>(context != nullptr ? context : g_main_context_default()));
}

Loop Loop::shared() {
    static const SharedLoop shared;
    return shared.loop;
}

void Loop::post(std::function<void()> task) const {
    net::attach_task(state_->context(), std::move(task));
}

void Loop::when_settled(std::chrono::milliseconds limit, std::function<void()> done) const {
    post([loop = *this, limit, done = std::move(done)] { net::drain(loop, limit, done); });
}

bool Loop::is_current() const {
    return g_main_context_is_owner(state_->context()) != FALSE;
}

} // namespace natterjack
