// SPDX-License-Identifier: MIT
#include "runner.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <optional>

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exit_status.hpp"
#include "lab.hpp"
#include "labelled_output.hpp"
#include "namespaces.hpp"

namespace natterjack::lab {

namespace {

/// How long commands may go on after a signal to end.
constexpr auto kGrace = std::chrono::seconds(10);

struct Signal {
    int number;
    /// Of a key such as Ctrl-C: the terminal sends it to our commands as well.
    bool from_terminal;

    /// True when the commands hear of it through us only.
    [[nodiscard]] bool is_for_commands() const { return number != SIGCHLD && !from_terminal; }
};

/// Signals that we receive by file descriptor: those that end a program, and our children's end.
class SignalQueue {
public:
    SignalQueue() {
        sigset_t wanted;
        sigemptyset(&wanted);
        for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD}) {
            sigaddset(&wanted, number);
        }
        ::sigprocmask(SIG_BLOCK, &wanted, nullptr);
        queue_ = UniqueFd(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
    }

    [[nodiscard]] int fd() const { return queue_.get(); }

    [[nodiscard]] std::optional<Signal> next() const {
        signalfd_siginfo info{};
        if (::read(queue_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) {
            return std::nullopt;
        }
        return Signal{static_cast<int>(info.ssi_signo), info.ssi_code == SI_KERNEL};
    }

private:
    UniqueFd queue_;
};

/// A pipe from a command, and what has come through it.
struct Stream {
    UniqueFd pipe;
    int target; ///< Our own descriptor on which it goes on.
    LabelledOutput lines;
};

struct Running {
    pid_t pid = -1;
    std::optional<int> status;
};

void write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const auto written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno != EINTR) return;
        if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
    }
}

/// Passes on what the pipe holds, as much as fits in it; closes it at its end.
void drain(Stream& stream) {
    std::array<char, 65536> buffer{}; // a pipe's capacity
    const auto got = ::read(stream.pipe.get(), buffer.data(), buffer.size());
    if (got > 0) {
        write_all(stream.target, stream.lines.add({buffer.data(), static_cast<std::size_t>(got)}));
    }
    if (got == 0) stream.pipe.reset();
}

/// The commands of one lab, from start to end. Lives in the sandbox's first process.
class Supervisor {
public:
    Supervisor(Lab& lab, UniqueFd lifeline, ControlSocket control, bool labelled)
        : lab_(lab),
          lifeline_(std::move(lifeline)),
          control_(std::move(control)),
          labelled_(labelled) {}

    Result<void> start(const NodeCommand& command) {
        ChildOptions options;
        UniqueFd nothing;
        std::array<UniqueFd, 2> writers;
        if (labelled_) {
            nothing = memory_file("");
            options.input = nothing.get();
            writers = {open_stream(command.node, STDOUT_FILENO),
                       open_stream(command.node, STDERR_FILENO)};
            options.output = writers[0].get();
            options.error = writers[1].get();
        }
        const auto pid = lab_.start(command.node, command.command, options);
        if (!pid) return pid.error();
        running_.push_back({*pid, std::nullopt});
        return {};
    }

    /// The signal that asked us to end before there was any command; nothing if none did.
    [[nodiscard]] std::optional<int> early_end() const {
        while (const auto signal = signals_.next()) {
            if (signal->number != SIGCHLD) return signal->number;
        }
        return std::nullopt;
    }

    /// Until all commands have ended. Returns the exit status of the whole.
    int wait() {
        const auto alive = [](const Running& one) { return !one.status; };
        while (std::any_of(running_.begin(), running_.end(), alive)) {
            if (!wait_for_event()) return 128 + SIGTERM;
        }
        for (auto& stream : streams_) {
            if (stream.pipe) drain(stream);
            write_all(stream.target, stream.lines.finish());
        }
        const auto failed = std::find_if(running_.begin(), running_.end(),
                                         [](const Running& one) { return *one.status != 0; });
        return failed == running_.end() ? 0 : *failed->status;
    }

private:
    UniqueFd open_stream(const std::string& node, int target) {
        std::array<int, 2> ends{-1, -1};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) return {};
        ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
        streams_.push_back({UniqueFd(ends[0]), target, LabelledOutput(node)});
        return UniqueFd(ends[1]);
    }

    /// False: the starter is gone, or the grace after a signal is over.
    bool wait_for_event() {
        std::vector<pollfd> waits{
            {signals_.fd(), POLLIN, 0}, {lifeline_.get(), POLLIN, 0}, {control_.fd(), POLLIN, 0}};
        const auto others = waits.size();
        for (const auto& stream : streams_) waits.push_back({stream.pipe.get(), POLLIN, 0});
        ::poll(waits.data(), waits.size(), patience());
        if (waits[1].revents != 0) return false;
        if (end_ && std::chrono::steady_clock::now() >= *end_) return false;
        while (const auto signal = signals_.next()) {
            if (signal->number == SIGCHLD) reap();
            if (signal->is_for_commands()) pass_on(signal->number);
        }
        for (std::size_t i = 0; i < streams_.size(); ++i) {
            if (waits[i + others].revents != 0) drain(streams_[i]);
        }
        if (waits[2].revents != 0) {
            control_.serve([this](const Words& words) { return lab_.change(words); });
        }
        return true;
    }

    /// Milliseconds that poll() may wait; -1: as long as it takes.
    [[nodiscard]] int patience() const {
        if (!end_) return -1;
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(*end_ - std::chrono::steady_clock::now());
        return std::max(0, static_cast<int>(left.count()));
    }

    void pass_on(int number) {
        if (!end_) end_ = std::chrono::steady_clock::now() + kGrace;
        for (const auto& one : running_) {
            if (!one.status) ::kill(one.pid, number);
        }
    }

    /// Collects all that have ended: commands, servers, and orphans, whose parent we are as PID 1.
    void reap() {
        int status = 0;
        for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
            const auto one = std::find_if(running_.begin(), running_.end(),
                                          [&](const Running& r) { return r.pid == pid; });
            if (one != running_.end()) one->status = exit_status(status);
            if (const auto server = lab_.server_name(pid); !server.empty()) {
                std::cerr << "nat-lab: " << server << " ended with status " << exit_status(status)
                          << " while the lab was running" << std::endl;
            }
        }
    }

    Lab& lab_;
    UniqueFd lifeline_;
    ControlSocket control_;
    bool labelled_;
    SignalQueue signals_;
    std::vector<Running> running_;
    std::vector<Stream> streams_;
    std::optional<std::chrono::steady_clock::time_point> end_; ///< Once we were asked to end.
};

int fail(const Error& error) {
    std::cerr << "nat-lab: " << error.message << std::endl;
    switch (error.code) {
    case Errc::Unsupported:
        std::cerr << "nat-lab: 'nat-lab doctor' tells what this machine lacks\n";
        return kExitUnavailable;
    case Errc::NotFound:
    case Errc::Timeout: return kExitUnavailable;
    default: return kExitInternal;
    }
}

/// The sandbox's first process.
int run_inside(const RunRequest& request, Plan plan, SandboxInit init, LabOptions options) {
    const auto settled = settle(init);
    if (!settled) return fail(settled.error());
    UniqueFd logs;
    if (options.logs < 0) {
        options.log_path = std::string(kStateDirectory) + "/log";
        std::filesystem::create_directory(options.log_path);
        logs = UniqueFd(::open(options.log_path.c_str(), O_DIRECTORY | O_CLOEXEC));
        options.logs = logs.get();
    }
    Lab lab(std::move(plan), options);
    const auto built = lab.build();
    if (!built) return fail(built.error());

    auto control = ControlSocket::open();
    if (!control) return fail(control.error());

    Supervisor supervisor(lab, std::move(init.lifeline), *std::move(control), request.labelled);
    if (const auto number = supervisor.early_end()) return 128 + *number;
    for (const auto& command : request.commands) {
        const auto started = supervisor.start(command);
        if (!started) return fail(started.error());
    }
    return supervisor.wait();
}

/// Waits for the sandbox; passes signals that are meant for the commands into it.
int wait_outside(const SignalQueue& signals, const Sandbox& sandbox) {
    pollfd wait{signals.fd(), POLLIN, 0};
    for (;;) {
        int status = 0;
        if (::waitpid(sandbox.init, &status, WNOHANG) == sandbox.init) {
            if (WIFEXITED(status)) return WEXITSTATUS(status);
            std::cerr << "nat-lab: the lab was killed by signal " << WTERMSIG(status) << std::endl;
            return kExitInternal;
        }
        ::poll(&wait, 1, -1);
        while (const auto signal = signals.next()) {
            if (signal->is_for_commands()) ::kill(sandbox.init, signal->number);
        }
    }
}

} // namespace

int run(const RunRequest& request) {
    auto plan = plan_lab(request.sites, request.servers);
    for (const auto& command : request.commands) {
        if (plan.find(command.node)) continue;
        std::string message = "this lab has no node '" + command.node + "'; nodes are";
        for (const auto& node : plan.nodes) message += " " + node.name;
        std::cerr << "nat-lab: " << message << std::endl;
        return kExitUsage;
    }
    const auto programs = check_programs(plan);
    if (!programs) return fail(programs.error());

    LabOptions options;
    options.seed = request.seed;
    options.verbose = request.verbose;
    UniqueFd logs;
    if (!request.log_directory.empty()) {
        std::error_code error;
        std::filesystem::create_directories(request.log_directory, error);
        logs = UniqueFd(::open(request.log_directory.c_str(), O_DIRECTORY | O_CLOEXEC));
        if (!logs) {
            std::cerr << "nat-lab: cannot open the directory " << request.log_directory << ": "
                      << errno_text(errno) << std::endl;
            return kExitUsage;
        }
        options.logs = logs.get();
        options.log_path = std::filesystem::absolute(request.log_directory);
    }

    const SignalQueue signals; // before the start: no signal may fall between
    const auto sandbox = start_sandbox([&](SandboxInit init) {
        return run_inside(request, std::move(plan), std::move(init), options);
    });
    if (!sandbox) return fail(sandbox.error());
    return wait_outside(signals, *sandbox);
}

} // namespace natterjack::lab
