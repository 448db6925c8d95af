// SPDX-License-Identifier: MIT
#include "trials.hpp"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <iostream>

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process.hpp"

namespace natterjack::lab {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxOutput = 65536;

struct Running {
    std::size_t index = 0;
    pid_t pid = -1;
    UniqueFd handle; ///< Readable once it has ended.
    UniqueFd output;
    UniqueFd errors;
    Clock::time_point start;
};

Result<Running> start(std::size_t index, const std::string& self,
                      const std::vector<std::string>& arguments) {
    Running run;
    run.index = index;
    run.output = memory_file("");
    run.errors = memory_file("");
    run.start = Clock::now();
    const auto nothing = memory_file("");
    ChildOptions options;
    options.input = nothing.get();
    options.output = run.output.get();
    options.error = run.errors.get();
    options.dies_with_us = true;
    std::vector<std::string> command{self};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const auto pid = start_command(command, options);
    if (!pid) return pid.error();
    run.pid = *pid;
    run.handle = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)));
    return run;
}

} // namespace

std::function<void(std::size_t)> progress_counter(std::size_t total) {
    if (::isatty(STDERR_FILENO) == 0) return nullptr;
    return [total, finished = std::size_t{0}](std::size_t) mutable {
        std::cerr << "\r" << ++finished << "/" << total << std::flush;
        if (finished == total) std::cerr << "\r" << std::flush;
    };
}

Result<std::vector<TrialOutcome>> run_trials(const std::vector<std::vector<std::string>>& arguments,
                                             const TrialOptions& options) {
    std::error_code error;
    const std::string self = std::filesystem::read_symlink("/proc/self/exe", error);
    std::vector<TrialOutcome> outcomes(arguments.size());
    std::vector<Running> running;
    for (std::size_t next = 0; next < arguments.size() || !running.empty();) {
        while (next < arguments.size() && running.size() < std::max(options.jobs, 1U)) {
            auto run = start(next, self, arguments[next]);
            if (!run) return run.error();
            running.push_back(*std::move(run));
            ++next;
        }
        std::vector<pollfd> waits;
        auto first = Clock::time_point::max();
        for (const auto& run : running) {
            waits.push_back({run.handle.get(), POLLIN, 0});
            first = std::min(first, run.start + options.timeout);
        }
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(first - Clock::now());
        ::poll(waits.data(), waits.size(),
               static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
        for (std::size_t i = running.size(); i-- > 0;) {
            auto& run = running[i];
            const bool late = Clock::now() >= run.start + options.timeout;
            if (waits[i].revents == 0 && !late) continue;
            auto& outcome = outcomes[run.index];
            outcome.timed_out = waits[i].revents == 0;
            if (outcome.timed_out) ::kill(run.pid, SIGKILL);
            outcome.status = wait_for(run.pid);
            outcome.time =
                std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - run.start);
            outcome.output = read_tail(run.output.get(), kMaxOutput);
            outcome.errors = read_tail(run.errors.get(), kMaxOutput);
            const auto index = run.index;
            running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
            if (options.done) options.done(index);
        }
    }
    return outcomes;
}

} // namespace natterjack::lab
