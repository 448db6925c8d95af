// SPDX-License-Identifier: MIT
#include "report.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <utility>

namespace nat_connect {

namespace {

using natterjack::CandidateKind;
using natterjack::PathKind;
using natterjack::PeerInfo;
using natterjack::PeerPath;
using natterjack::PeerTimings;
using nlohmann::ordered_json;

std::string text(std::string_view view) {
    return std::string(view);
}

/// Each step by its name, in the order in which they usually come.
std::array<std::pair<const char*, PeerTimings::Moment>, 7> steps(const PeerTimings& timings) {
    return {{{"described", timings.described},
             {"answered", timings.answered},
             {"gathered", timings.gathered},
             {"mapped", timings.mapped},
             {"path", timings.path},
             {"secured", timings.secured},
             {"connected", timings.connected}}};
}

double milliseconds(std::chrono::nanoseconds time) {
    return std::chrono::duration<double, std::milli>(time).count();
}

std::string in_milliseconds(std::chrono::nanoseconds time) {
    std::array<char, 32> out{};
    const double value = milliseconds(time);
    std::snprintf(out.data(), out.size(), value < 10 ? "%.1f ms" : "%.0f ms", value);
    return out.data();
}

std::string why(const PeerPath& path) {
    if (!path.note.empty()) return path.note;
    const auto behind = [](CandidateKind kind) { return kind != CandidateKind::Host; };
    switch (path.kind) {
    case PathKind::Direct: return "no NAT on the way";
    case PathKind::Mapped: return "through a port that a gateway mapped";
    case PathKind::Relayed: return "by a TURN server";
    case PathKind::Punched: break;
    }
    if (behind(path.local_kind) && behind(path.remote_kind))
        return "through the NATs on both sides";
    return behind(path.local_kind) ? "through the NAT on our side"
                                   : "through the NAT on the peer's side";
}

ordered_json to_json(const PeerPath& path) {
    return {
        {"kind", text(to_string(path.kind))}, {"why", why(path)},
        {"local", path.local.to_string()},    {"local_kind", text(to_string(path.local_kind))},
        {"remote", path.remote.to_string()},  {"remote_kind", text(to_string(path.remote_kind))}};
}

ordered_json to_json(const PeerTimings& timings) {
    auto out = ordered_json::object();
    for (const auto& [name, moment] : steps(timings)) {
        if (moment) out[name] = milliseconds(*moment);
    }
    return out;
}

/// One write for each line: the other side's lines may come to the same terminal.
void say(const std::string& line) {
    std::cerr << "nat-connect: " + line + "\n";
}

} // namespace

std::string describe(const PeerPath& path) {
    return text(to_string(path.kind)) + ", " + why(path);
}

std::string describe(const PeerTimings& timings) {
    auto all = steps(timings);
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
        return a.second && (!b.second || *a.second < *b.second);
    });
    std::string out;
    for (const auto& [name, moment] : all) {
        if (!moment) continue;
        if (!out.empty()) out += ", ";
        out += std::string(name) + " " + in_milliseconds(*moment);
    }
    return out;
}

void Report::event(const std::string& name, const ordered_json& fields) const {
    ordered_json out = {{"schema", "nat-connect/1"}, {"event", name}};
    out.update(fields);
    std::cerr << out.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

void Report::state(const PeerInfo& info) const {
    if (json_) {
        event("state", {{"state", text(to_string(info.state))},
                        {"timings_ms", to_json(info.timings)},
                        {"restarts", info.restarts}});
    } else if (verbose_) {
        say(text(to_string(info.state)) + ": " + describe(info.timings));
    }
}

void Report::path(const PeerInfo& info, bool first) const {
    if (!info.path) return;
    if (json_) {
        auto fields = to_json(*info.path);
        fields["timings_ms"] = to_json(info.timings);
        fields["rtt_ms"] =
            info.round_trip ? ordered_json(milliseconds(*info.round_trip)) : ordered_json();
        fields["notes"] = info.notes;
        event(first ? "connected" : "path", fields);
        return;
    }
    say((first ? "connected to " : "now by another way to ") + info.path->remote.to_string() +
        ": " + describe(*info.path));
    if (first) say(describe(info.timings));
    if (verbose_) {
        for (const auto& note : info.notes) say(note);
    }
}

void Report::listening(const Forward& forward, const natterjack::Endpoint& at, bool there) const {
    if (json_) {
        event("listening", {{"transport", text(to_string(forward.transport))},
                            {"address", at.to_string()},
                            {"there", there},
                            {"target", to_string(forward.target)}});
        return;
    }
    say(text(to_string(forward.transport)) + " " + at.to_string() +
        (there ? " at the peer leads to " : " leads to the peer's ") + to_string(forward.target) +
        (there ? " here" : ""));
}

void Report::problem(const std::string& message) const {
    if (json_) return event("problem", {{"message", message}});
    say(message);
}

void Report::noise(const std::string& line) const {
    if (json_) return event("noise", {{"line", line}});
    say("the peer's side says: " + line);
}

void Report::detail(const std::string& message) const {
    if (verbose_) problem(message);
}

bool Report::ping(unsigned number, Pinger::Duration took, const PeerInfo& info) const {
    const std::string kind = info.path ? text(to_string(info.path->kind)) : "";
    const std::string from = info.path ? info.path->remote.to_string() : "the peer";
    if (json_) {
        event(
            "ping",
            {{"number", number}, {"rtt_ms", milliseconds(took)}, {"kind", kind}, {"remote", from}});
        return true;
    }
    std::cout << from << ": " << number << ": " << in_milliseconds(took) << ' ' << kind
              << std::endl;
    return std::cout.good();
}

void Report::ping_summary(const Pinger& pinger) const {
    auto times = pinger.round_trips();
    std::sort(times.begin(), times.end());
    ordered_json fields = {{"sent", pinger.sent()}, {"received", times.size()}};
    if (!times.empty()) {
        fields["min_ms"] = milliseconds(times.front());
        fields["median_ms"] = milliseconds(times[times.size() / 2]);
        fields["max_ms"] = milliseconds(times.back());
    }
    if (json_) return event("pings", fields);
    std::cout << pinger.sent() << " sent, " << times.size() << " came back";
    if (!times.empty()) {
        std::cout << "; shortest " << in_milliseconds(times.front()) << ", median "
                  << in_milliseconds(times[times.size() / 2]) << ", longest "
                  << in_milliseconds(times.back());
    }
    std::cout << std::endl;
}

void Report::failure(const natterjack::Error& error, const PeerInfo* info) const {
    if (json_) {
        ordered_json fields = {{"code", text(to_string(error.code))},
                               {"message", error.message},
                               {"detail", error.detail}};
        if (info != nullptr) {
            fields["timings_ms"] = to_json(info->timings);
            fields["notes"] = info->notes;
        }
        return event("error", fields);
    }
    say(error.message);
    if (info == nullptr) return;
    for (const auto& note : info->notes) say("  " + note);
}

} // namespace nat_connect
