// SPDX-License-Identifier: MIT
#include <csignal>
#include <iostream>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "measured.hpp"
#include "options.hpp"
#include "text_report.hpp"

namespace nat_probe {

namespace {

using natterjack::Finding;
using natterjack::LifetimeReport;
using natterjack::LifetimeSpan;
using natterjack::Result;
using nlohmann::ordered_json;

constexpr int kInterrupted = 128 + SIGINT;
constexpr std::size_t kLabel = 16;

natterjack::MeasureRequest request_of(const Options& options) {
    return {.network = options.request.network,
            .stun_servers = options.request.stun_servers,
            .longest = options.longest};
}

int fail(const natterjack::Error& error) {
    std::cerr << "nat-probe: " << error.message << '\n';
    using natterjack::Errc;
    const bool no_answer = error.code == Errc::NotFound || error.code == Errc::Timeout ||
                           error.code == Errc::Unsupported;
    return no_answer ? tool_support::kNoWay : tool_support::exit_code_of(error);
}

ordered_json to_json(const Finding<LifetimeSpan>& finding) {
    const auto& [at_least, less_than] = finding.value;
    return {{"at_least_s", at_least.count()},
            {"less_than_s", less_than ? ordered_json(less_than->count()) : ordered_json()},
            {"confidence", std::string(to_string(finding.confidence))},
            {"evidence", finding.evidence}};
}

void print(const char* label, const Finding<LifetimeSpan>& finding) {
    const auto& [at_least, less_than] = finding.value;
    std::string text = "unknown";
    if (finding.confidence >= natterjack::Confidence::Likely) {
        text = "at least " + std::to_string(at_least.count()) + " s";
        text += less_than ? ", less than " + std::to_string(less_than->count()) + " s"
                          : "; longer was not looked for";
    }
    std::cout << label << text << " [" << to_string(finding.confidence) << "]\n";
}

void print(const std::vector<Line>& lines) {
    for (const auto& line : lines) {
        auto label = line.term;
        label.resize(kLabel, ' ');
        std::cout << label
                  << wrap(line.value + " [" + line.confidence + "] - " + line.evidence, kLabel)
                  << '\n';
    }
}

/// One object, or lines for people.
template<class Report>
void show(const Options& options, const char* schema, const Report& report) {
    if (!options.json) return print(lines_of(report));
    ordered_json out = {{"schema", schema}};
    out.update(nat_probe::to_json(report));
    std::cout << out.dump(2) << '\n';
}

/// RFC 4787 section 4.3: two minutes at least, and five are better.
void advise(const LifetimeReport& report) {
    const auto& known = report.single_exchange.value.less_than ? report.single_exchange.value
                                                               : report.active_flow.value;
    if (!known.less_than) return;
    std::cout << "What to do      "
              << wrap("send something every " +
                          std::to_string(std::max<long>(1, known.at_least.count() * 3 / 4)) +
                          " s to keep a mapping" +
                          (*known.less_than < std::chrono::seconds(120)
                               ? " (RFC 4787 wants NATs to keep them for 120 s at least)"
                               : ""),
                      16)
              << '\n';
}

} // namespace

int lifetime(const Options& options, Runner& runner) {
    runner.on_interrupt([&] { runner.quit(kInterrupted); });
    const auto attempt = natterjack::measure_lifetime(
        runner.loop(), request_of(options),
        [&](const Result<LifetimeReport>& result) {
            runner.hush();
            if (!result) return runner.quit(fail(result.error()));
            if (options.json) {
                std::cout << ordered_json{{"schema", "nat-probe-lifetime/1"},
                                          {"single_exchange", to_json(result->single_exchange)},
                                          {"active_flow", to_json(result->active_flow)}}
                                 .dump(2)
                          << '\n';
            } else {
                print("one exchange    ", result->single_exchange);
                print("active flow     ", result->active_flow);
                advise(*result);
            }
            runner.quit(tool_support::kDone);
        },
        [&](std::string_view what) { runner.announce(std::string(what)); });
    return runner.run();
}

int hairpin(const Options& options, Runner& runner) {
    runner.on_interrupt([&] { runner.quit(kInterrupted); });
    runner.announce("sending to this network's own external address");
    const auto attempt =
        natterjack::measure_hairpin(runner.loop(), request_of(options), [&](const auto& result) {
            runner.hush();
            if (!result) return runner.quit(fail(result.error()));
            show(options, "nat-probe-hairpin/1", *result);
            runner.quit(tool_support::kDone);
        });
    return runner.run();
}

int mtu(const Options& options, Runner& runner) {
    runner.on_interrupt([&] { runner.quit(kInterrupted); });
    runner.announce("sending packets of many sizes");
    const auto attempt =
        natterjack::measure_mtu(runner.loop(), request_of(options), [&](const auto& result) {
            runner.hush();
            if (!result) return runner.quit(fail(result.error()));
            show(options, "nat-probe-mtu/1", *result);
            runner.quit(tool_support::kDone);
        });
    return runner.run();
}

} // namespace nat_probe
