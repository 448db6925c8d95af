// SPDX-License-Identifier: MIT
#include <csignal>
#include <functional>
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
using natterjack::ProbeRequest;
using natterjack::Proof;
using natterjack::Result;

constexpr int kInterrupted = 128 + SIGINT;
constexpr int kNothingGetsIn = 1;

/// One port, from the request to its end.
struct Port {         // NOLINT(*exception-escape): the analysis takes JSON's assertions for throws
    std::string name; ///< "6667/udp"
    natterjack::Attempt attempt;
    std::optional<Opening> opening;
    nlohmann::ordered_json row; ///< Null: there is no answer yet.
    int exit_code = OpenOrGood;
};

int exit_code_of(Proof proof) {
    switch (proof) {
    case Proof::Proved: return OpenOrGood;
    case Proof::Claimed: return Inconclusive;
    case Proof::Refuted: return kNothingGetsIn;
    }
    return tool_support::kInternal;
}

void take_failure(Port& port, const natterjack::Error& error, Placeholders& names) {
    port.exit_code = tool_support::exit_code_of(error);
    port.row = {{"port", port.name}, {"proof", "none"}, {"evidence", names.scrub(error.message)}};
}

/// Of an opening or of a report: what both tell.
template<class Outcome>
void take_proof(Port& port, const Outcome& outcome, Proof proof, natterjack::ProofLevel level,
                const std::string& evidence, Placeholders& names) {
    port.exit_code = exit_code_of(proof);
    port.row["port"] = port.name;
    if (outcome.external.port != 0) port.row["external"] = names.name(outcome.external);
    port.row["proof"] = std::string(to_string(proof));
    port.row["level"] = std::string(to_string(level));
    port.row["evidence"] = names.scrub(evidence);
}

/// What a person can do about a port that was to be open already.
const char* advice_on(const std::string& proof) {
    if (proof == "refuted") {
        return "  Look in the router whether it forwards that port to this host's address, for "
               "this protocol, and\n  whether a firewall stands before this host or on it.\n";
    }
    return "  That says nothing about the port. A server that can try it may: nat-probe serve, a "
           "STUN server with\n  RFC 5780 (UDP), or a TURN server (--turn).\n";
}

int show(const Options& options, const std::list<Port>& ports) {
    int exit_code = OpenOrGood;
    auto all = nlohmann::ordered_json::array();
    for (const Port& port : ports) {
        // What nobody could try says less than what was refuted.
        const bool says_less = exit_code == OpenOrGood || exit_code == Inconclusive;
        if (says_less && port.exit_code != OpenOrGood) exit_code = port.exit_code;
        all.push_back(port.row);
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
        if (row.contains("external")) std::cout << " as " << word("external");
        if (row.contains("strategy")) std::cout << " by " << word("strategy");
        std::cout << ": " << word("evidence") << '\n';
        if (options.no_map && word("proof") != "proved") std::cout << advice_on(word("proof"));
    }
    std::cout.flush();
    return exit_code;
}

/// Opens the port, and closes it when all is said.
natterjack::Attempt open(natterjack::Traversal& chain, const Options& options,
                         const ProbeRequest::Port& wanted, Port& port, Placeholders& names,
                         const std::function<void()>& done) {
    OpenRequest request{.port = wanted.port,
                        .transport = wanted.transport,
                        .lifetime = std::chrono::seconds(120),
                        .description = "nat-probe",
                        .deadline = options.request.deadline,
                        .network = options.request.network,
                        .stun_servers = options.request.stun_servers,
                        .prove = true,
                        .turn_servers = options.request.turn_servers};
    return chain.open(std::move(request), [&, done](Result<Opening, OpenFailure> result) {
        if (result) {
            port.opening = *std::move(result);
            const auto info = port.opening->info();
            take_proof(port, info, info.proof, info.proof_level, info.proof_evidence, names);
            port.row["strategy"] = std::string(to_string(info.strategy));
        } else {
            take_failure(port, result.error().error, names);
        }
        done();
    });
}

/// Has it tried as it is.
natterjack::Attempt try_out(const Options& options, const ProbeRequest::Port& wanted, Port& port,
                            Placeholders& names, const natterjack::Loop& loop,
                            const std::function<void()>& done) {
    natterjack::ProveRequest request{.port = wanted.port,
                                     .transport = wanted.transport,
                                     .external_port = options.external,
                                     .ipv6 = !options.request.ipv4,
                                     .network = options.request.network,
                                     .stun_servers = options.request.stun_servers,
                                     .turn_servers = options.request.turn_servers,
                                     .deadline = options.request.deadline};
    return natterjack::prove(
        loop, std::move(request), [&, done](const Result<natterjack::ProofReport>& result) {
            if (result) {
                take_proof(port, *result, result->proof, result->level, result->evidence, names);
            } else {
                take_failure(port, result.error(), names);
            }
            done();
        });
}

} // namespace

int prove(const Options& options, Runner& runner) {
    const auto chain = natterjack::make_chain(runner.loop());
    Placeholders names(options.show_addresses);
    std::list<Port> ports;
    runner.on_interrupt([&] {
        ports.clear(); // takes back what was already asked for
        runner.quit(kInterrupted);
    });
    runner.announce(options.no_map ? "having the port tried from outside"
                                   : "opening the port and having it tried from outside");
    std::size_t pending = options.request.map.size();
    const auto done = [&] {
        if (--pending > 0) return;
        runner.on_interrupt({}); // too late: it is done, and said so
        runner.hush();
        const int exit_code = show(options, ports);
        for (Port& each : ports) {
            if (each.opening) each.opening->close([](const Result<void>&) {});
        }
        runner.quit(exit_code);
    };
    for (const auto& wanted : options.request.map) {
        Port& port = ports.emplace_back();
        port.name = std::to_string(wanted.port) + "/" + std::string(to_string(wanted.transport));
        port.attempt = options.no_map ? try_out(options, wanted, port, names, runner.loop(), done)
                                      : open(*chain, options, wanted, port, names, done);
    }
    return runner.run();
}

} // namespace nat_probe
