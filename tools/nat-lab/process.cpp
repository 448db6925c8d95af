// SPDX-License-Identifier: MIT
#include "process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <system_error>

#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace natterjack::lab {

namespace {

bool is_program(const std::string& path) {
    return ::access(path.c_str(), X_OK) == 0;
}

/// In the child: takes up what \a options ask for. False: it could not.
bool set_up(const ChildOptions& options) {
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (options.detached && ::setsid() < 0) return false;
    if (options.dies_with_us) ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (options.network >= 0 && ::setns(options.network, CLONE_NEWNET) != 0) return false;
    const std::array<std::pair<int, int>, 3> streams{{{options.input, STDIN_FILENO},
                                                      {options.output, STDOUT_FILENO},
                                                      {options.error, STDERR_FILENO}}};
    return std::all_of(streams.begin(), streams.end(), [](const auto& stream) {
        return stream.first < 0 || ::dup2(stream.first, stream.second) >= 0;
    });
}

} // namespace

std::string errno_text(int number) {
    return std::generic_category().message(number);
}

std::optional<std::string> find_program(std::string_view program) {
    if (program.find('/') != std::string_view::npos) {
        if (!is_program(std::string(program))) return std::nullopt;
        return std::string(program);
    }
    const auto* path = std::getenv("PATH"); // NOLINT(concurrency-mt-unsafe): one thread
    std::string_view rest = path ? path : "";
    while (!rest.empty()) {
        const auto colon = rest.find(':');
        const auto candidate = std::string(rest.substr(0, colon)) + "/" + std::string(program);
        if (is_program(candidate)) return candidate;
        if (colon == std::string_view::npos) break;
        rest.remove_prefix(colon + 1);
    }
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
    for (const auto& directory :
         {std::filesystem::path("/usr/local/sbin"), std::filesystem::path("/usr/sbin"),
          std::filesystem::path("/sbin"), self, self.parent_path() / "libexec" / "natterjack"}) {
        const auto candidate = directory / program;
        if (is_program(candidate)) return candidate;
    }
    return std::nullopt;
}

Result<pid_t> start_function(const std::function<int()>& body, const ChildOptions& options) {
    std::cout.flush();
    std::cerr.flush();
    const auto pid = ::fork();
    if (pid < 0) {
        return Error{Errc::Network, "cannot start a process: " + errno_text(errno), errno};
    }
    if (pid > 0) return pid;
    if (!set_up(options)) {
        std::cerr << "nat-lab: cannot enter the node: " << errno_text(errno) << std::endl;
        ::_exit(126);
    }
    const int status = body();
    std::cout.flush();
    ::_exit(status);
}

Result<pid_t> start_command(const std::vector<std::string>& command, const ChildOptions& options) {
    return start_function([&] { return replace_process(command, options.environment); }, options);
}

int replace_process(const std::vector<std::string>& command, const Environment& environment) {
    for (const auto& [name, value] : environment) {
        ::setenv(name.c_str(), value.c_str(), 1); // NOLINT(concurrency-mt-unsafe): one thread
    }
    const auto program = find_program(command.front());
    if (!program) {
        std::cerr << "nat-lab: " << command.front() << ": command not found" << std::endl;
        return 127;
    }
    std::vector<char*> arguments;
    arguments.reserve(command.size() + 1);
    for (const auto& word : command) {
        arguments.push_back(const_cast<char*>(word.c_str())); // NOLINT(*const-cast): execv's type
    }
    arguments.push_back(nullptr);
    ::execv(program->c_str(), arguments.data());
    std::cerr << "nat-lab: " << *program << ": " << errno_text(errno) << std::endl;
    return 126;
}

int exit_status(int wait_status) noexcept {
    if (WIFEXITED(wait_status)) return WEXITSTATUS(wait_status);
    return 128 + WTERMSIG(wait_status);
}

int wait_for(pid_t pid) noexcept {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) return 127;
    }
    return exit_status(status);
}

UniqueFd memory_file(std::string_view text) {
    UniqueFd file(::memfd_create("nat-lab", MFD_CLOEXEC));
    while (file && !text.empty()) {
        const auto written = ::write(file.get(), text.data(), text.size());
        if (written <= 0) return {};
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (file) ::lseek(file.get(), 0, SEEK_SET);
    return file;
}

std::string read_tail(int fd, std::size_t limit) {
    const auto size = ::lseek(fd, 0, SEEK_END);
    if (size <= 0) return {};
    const auto wanted = std::min(limit, static_cast<std::size_t>(size));
    std::string text(wanted, '\0');
    const auto got = ::pread(fd, text.data(), wanted, size - static_cast<off_t>(wanted));
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
}

} // namespace natterjack::lab
