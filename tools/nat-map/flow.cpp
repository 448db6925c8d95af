// SPDX-License-Identifier: MIT
#include <csignal>
#include <iostream>
#include <optional>

#include "commands.hpp"
#include "output.hpp"

namespace nat_map {

namespace {

using natterjack::FlowInfo;
using natterjack::OpenFailure;
using natterjack::Opening;
using natterjack::OutboundFlow;
using natterjack::Result;

natterjack::FlowRequest to_request(const Options& options) {
    const auto& request = options.request;
    return {.transport = options.transports.front(),
            .port = options.ports.front(),
            .remote = *options.to,
            .lifetime = request.lifetime,
            .check_interval = request.check_interval,
            .deadline = request.deadline,
            .network = request.network};
}

} // namespace

int flow(const Options& options, Runner& runner) {
    std::optional<OutboundFlow> kept;
    bool closing = false;
    const auto print = [&](const char* event, const FlowInfo& info) {
        Report line(options);
        line.add(to_row(info));
        line.print_event(event);
    };
    const auto close = [&](int exit_code) {
        if (std::exchange(closing, true)) return;
        kept->close([&, exit_code](const Result<void>& result) {
            if (result) {
                print("closed", kept->info());
            } else {
                std::cerr << "nat-map: " << result.error().message << '\n';
            }
            runner.quit(exit_code);
        });
    };
    const auto tell = [&](const char* event, const FlowInfo& info) {
        print(event, info);
        if (!tool_support::written("nat-map")) close(tool_support::kInternal);
    };
    runner.on_interrupt([&] {
        if (kept) return close(tool_support::kDone);
        runner.quit(128 + SIGINT);
    });
    runner.announce("asking the gateway");
    auto attempt = keep_flow(
        runner.loop(), to_request(options), [&](Result<OutboundFlow, OpenFailure> result) {
            runner.hush();
            if (!result) {
                Report report(options);
                report.fail(result.error().error, "cannot keep the flow");
                report.add(result.error().story);
                runner.quit(report.print());
                return;
            }
            kept.emplace(*std::move(result));
            kept->on_changed([&](Opening::Change change, const FlowInfo&, const FlowInfo& after) {
                tell(change == Opening::Change::Lost ? "lost" : "moved", after);
            });
            tell("opened", kept->info());
        });
    return runner.run();
}

} // namespace nat_map
