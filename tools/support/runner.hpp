// SPDX-License-Identifier: MIT
/// \file
/// \brief Runs one command on the main thread: the loop, Ctrl-C, and a word when it takes long.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <glib.h>

#include <natterjack/loop.hpp>

namespace tool_support {

/// Iterates GLib's default context until quit(). One a process.
class Runner {
public:
    Runner();
    ~Runner();
    Runner(const Runner&) = delete;
    Runner& operator=(const Runner&) = delete;

    [[nodiscard]] const natterjack::Loop& loop() const { return loop_; }

    /// Called on SIGINT, SIGTERM and SIGHUP (unless that is ignored, as by nohup), each time.
    void on_interrupt(std::function<void()> handler) { interrupt_ = std::move(handler); }
    /// On a terminal, shows \a text on stderr while the command takes longer than a second.
    void announce(std::string text);
    /// Takes the announcement away.
    void hush();

    /// Returns what quit() was given.
    int run();
    /// Ends run() once no removal of a mapping is under way any more, at most nine seconds later:
    /// a gateway that is silent is given up after two, one that refuses may take longer.
    void quit(int exit_code);

private:
    static gboolean handle_signal(gpointer self);
    static gboolean show_announcement(gpointer self);

    natterjack::Loop loop_;
    GMainLoop* main_loop_;
    std::function<void()> interrupt_;
    std::string announcement_;
    guint announcement_source_ = 0;
    bool announced_ = false;
    int exit_code_ = 0;
};

} // namespace tool_support
