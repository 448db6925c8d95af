// SPDX-License-Identifier: MIT
#include "child.hpp"

#include <array>
#include <csignal>
#include <fstream>
#include <utility>
#include <vector>

#include <sys/wait.h>

#include <glib.h>

namespace nat_connect {

using natterjack::Errc;
using natterjack::Error;
using natterjack::Result;

namespace {

constexpr std::size_t kMaxProcesses = 1000;

/// What a terminal does when it goes: SIGHUP to the shell and to all that it runs. The shell first,
/// so that it does not go on with the next command.
void hang_up(pid_t shell) {
    std::vector<pid_t> all{shell};
    for (std::size_t i = 0; i < all.size() && all.size() < kMaxProcesses; ++i) {
        const auto name = std::to_string(all[i]);
        std::ifstream children(std::string("/proc/").append(name).append("/task/").append(name) +
                               "/children");
        for (pid_t child = 0; children >> child;) all.push_back(child);
    }
    for (const pid_t pid : all) kill(pid, SIGHUP);
}

} // namespace

Result<std::unique_ptr<Child>> Child::start(const std::string& command,
                                            std::function<void(int status)> on_exit) {
    std::string shell = "/bin/sh";
    std::string option = "-c";
    std::string copy = command;
    std::array<char*, 4> arguments = {shell.data(), option.data(), copy.data(), nullptr};
    GError* error = nullptr;
    GPid pid = 0;
    int input = -1;
    int output = -1;
    // GLib resets SIGPIPE, which we ignore, to its default for the child.
    if (g_spawn_async_with_pipes(
            nullptr, arguments.data(), nullptr,
            static_cast<GSpawnFlags>(G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_CLOEXEC_PIPES), nullptr,
            nullptr, &pid, &input, &output, nullptr, &error) == 0) {
        Error failure{Errc::Network, "cannot run \"" + command + "\": " + error->message};
        g_error_free(error);
        return failure;
    }
    std::unique_ptr<Child> child(new Child);
    child->pid_ = pid;
    child->input_ = Fd(input);
    child->output_ = Fd(output);
    set_nonblocking(input);
    set_nonblocking(output);
    child->on_exit_ = std::move(on_exit);
    child->watch_ = g_child_watch_add(pid, handle_exit, child.get());
    return child;
}

Child::~Child() {
    if (pid_ == 0) return;
    g_source_remove(watch_);
    hang_up(pid_);
}

void Child::handle_exit(pid_t pid, int wait_status, void* self) {
    auto* child = static_cast<Child*>(self);
    g_spawn_close_pid(pid);
    child->pid_ = 0;
    const auto on_exit = child->on_exit_; // NOLINT(performance-*): may destroy the child
    on_exit(WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status));
}

} // namespace nat_connect
