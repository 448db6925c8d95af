// SPDX-License-Identifier: MIT
#include "hook.hpp"

#include <algorithm>
#include <csignal>
#include <iostream>

#include <unistd.h>

namespace nat_map {

namespace {

// In the child: no allocation, no locks. A group of its own, so that its children end with it.
void prepare_child(gpointer /*nothing*/) {
    ::setpgid(0, 0);
    ::dup2(STDERR_FILENO, STDOUT_FILENO);
}

} // namespace

Hook::~Hook() {
    if (limit_source_ != 0) g_source_remove(limit_source_);
    if (end_source_ != 0) g_source_remove(end_source_);
    if (running_ != 0) g_spawn_close_pid(running_); // it goes on without us
}

void Hook::run(const std::string& port, Variables variables) {
    if (command_.empty()) return;
    const auto same = std::find_if(waiting_.begin(), waiting_.end(),
                                   [&](const auto& waiting) { return waiting.first == port; });
    if (same != waiting_.end()) {
        same->second = std::move(variables);
    } else {
        waiting_.emplace_back(port, std::move(variables));
    }
    start_next();
}

void Hook::when_idle(std::function<void()> done) {
    idle_ = std::move(done);
    if (running_ == 0) std::exchange(idle_, nullptr)();
}

void Hook::start_next() {
    if (running_ != 0 || waiting_.empty()) return;
    const auto variables = std::move(waiting_.front().second);
    waiting_.pop_front();
    gchar** environment = g_get_environ();
    for (const auto& variable : variables) {
        const auto equals = variable.find('=');
        environment = g_environ_setenv(environment, variable.substr(0, equals).c_str(),
                                       variable.substr(equals + 1).c_str(), TRUE);
    }
    std::string shell = "/bin/sh";
    std::string option = "-c";
    std::vector<gchar*> words{shell.data(), option.data(), command_.data(), nullptr};
    GError* error = nullptr;
    const bool started =
        g_spawn_async(nullptr, words.data(), environment, G_SPAWN_DO_NOT_REAP_CHILD, prepare_child,
                      nullptr, &running_, &error) != FALSE;
    g_strfreev(environment);
    if (!started) {
        std::cerr << "nat-map: cannot run the command: " << error->message << '\n';
        g_error_free(error);
        running_ = 0;
        return;
    }
    end_source_ = g_child_watch_add(running_, handle_end, this);
    limit_source_ = g_timeout_add_seconds(kLimitSeconds, handle_limit, this);
}

void Hook::handle_end(GPid pid, gint status, gpointer self) {
    auto& hook = *static_cast<Hook*>(self);
    g_spawn_close_pid(pid);
    hook.running_ = 0;
    hook.end_source_ = 0;
    if (hook.limit_source_ != 0) g_source_remove(hook.limit_source_);
    hook.limit_source_ = 0;
    if (GError* error = nullptr; g_spawn_check_wait_status(status, &error) == FALSE) {
        std::cerr << "nat-map: the command failed: " << error->message << '\n';
        g_error_free(error);
    }
    hook.start_next();
    if (hook.running_ == 0 && hook.idle_) std::exchange(hook.idle_, nullptr)();
}

gboolean Hook::handle_limit(gpointer self) {
    auto& hook = *static_cast<Hook*>(self);
    hook.limit_source_ = 0;
    std::cerr << "nat-map: the command is ended: it ran for more than " << kLimitSeconds
              << " seconds\n";
    ::kill(-hook.running_, SIGKILL);
    return G_SOURCE_REMOVE;
}

} // namespace nat_map
