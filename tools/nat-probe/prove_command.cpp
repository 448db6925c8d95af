// SPDX-License-Identifier: MIT
#include <csignal>
#include <iostream>
#include <list>
#include <nlohmann/json.hpp>
#include <optional>

#include <natterjack/natterjack.hpp>

#include "commands.hpp"
#include "exit_status.hpp"
#include "options.hpp"
#include "placeholders.hpp"

namespace nat_probe {

namespace {

using natterjack::OpenFailure;
using natterjack::Opening;
using natterjack::OpenRequest;
using natterjack::Proof;
using natterjack::Result;

constexpr int kInterrupted = 128 + SIGINT;
constexpr int kNothingGetsIn = 1;

/// One port, from the request to its end.
struct Port {
    std::string name; ///< "6667/udp"
    natterjack::Attempt attempt;
    std::optional<Result<Opening, OpenFailure>> outcome;
};

int exit_code_of(const Port& port) {
    if (!*port.outcome) return tool_support::exit_code_of(port.outcome->error().error);
    switch ((*port.outcome)->info().proof) {
    case Proof::Proved: return OpenOrGood;
    case Proof::Claimed: return Inconclusive;
    case Proof::Refuted: return kNothingGetsIn;
    }
    return tool_support::kInternal;
}

nlohmann::ordered_json to_json(const Port& port, Placeholders& names) {
    nlohmann::ordered_json out = {{"port", port.name}};
    if (!*port.outcome) {
        out["proof"] = "none";
        out["evidence"] = names.scrub(port.outcome->error().error.message);
        return out;
    }
    const auto info = (*port.outcome)->info();
    out["external"] = names.name(info.external);
    out["strategy"] = std::string(to_string(info.strategy));
    out["proof"] = std::string(to_string(info.proof));
    out["level"] = std::string(to_string(info.proof_level));
    out["evidence"] = names.scrub(info.proof_evidence);
    return out;
}

int show(const Options& options, const std::list<Port>& ports) {
    Placeholders names(options.show_addresses);
    int exit_code = OpenOrGood;
    auto all = nlohmann::ordered_json::array();
    for (const Port& port : ports) {
        if (exit_code == OpenOrGood) exit_code = exit_code_of(port);
        all.push_back(to_json(port, names));
    }
    if (options.json) {
        const nlohmann::ordered_json out = {{"schema", "nat-probe-prove/1"}, {"ports", all}};
        std::cout << out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace)
                  << std::endl;
        return exit_code;
    }
    for (const auto& row : all) {
        const auto word = [&](const char* key) { return row.value(key, std::string()); };
        std::cout << word("port") << ' ' << word("proof");
        if (row.contains("external")) {
            std::cout << " as " << word("external") << " by " << word("strategy");
        }
        std::cout << ": " << word("evidence") << '\n';
    }
    std::cout.flush();
    return exit_code;
}

} // namespace

int prove(const Options& options, Runner& runner) {
    const auto chain = natterjack::make_chain(runner.loop());
    std::list<Port> ports;
    runner.on_interrupt([&] {
        ports.clear(); // takes back what was already asked for
        runner.quit(kInterrupted);
    });
    runner.announce("opening the port and having it tried from outside");
    std::size_t pending = options.request.map.size();
    for (const auto& wanted : options.request.map) {
        Port& port = ports.emplace_back();
        port.name = std::to_string(wanted.port) + "/" + std::string(to_string(wanted.transport));
        OpenRequest request{.port = wanted.port,
                            .transport = wanted.transport,
                            .lifetime = std::chrono::seconds(120),
                            .description = "nat-probe",
                            .deadline = options.request.deadline,
                            .network = options.request.network,
                            .stun_servers = options.request.stun_servers,
                            .prove = true,
                            .turn_servers = options.request.turn_servers};
        port.attempt =
            chain->open(std::move(request), [&, &port = port](Result<Opening, OpenFailure> result) {
                port.outcome.emplace(std::move(result));
                if (--pending > 0) return;
                runner.on_interrupt({}); // too late: it is done, and said so
                runner.hush();
                const int exit_code = show(options, ports);
                for (Port& each : ports) {
                    if (*each.outcome) (*each.outcome)->close([](const Result<void>&) {});
                }
                runner.quit(exit_code);
            });
    }
    return runner.run();
}

} // namespace nat_probe
