// SPDX-License-Identifier: MIT
#include "runner.hpp"

#include <csignal>
#include <iostream>

#include <fcntl.h>
#include <unistd.h>

#include <glib-unix.h>
#include <glib.h>

namespace tool_support {

namespace {

constexpr std::chrono::milliseconds kQuitLimit{9000}; // each removal has its own deadline
constexpr guint kPatienceMs = 1000;
constexpr const char* kClearLine = "\r\x1b[K";

// Whoever starts us by nohup(1) wants us to outlive the terminal.
bool survives_hangup() {
    struct sigaction now {};
    return sigaction(SIGHUP, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

/// Where a standard stream is closed, a socket would get its number, and what is printed with it.
void keep_standard_numbers() {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(fd, F_GETFD) == -1)
            ::open("/dev/null", O_RDONLY | O_CLOEXEC); // the lowest free
    }
}

natterjack::Loop make_loop() {
    keep_standard_numbers(); // the loop has descriptors of its own
    return natterjack::Loop::on(nullptr);
}

} // namespace

Runner::Runner() : loop_(make_loop()), main_loop_(g_main_loop_new(nullptr, FALSE)) {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        if (signal == SIGHUP && survives_hangup()) continue;
        g_unix_signal_add(signal, handle_signal, this);
    }
}

Runner::~Runner() {
    hush();
    g_main_loop_unref(main_loop_);
}

gboolean Runner::handle_signal(gpointer self) {
    auto* runner = static_cast<Runner*>(self);
    runner->hush();
    if (runner->interrupt_) runner->interrupt_();
    return G_SOURCE_CONTINUE;
}

void Runner::announce(std::string text) {
    if (isatty(STDERR_FILENO) == 0) return;
    announcement_ = std::move(text);
    if (announced_) {
        std::cerr << kClearLine;
        show_announcement(this);
    } else if (announcement_source_ == 0) {
        announcement_source_ = g_timeout_add(kPatienceMs, show_announcement, this);
    }
}

gboolean Runner::show_announcement(gpointer self) {
    auto* runner = static_cast<Runner*>(self);
    runner->announcement_source_ = 0;
    runner->announced_ = true;
    std::cerr << runner->announcement_ << " ..." << std::flush;
    return G_SOURCE_REMOVE;
}

void Runner::hush() {
    if (announcement_source_ != 0) g_source_remove(announcement_source_);
    announcement_source_ = 0;
    if (announced_) std::cerr << kClearLine << std::flush;
    announced_ = false;
}

int Runner::run() {
    g_main_loop_run(main_loop_);
    return exit_code_;
}

void Runner::quit(int exit_code) {
    hush();
    exit_code_ = exit_code;
    loop_.when_settled(kQuitLimit, [this] { g_main_loop_quit(main_loop_); });
}

} // namespace tool_support
