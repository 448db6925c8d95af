// SPDX-License-Identifier: MIT
#include <algorithm>
#include <csignal>
#include <fstream>
#include <iostream>

#include "commands.hpp"
#include "exit_status.hpp"
#include "html_report.hpp"
#include "json_report.hpp"
#include "options.hpp"
#include "outline.hpp"
#include "text_report.hpp"

namespace nat_probe {

namespace {

using natterjack::ProbeReport;
using natterjack::Result;

constexpr int kInterrupted = 128 + SIGINT;
constexpr int kManySamples = 32;
constexpr int kManyHops = 12;

/// Prints one report. Returns the exit code that it stands for.
int show(const Options& options, const ProbeReport& report, const Measured& measured) {
    Placeholders names(options.show_addresses);
    int exit_code = exit_status_of(report);
    if (!options.html.empty()) {
        std::ofstream file(options.html, std::ios::trunc);
        file << to_html(make_outline(report, names, measured));
        if (!file.flush()) {
            std::cerr << "nat-probe: cannot write " << options.html << '\n';
            exit_code = tool_support::kInternal;
        }
    }
    if (options.json) {
        std::cout << to_json(report, names, measured).dump(options.watch.count() > 0 ? -1 : 2)
                  << std::endl;
    } else {
        const auto outline = make_outline(report, names, measured);
        std::cout << (options.sections.empty() ? to_text(outline)
                                               : to_text(outline, options.sections))
                  << std::flush;
    }
    // Who asks for one thing is told that thing; the verdict is for who asks for it.
    if (!options.sections.empty()) {
        const bool looked = std::any_of(report.servers.begin(), report.servers.end(),
                                        [](const auto& server) { return server.answered; });
        exit_code = looked ? tool_support::kDone : tool_support::kNoWay;
    }
    for (const auto& line : unmet(report, options.expected)) {
        std::cerr << "nat-probe: " << line << '\n';
        exit_code = ExpectationNotMet;
    }
    return exit_code;
}

/// No report: never one of the numbers that stand for a verdict. A settings file that cannot be
/// read is the user's own word, as the command line is.
int exit_code_of_failure(const natterjack::Error& error) {
    using natterjack::Errc;
    if (error.code == Errc::Malformed || error.code == Errc::TooLarge) return tool_support::kUsage;
    const int code = tool_support::exit_code_of(error);
    return code < tool_support::kUsage ? tool_support::kInternal : code;
}

/// One look after the other, or one alone.
class Watch {
public:
    Watch(const Options& options, Runner& runner) : options_(options), runner_(runner) {}
    ~Watch() {
        if (timer_ != 0) g_source_remove(timer_);
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    void look() {
        attempt_ = natterjack::probe(
            runner_.loop(), options_.request,
            [this](Result<ProbeReport> result) { take(std::move(result)); },
            [this](std::string_view what) { runner_.announce(std::string(what)); });
    }
    void cancel() {
        attempt_.cancel();
        hairpin_.cancel();
        mtu_.cancel();
    }
    /// What an interruption ends with: an end is what --watch waits for, once it has told
    /// something.
    [[nodiscard]] int exit_code() const {
        return options_.watch.count() > 0 && has_reported_ ? tool_support::kDone : exit_code_;
    }

private:
    void take(Result<ProbeReport> result) {
        const bool measurable =
            result && result->v4.status == natterjack::FamilyReport::Status::Works;
        if (options_.full && measurable) return measure(*std::move(result));
        finish(result, {});
    }

    // After the report, whose questions these packets would disturb.
    void measure(ProbeReport report) {
        report_ = std::move(report);
        measured_ = {};
        missing_ = 2;
        runner_.announce("sending packets of many sizes, and to the own external address");
        const natterjack::MeasureRequest request{.network = options_.request.network,
                                                 .stun_servers = options_.request.stun_servers};
        hairpin_ = natterjack::measure_hairpin(runner_.loop(), request, [this](const auto& found) {
            take_measured("hairpin", found, measured_.hairpin);
        });
        mtu_ = natterjack::measure_mtu(runner_.loop(), request, [this](const auto& found) {
            take_measured("mtu", found, measured_.mtu);
        });
    }

    template<class T>
    void take_measured(const char* what, const Result<T>& found, std::optional<T>& out) {
        if (found) {
            out = *found;
        } else {
            report_.warnings.push_back(std::string(what) + ": " + found.error().message);
        }
        if (--missing_ == 0) finish(report_, measured_);
    }

    void finish(const Result<ProbeReport>& result, const Measured& measured) {
        runner_.hush();
        if (!result) {
            std::cerr << "nat-probe: " << result.error().message << '\n';
            exit_code_ = exit_code_of_failure(result.error());
        } else {
            exit_code_ = show(options_, *result, measured);
            has_reported_ = true;
        }
        const bool hopeless =
            !std::cout || (!result && result.error().code == natterjack::Errc::InvalidArgument);
        if (options_.watch.count() == 0 || hopeless) {
            runner_.quit(exit_code_);
            return;
        }
        timer_ = g_timeout_add_seconds(
            static_cast<guint>(options_.watch.count()),
            [](gpointer self) -> gboolean {
                static_cast<Watch*>(self)->timer_ = 0;
                static_cast<Watch*>(self)->look();
                return G_SOURCE_REMOVE;
            },
            this);
    }

    const Options& options_;
    Runner& runner_;
    natterjack::Attempt attempt_;
    natterjack::Attempt hairpin_;
    natterjack::Attempt mtu_;
    ProbeReport report_; // until all that is measured besides is there
    Measured measured_;
    int missing_ = 0;
    guint timer_ = 0;
    bool has_reported_ = false;
    int exit_code_ = kInterrupted;
};

} // namespace

int report(const Options& options, Runner& runner) {
    auto asked = options;
    if (options.full) {
        asked.request.port_samples = kManySamples;
        asked.request.hops = kManyHops;
        asked.request.qualify_all = true;
    }
    Watch watch(asked, runner);
    runner.on_interrupt([&] {
        watch.cancel();
        runner.quit(watch.exit_code());
    });
    watch.look();
    return runner.run();
}

int alloc(const Options& options, Runner& runner) {
    auto changed = options;
    changed.request.port_samples = kManySamples;
    changed.sections = {"ports", "parity", "pooling", "mapping"};
    return report(changed, runner);
}

int hops(const Options& options, Runner& runner) {
    auto changed = options;
    changed.request.hops = kManyHops;
    changed.sections = {"layers", "cgn", "hop", "vpn"};
    return report(changed, runner);
}

int qualify(const Options& options, Runner& runner) {
    auto changed = options;
    changed.request.qualify_all = true;
    changed.request.stun_servers = options.words;
    changed.sections = {"stun"};
    return report(changed, runner);
}

} // namespace nat_probe
