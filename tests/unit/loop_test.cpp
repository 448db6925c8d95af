// SPDX-License-Identifier: MIT
#include <array>
#include <future>
#include <thread>
#include <vector>

#include <unistd.h>

#include <gtest/gtest.h>

#include "net/loop.hpp"
#include "tests/support/loop_runner.hpp"

namespace natterjack {
namespace {

using namespace std::chrono_literals;
using test::LoopRunner;

/// Says when its last copy is gone.
struct Witness {
    explicit Witness(std::promise<void>& gone) : gone_(gone) {}
    ~Witness() { gone_.set_value(); }
    Witness(const Witness&) = delete;
    Witness& operator=(const Witness&) = delete;

private:
    std::promise<void>& gone_;
};

bool happens(std::promise<void>& event) {
    return event.get_future().wait_for(10s) == std::future_status::ready;
}

TEST(Loop, RunsPostedTasksInOrderOnItsOwnThread) {
    const auto loop = Loop::with_thread();
    std::vector<int> order;
    std::promise<void> done;
    bool elsewhere = false;
    for (int i = 0; i < 100; ++i) {
        loop.post([&, i] {
            elsewhere = elsewhere || !loop.is_current();
            order.push_back(i);
            if (i == 99) done.set_value();
        });
    }
    ASSERT_TRUE(happens(done));
    EXPECT_FALSE(loop.is_current());
    EXPECT_FALSE(elsewhere);
    ASSERT_EQ(order.size(), 100U);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(Loop, NeverRunsATaskBeforePostReturns) {
    LoopRunner runner;
    std::vector<int> order;
    runner.loop().post([&] {
        runner.loop().post([&] { order.push_back(2); });
        order.push_back(1);
    });
    EXPECT_TRUE(order.empty());
    ASSERT_TRUE(runner.run_until([&] { return order.size() == 2; }));
    EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST(Loop, RunsWhatWasPostedBeforeItsEnd) {
    bool ran = false;
    {
        const auto loop = Loop::with_thread();
        loop.post([&ran] { ran = true; });
    } // joins
    EXPECT_TRUE(ran);
}

TEST(Loop, MayLoseItsLastCopyInsideAHandler) {
    std::promise<void> gone;
    {
        const auto loop = Loop::with_thread();
        std::promise<void> release;
        auto released = release.get_future().share();
        loop.post([loop, released, witness = std::make_shared<Witness>(gone)] { released.wait(); });
        release.set_value();
    }
    EXPECT_TRUE(happens(gone)); // and neither a deadlock nor a crash on the way
}

TEST(Loop, EndsItsThreadAfterALastCopyInsideATimer) {
    std::promise<void> gone;
    {
        const auto loop = Loop::with_thread();
        loop.post([loop, witness = std::make_shared<Witness>(gone)]() mutable {
            auto timer = std::make_shared<net::Timer>(loop);
            timer->start_after(0ms,
                               [timer, witness = std::move(witness)]() mutable { timer.reset(); });
        });
    }
    EXPECT_TRUE(happens(gone));
}

TEST(Loop, IsSharedByTheProcess) {
    EXPECT_EQ(&Loop::shared().state(), &Loop::shared().state());
    std::promise<void> ran;
    Loop::shared().post([&] { ran.set_value(); });
    EXPECT_TRUE(happens(ran));
}

TEST(Loop, MakesItsContextTheDefaultOfItsThread) {
    const auto loop = Loop::with_thread();
    std::promise<GMainContext*> seen;
    loop.post([&] { seen.set_value(g_main_context_get_thread_default()); });
    EXPECT_EQ(seen.get_future().get(), net::context_of(loop));
}

TEST(Loop, LeavesSignalsToTheApplication) {
    const auto loop = Loop::with_thread();
    std::promise<bool> blocked;
    loop.post([&] {
        sigset_t mask;
        pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        blocked.set_value(sigismember(&mask, SIGINT) == 1);
    });
    EXPECT_TRUE(blocked.get_future().get());
    sigset_t ours;
    pthread_sigmask(SIG_SETMASK, nullptr, &ours);
    EXPECT_EQ(sigismember(&ours, SIGINT), 0);
}

TEST(Loop, TakesPostsFromManyThreads) {
    LoopRunner runner;
    int count = 0;
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&runner, &count] {
            for (int j = 0; j < 250; ++j) runner.loop().post([&count] { ++count; });
        });
    }
    EXPECT_TRUE(runner.run_until([&] { return count == 1000; }));
    for (auto& thread : threads) thread.join();
}

TEST(ContextScope, MakesTheContextTheDefaultForAWhile) {
    const LoopRunner runner;
    auto* before = g_main_context_get_thread_default();
    GMainContext* context = g_main_context_new();
    {
        const auto loop = Loop::on(context);
        const net::ContextScope scope(loop);
        EXPECT_EQ(g_main_context_get_thread_default(), context);
    }
    EXPECT_EQ(g_main_context_get_thread_default(), before);
    g_main_context_unref(context);
}

TEST(Timer, FiresOnceAndNeverEarly) {
    LoopRunner runner;
    net::Timer timer(runner.loop());
    int fired = 0;
    TimePoint seen;
    // An odd number of nanoseconds: the loop counts in microseconds and must round up.
    const auto when = net::now() + std::chrono::nanoseconds(3'000'001);
    timer.start_at(when, [&] {
        ++fired;
        seen = net::now();
        EXPECT_FALSE(timer.running());
    });
    EXPECT_TRUE(timer.running());
    ASSERT_TRUE(runner.run_until([&] { return fired > 0; }));
    runner.run_pending();
    EXPECT_EQ(fired, 1);
    EXPECT_GE(seen, when);
}

TEST(Timer, FiresInTheOrderOfTime) {
    LoopRunner runner;
    std::vector<int> order;
    net::Timer later(runner.loop());
    net::Timer sooner(runner.loop());
    // Far apart: on a busy machine two that are close may be due by the same turn of the loop.
    later.start_after(1h, [&] { order.push_back(2); });
    sooner.start_after(2ms, [&] { order.push_back(1); });
    ASSERT_TRUE(runner.run_until([&] { return !order.empty(); }));
    EXPECT_EQ(order, (std::vector<int>{1}));
    EXPECT_TRUE(later.running());
}

TEST(Timer, InThePastFiresOnTheNextTurnAndNotBefore) {
    LoopRunner runner;
    for (const auto when : {TimePoint{}, TimePoint{} - 5s, net::now() - 1s}) {
        net::Timer timer(runner.loop());
        bool fired = false;
        timer.start_at(when, [&] { fired = true; });
        EXPECT_FALSE(fired);
        EXPECT_TRUE(runner.run_until([&] { return fired; }));
    }
}

TEST(Timer, RestartingReplaces) {
    LoopRunner runner;
    net::Timer timer(runner.loop());
    int first = 0;
    int second = 0;
    timer.start_after(0ms, [&] { ++first; });
    timer.start_after(1ms, [&] {
        if (++second < 3) timer.start_after(0ms, [&] { second = 3; }); // from inside, too
    });
    ASSERT_TRUE(runner.run_until([&] { return second == 3; }));
    EXPECT_EQ(first, 0);
}

TEST(Timer, StoppedOrDestroyedStaysSilent) {
    LoopRunner runner;
    bool fired = false;
    net::Timer stopped(runner.loop());
    stopped.start_after(0ms, [&] { fired = true; });
    stopped.stop();
    EXPECT_FALSE(stopped.running());
    {
        net::Timer destroyed(runner.loop());
        destroyed.start_after(0ms, [&] { fired = true; });
    }
    bool end = false;
    net::Timer last(runner.loop());
    last.start_after(1ms, [&] { end = true; });
    ASSERT_TRUE(runner.run_until([&] { return end; }));
    EXPECT_FALSE(fired);
}

TEST(Timer, MayBeDestroyedInItsHandler) {
    LoopRunner runner;
    auto timer = std::make_unique<net::Timer>(runner.loop());
    std::string text;
    timer->start_after(0ms, [&, copy = std::string("still here, although the timer is gone")] {
        timer.reset();
        text = copy;
    });
    ASSERT_TRUE(runner.run_until([&] { return !text.empty(); }));
    EXPECT_EQ(text, "still here, although the timer is gone");
}

class Pipe {
public:
    Pipe() { EXPECT_EQ(pipe(ends_.data()), 0); }
    ~Pipe() {
        close(ends_[0]);
        close(ends_[1]);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    [[nodiscard]] int reader() const { return ends_[0]; }
    void put() const { EXPECT_EQ(write(ends_[1], "x", 1), 1); }

private:
    std::array<int, 2> ends_{};
};

TEST(ReadWatch, CallsAsLongAsThereIsSomethingToRead) {
    LoopRunner runner;
    const Pipe pipe;
    int calls = 0;
    const net::ReadWatch watch(runner.loop(), pipe.reader(), [&] {
        char byte = 0;
        EXPECT_EQ(read(pipe.reader(), &byte, 1), 1);
        ++calls;
    });
    runner.run_pending();
    EXPECT_EQ(calls, 0);
    pipe.put();
    pipe.put();
    ASSERT_TRUE(runner.run_until([&] { return calls == 2; }));
    runner.run_pending();
    EXPECT_EQ(calls, 2);
}

TEST(ReadWatch, MayBeDestroyedInItsHandler) {
    LoopRunner runner;
    const Pipe pipe;
    int calls = 0;
    std::unique_ptr<net::ReadWatch> watch;
    watch = std::make_unique<net::ReadWatch>(runner.loop(), pipe.reader(),
                                             [&, text = std::string(40, 'x')] {
                                                 watch.reset();
                                                 calls += static_cast<int>(text.size());
                                             });
    pipe.put(); // never read: it would be called again
    ASSERT_TRUE(runner.run_until([&] { return calls > 0; }));
    runner.run_pending();
    EXPECT_EQ(calls, 40);
}

/// Work that nobody waits for, as a mapper has it when it takes back a mapping.
struct Work {
    explicit Work(bool& gone) : gone_(gone) {}
    ~Work() { gone_ = true; }
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;
    void finish() {
        done();
        still_there = true; // the object outlives the call that lets it go
    }
    std::function<void()> done;
    bool still_there = false;

private:
    bool& gone_;
};

TEST(KeepUntilDone, HoldsTheObjectUntilItSaysSo) {
    LoopRunner runner;
    bool gone = false;
    auto work = std::make_shared<Work>(gone);
    work->done = net::keep_until_done(runner.loop(), work);
    const std::weak_ptr<Work> weak = work;
    work.reset();
    runner.run_pending();
    ASSERT_FALSE(gone);
    weak.lock()->finish();
    EXPECT_TRUE(runner.run_until([&] { return gone; }));
}

TEST(KeepUntilDone, EndsWithTheLoop) {
    bool gone = false;
    {
        const auto loop = Loop::with_thread();
        std::promise<void> kept;
        loop.post([&] {
            const auto work = std::make_shared<Work>(gone);
            work->done = net::keep_until_done(loop, work);
            kept.set_value();
        });
        ASSERT_TRUE(happens(kept));
    }
    EXPECT_TRUE(gone);
}

TEST(Drain, WaitsForWhatIsKept) {
    LoopRunner runner;
    bool gone = false;
    bool drained = false;
    auto work = std::make_shared<Work>(gone);
    work->done = net::keep_until_done(runner.loop(), work);
    net::drain(runner.loop(), 1min, [&] {
        EXPECT_TRUE(gone);
        drained = true;
    });
    runner.run_pending();
    ASSERT_FALSE(drained);
    std::exchange(work, nullptr)->finish();
    EXPECT_TRUE(runner.run_until([&] { return drained; }));
}

TEST(Drain, IsDoneSoonWhenNothingIsKept) {
    LoopRunner runner;
    bool drained = false;
    net::drain(runner.loop(), 1min, [&] { drained = true; });
    EXPECT_FALSE(drained);
    EXPECT_TRUE(runner.run_until([&] { return drained; }));
}

TEST(Drain, GivesUpAtItsLimit) {
    LoopRunner runner;
    bool gone = false;
    bool drained = false;
    auto work = std::make_shared<Work>(gone);
    const auto done = net::keep_until_done(runner.loop(), std::exchange(work, nullptr));
    net::drain(runner.loop(), 2ms, [&] { drained = true; });
    EXPECT_TRUE(runner.run_until([&] { return drained; }));
    EXPECT_FALSE(gone);
    done();
    done(); // saying so twice is harmless
    EXPECT_TRUE(runner.run_until([&] { return gone; }));
}

} // namespace
} // namespace natterjack
