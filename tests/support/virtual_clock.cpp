// SPDX-License-Identifier: MIT
#include "support/virtual_clock.hpp"

#include <optional>

#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h> // NOLINT(modernize-deprecated-headers): clock_gettime() is POSIX
#include <unistd.h>

namespace {

// The simulator's clock starts at an hour; 2020 keeps the seconds where libraries expect them.
constexpr std::chrono::seconds kEpoch{1577836800};

std::optional<std::chrono::nanoseconds> wall_clock; // NOLINT(*non-const*): set by the test

timespec read_clock(clockid_t clock) {
    timespec out{};
    if (clock == CLOCK_REALTIME && wall_clock) {
        const auto seconds = std::chrono::floor<std::chrono::seconds>(*wall_clock);
        out.tv_sec = seconds.count();
        out.tv_nsec = (*wall_clock - seconds).count();
    } else {
        syscall(SYS_clock_gettime, clock, &out);
    }
    return out;
}

} // namespace

namespace natterjack::test {

void set_wall_clock(TimePoint now) {
    wall_clock = kEpoch + now.time_since_epoch();
}
void release_wall_clock() {
    wall_clock.reset();
}

} // namespace natterjack::test

extern "C" {

// The C library's declarations mark the pointers nonnull and the functions nothrow.
int clock_gettime(clockid_t clock, struct timespec* out) noexcept {
    *out = read_clock(clock);
    return 0;
}

int gettimeofday(struct timeval* out, void* /*zone*/) noexcept {
    const auto now = read_clock(CLOCK_REALTIME);
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}
}
