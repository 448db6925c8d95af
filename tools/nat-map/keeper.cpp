// SPDX-License-Identifier: MIT
#include "keeper.hpp"

#include <iomanip>
#include <iostream>
#include <sstream>

#include <unistd.h>

#include "service_manager.hpp"

namespace nat_map {

namespace {

std::string text(std::string_view view) {
    return std::string(view);
}

std::string duration_text(gint64 seconds) {
    std::ostringstream out;
    out << seconds / 3600 << ':' << std::setfill('0') << std::setw(2) << seconds / 60 % 60 << ':'
        << std::setw(2) << seconds % 60;
    return out.str();
}

gint64 seconds_now() {
    return g_get_monotonic_time() / G_USEC_PER_SEC;
}

} // namespace

Variables variables_of(const std::string& event, const natterjack::OpeningInfo& info) {
    return {"NAT_MAP_EVENT=" + event,
            "NAT_MAP_PROTOCOL=" + text(to_string(info.transport)),
            "NAT_MAP_EXTERNAL=" + info.external.to_string(),
            "NAT_MAP_EXTERNAL_ADDRESS=" + info.external.address.to_string(),
            "NAT_MAP_EXTERNAL_PORT=" + std::to_string(info.external.port),
            "NAT_MAP_INTERNAL=" + info.internal.to_string(),
            "NAT_MAP_INTERNAL_ADDRESS=" + info.internal.address.to_string(),
            "NAT_MAP_INTERNAL_PORT=" + std::to_string(info.internal.port),
            "NAT_MAP_STRATEGY=" + text(to_string(info.strategy)),
            "NAT_MAP_REACH=" + text(to_string(info.reach)),
            "NAT_MAP_PROOF=" + text(to_string(info.proof)),
            "NAT_MAP_GATEWAY=" + info.gateway.to_string(),
            "NAT_MAP_LIFETIME=" + std::to_string(info.lifetime.count())};
}

Keeper::Keeper(const Options& options)
    : options_(options),
      hook_(options.command_to_run),
      on_terminal_(isatty(STDERR_FILENO) != 0 && !options.json) {
}

Keeper::~Keeper() {
    hide();
    if (ticks_ != 0) g_source_remove(ticks_);
}

void Keeper::tell(const std::string& event, const std::string& port,
                  const natterjack::OpeningInfo& info) {
    hide();
    Report line(options_);
    line.add(info);
    line.print_event(event);
    hook_.run(port, variables_of(event, info));
    for (const auto& other : info.also) {
        hook_.run(port + " " + other.external.to_string(), variables_of(event, other));
    }
    if (event == "closed") return; // and so will the others be
    states_[port] = event == "lost" ? "lost" : info.external.to_string();
    if (ticks_ == 0) return; // not ready() yet
    tell_service_manager("STATUS=" + summary());
    show();
}

void Keeper::ready() {
    since_ = seconds_now();
    tell_service_manager("READY=1\nSTATUS=" + summary());
    ticks_ = g_timeout_add_seconds(on_terminal_ ? 1 : 3600, handle_tick, this);
    show();
}

void Keeper::stopping() {
    hide();
    tell_service_manager("STOPPING=1");
    on_terminal_ = false;
}

std::string Keeper::summary() const {
    std::string out;
    for (const auto& [port, state] : states_) {
        if (!out.empty()) out += ", ";
        out += port;
        out += " " + state;
    }
    return out;
}

void Keeper::show() {
    if (!on_terminal_) return;
    constexpr std::size_t kWidth = 60; // a line that wraps cannot be taken away again
    auto line = summary();
    if (line.size() > kWidth) line = std::to_string(states_.size()) + " ports";
    std::cerr << "\r\x1b[K" << line << "  kept for " << duration_text(seconds_now() - since_)
              << std::flush;
    shown_ = true;
}

void Keeper::hide() {
    if (std::exchange(shown_, false)) std::cerr << "\r\x1b[K" << std::flush;
}

gboolean Keeper::handle_tick(gpointer self) {
    static_cast<Keeper*>(self)->show();
    return G_SOURCE_CONTINUE;
}

} // namespace nat_map
