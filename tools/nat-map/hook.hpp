// SPDX-License-Identifier: MIT
/// \file
/// \brief Runs the user's command at each change of a port.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <glib.h>

namespace nat_map {

/// "NAME=value" each.
using Variables = std::vector<std::string>;

/// Runs a shell command once for each event, one after the other. Belongs to the loop's thread.
///
/// A command that is still running when the next events come does not lose them, but of one port
/// only the last one counts. Its output goes to stderr, for stdout is ours.
class Hook {
public:
    /// A command that runs longer is ended.
    static constexpr guint kLimitSeconds = 60;

    /// \a command: for `sh -c`; empty: there is nothing to run.
    explicit Hook(std::string command) : command_(std::move(command)) {}
    ~Hook();
    Hook(const Hook&) = delete;
    Hook& operator=(const Hook&) = delete;

    /// \a port: whose event it is.
    void run(const std::string& port, Variables variables);
    /// Calls \a done when nothing runs or waits any more.
    void when_idle(std::function<void()> done);

private:
    void start_next();
    static void handle_end(GPid pid, gint status, gpointer self);
    static gboolean handle_limit(gpointer self);

    std::string command_;
    std::deque<std::pair<std::string, Variables>> waiting_;
    GPid running_ = 0;
    guint end_source_ = 0;
    guint limit_source_ = 0;
    std::function<void()> idle_;
};

} // namespace nat_map
