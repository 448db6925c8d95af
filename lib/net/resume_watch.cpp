// SPDX-License-Identifier: MIT
#include "net/resume_watch.hpp"

#include <cerrno>
#include <cstdint>
#include <ctime>
#include <limits>
#include <utility>

#include <sys/timerfd.h>
#include <unistd.h>

#include "net/socket_address.hpp"

namespace natterjack::net {

namespace {

// A shorter sleep leaves no mark on any lease; the two clocks are not read at one instant.
constexpr Duration kShortest{1000};

std::chrono::nanoseconds read(clockid_t clock) {
    timespec out{};
    clock_gettime(clock, &out);
    return std::chrono::seconds(out.tv_sec) + std::chrono::nanoseconds(out.tv_nsec);
}

} // namespace

Duration time_asleep() {
    return std::chrono::duration_cast<Duration>(read(CLOCK_BOOTTIME) - read(CLOCK_MONOTONIC));
}

Result<std::unique_ptr<ResumeWatch>> ResumeWatch::open(const Loop& loop,
                                                       std::function<void()> handler,
                                                       std::function<Duration()> asleep) {
    Fd fd(::timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC));
    if (fd.get() < 0) return network_error("watching for the host's sleep", errno);
    std::unique_ptr<ResumeWatch> watch(
        new ResumeWatch(loop, std::move(fd), std::move(handler), std::move(asleep)));
    if (!watch->arm()) return network_error("watching for the host's sleep", errno);
    return watch;
}

ResumeWatch::ResumeWatch(const Loop& loop, Fd fd, std::function<void()> handler,
                         std::function<Duration()> asleep)
    : fd_(std::move(fd)),
      handler_(std::move(handler)),
      asleep_(std::move(asleep)),
      slept_(asleep_()),
      watch_(loop, fd_.get(), [this] {
          std::uint64_t expirations = 0;
          // Fails with ECANCELED: that is the news.
          static_cast<void>(::read(fd_.get(), &expirations, sizeof expirations));
          static_cast<void>(arm());
          handle_clock_change();
      }) {
}

// Never expires: it is there to be cancelled.
bool ResumeWatch::arm() {
    itimerspec never{};
    never.it_value.tv_sec = std::numeric_limits<std::int32_t>::max();
    return ::timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never,
                             nullptr) == 0 ||
           errno == ECANCELED;
}

void ResumeWatch::handle_clock_change() {
    const auto before = std::exchange(slept_, asleep_());
    if (slept_ - before < kShortest) return;
    const auto call = handler_; // it may destroy this
    call();
}

} // namespace natterjack::net
