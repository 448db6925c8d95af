// SPDX-License-Identifier: MIT
#include "commands.hpp"

#include <csignal>
#include <functional>
#include <iostream>
#include <memory>

#include "keeper.hpp"
#include "open_ports.hpp"
#include "output.hpp"

namespace nat_map {

namespace {

using natterjack::Mappings;
using natterjack::OpenFailure;
using natterjack::Opening;
using natterjack::OpeningInfo;

constexpr int kInterrupted = 128 + SIGINT;

/// Puts every outcome into \a report; returns true when all ports are open.
bool collect(OpenPorts& opening, Report& report, const std::string& verb) {
    bool all = true;
    for (Port& port : opening.ports()) {
        if (*port.outcome) {
            const auto info = (*port.outcome)->info();
            report.add(info);
        } else {
            all = false;
            report.fail(port.outcome->error().error, verb + " " + port.name);
            report.add(port.outcome->error().story);
        }
    }
    return all;
}

/// Calls \a done when the last copy of what it returns goes.
std::shared_ptr<void> at_the_end(std::function<void()> done) {
    return {nullptr, [done = std::move(done)](void*) { done(); }};
}

std::string still_open(const Port& port, const natterjack::Error& error) {
    return "cannot close " + port.name + ": " + error.message + "; it may stay " +
           end_text((*port.outcome)->info());
}

/// Of a port through which nothing gets in. Keeps \a end until the gateway has let go of it, or
/// not.
void close_useless(Port& port, Report& report, const std::shared_ptr<void>& end) {
    const natterjack::Error why{natterjack::Errc::NotFound, "nothing gets in through it"};
    (*port.outcome)->close([&port, &report, why, end](const natterjack::Result<void>& result) {
        report.fail(why,
                    result ? "closed " + port.name + " again" : still_open(port, result.error()));
    });
}

} // namespace

int add(const Options& options, Runner& runner) {
    Report report(options);
    std::unique_ptr<OpenPorts> opening;
    runner.on_interrupt([&] {
        opening.reset(); // takes back what was already asked for
        runner.quit(kInterrupted);
    });
    runner.announce("asking the gateway");
    opening = std::make_unique<OpenPorts>(options, runner.loop(), [&] {
        runner.on_interrupt({}); // too late: it is done, and said so
        runner.hush();
        collect(*opening, report, "cannot open");
        const auto end = at_the_end([&] { runner.quit(report.print()); });
        for (Port& port : opening->ports()) {
            if (!*port.outcome) continue;
            if ((*port.outcome)->info().proof == natterjack::Proof::Refuted) {
                close_useless(port, report, end);
            } else {
                (*port.outcome)->release(); // its lifetime is all that it needs
            }
        }
    });
    return runner.run();
}

int keep(const Options& options, Runner& runner) {
    std::unique_ptr<OpenPorts> opening;
    bool closing = false;
    bool open = false;
    bool left_open = false;  // a gateway would not let go of it
    std::optional<int> over; // all is closed, with this exit code; a command may still run
    Keeper keeper(options);
    const auto close = [&](int exit_code) {
        if (closing) return;
        closing = true;
        keeper.stopping();
        opening->cancel(); // what is not open yet shall not be
        const auto end = at_the_end([&, exit_code] {
            int code = exit_code;
            if (code == tool_support::kDone && !tool_support::written("nat-map"))
                code = tool_support::kInternal;
            if (code == tool_support::kDone && left_open) code = tool_support::kRefused;
            over = code;
            keeper.when_idle([&runner, code] { runner.quit(code); });
        });
        for (Port& port : opening->ports()) {
            if (!port.outcome || !*port.outcome) continue;
            (*port.outcome)->close([&, end](const natterjack::Result<void>& result) {
                if (result) {
                    keeper.tell("closed", port.name, (*port.outcome)->info());
                } else {
                    left_open = true;
                    std::cerr << "nat-map: " << still_open(port, result.error()) << '\n';
                }
            });
        }
    };
    // Nobody hears what happens to the ports: then they are not kept.
    const auto tell = [&](const std::string& event, const Port& port, const OpeningInfo& info) {
        keeper.tell(event, port.name, info);
        if (!closing && !tool_support::written("nat-map")) close(tool_support::kInternal);
    };
    runner.on_interrupt([&] {
        if (over) return runner.quit(*over); // a second time: without waiting for the command
        close(open ? tool_support::kDone : kInterrupted);
    });
    runner.announce("asking the gateway");
    opening = std::make_unique<OpenPorts>(options, runner.loop(), [&] {
        runner.hush();
        Report report(options);
        if (!collect(*opening, report, "cannot open")) {
            close(report.print());
            return;
        }
        open = true;
        for (Port& port : opening->ports()) {
            Opening& kept = **port.outcome;
            tell("opened", port, kept.info());
            kept.on_changed([&tell, &port](Opening::Change change, const OpeningInfo&,
                                           const OpeningInfo& after) {
                tell(change == Opening::Change::Lost ? "lost" : "moved", port, after);
            });
        }
        keeper.ready();
    });
    return runner.run();
}

int list(const Options& options, Runner& runner) {
    Report report(options);
    Mappings mappings(runner.loop(), options.request.network, options.only,
                      options.request.families);
    runner.on_interrupt([&] { runner.quit(kInterrupted); });
    runner.announce("asking the gateway");
    mappings.list(options.request.deadline,
                  [&](natterjack::Result<Mappings::Listing, OpenFailure> result) {
                      runner.hush();
                      if (result) {
                          for (const auto& entry : result->mappings) report.add(to_row(entry));
                          report.add(result->story);
                      } else {
                          report.fail(result.error().error, "cannot list");
                          report.add(result.error().story);
                      }
                      runner.quit(report.print());
                  });
    return runner.run();
}

int remove(const Options& options, Runner& runner) {
    Report report(options);
    Mappings mappings(runner.loop(), options.request.network, options.only,
                      options.request.families);
    runner.on_interrupt([&] { runner.quit(kInterrupted); });
    runner.announce("asking the gateway");
    const std::uint16_t port = options.ports.front();
    std::size_t pending = options.transports.size();
    for (const auto transport : options.transports) {
        mappings.remove(port, transport, options.request.deadline,
                        [&, transport](natterjack::Result<Mappings::Listing, OpenFailure> result) {
                            if (result) {
                                for (const auto& entry : result->mappings)
                                    report.add(to_row(entry));
                                report.add(result->story);
                                if (result->trouble) {
                                    report.fail(*result->trouble, "not all is deleted");
                                } else {
                                    report.remark_refusals(result->story);
                                }
                            } else {
                                report.fail(result.error().error,
                                            "cannot delete " + std::to_string(port) + "/" +
                                                std::string(to_string(transport)));
                                report.add(result.error().story);
                            }
                            if (--pending > 0) return;
                            runner.hush();
                            runner.quit(report.print());
                        });
    }
    return runner.run();
}

int external(const Options& options, Runner& runner) {
    Report report(options);
    Mappings mappings(runner.loop(), options.request.network, options.only);
    runner.on_interrupt([&] { runner.quit(kInterrupted); });
    runner.announce("asking the gateway");
    mappings.external(options.request.deadline,
                      [&](natterjack::Result<Mappings::Addresses, OpenFailure> result) {
                          runner.hush();
                          if (result) {
                              for (const auto& address : result->addresses) report.add(address);
                              report.add(result->story);
                          } else {
                              report.fail(result.error().error, "no external address");
                              report.add(result.error().story);
                          }
                          runner.quit(report.print());
                      });
    return runner.run();
}

} // namespace nat_map
