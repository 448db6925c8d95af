// SPDX-License-Identifier: MIT
/// \file
/// \brief `nat-map keep`, once the ports are open: tells everybody what happens to them.
#pragma once

#include <map>
#include <string>

#include <glib.h>

#include "hook.hpp"
#include "options.hpp"
#include "output.hpp"

namespace nat_map {

/// What a command of --exec finds in its environment. See nat-map(1).
[[nodiscard]] Variables variables_of(const std::string& event, const natterjack::OpeningInfo& info);

/// Events go to stdout, to the command of --exec and to the service manager; on a terminal a line
/// on stderr says how things stand. Belongs to the loop's thread.
class Keeper {
public:
    explicit Keeper(const Options& options);
    ~Keeper();
    Keeper(const Keeper&) = delete;
    Keeper& operator=(const Keeper&) = delete;

    /// \a event: "opened", "moved", "lost" or "closed". \a port: as Port::name.
    void tell(const std::string& event, const std::string& port,
              const natterjack::OpeningInfo& info);
    /// All are open.
    void ready();
    void stopping();
    /// Calls \a done when no command runs any more.
    void when_idle(std::function<void()> done) { hook_.when_idle(std::move(done)); }

private:
    [[nodiscard]] std::string summary() const;
    void show();
    void hide();
    static gboolean handle_tick(gpointer self);

    const Options& options_;
    Hook hook_;
    std::map<std::string, std::string> states_; // by port
    bool on_terminal_;
    bool shown_ = false;
    guint ticks_ = 0; // the source of
    gint64 since_ = 0;
};

} // namespace nat_map
