// SPDX-License-Identifier: MIT
// nat-lab: networks with NATs to try programs in.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <iterator>

#include <sched.h>

#include "change_commands.hpp"
#include "doctor.hpp"
#include "exit_status.hpp"
#include "namespaces.hpp"
#include "node_environment.hpp"
#include "process.hpp"
#include "runner.hpp"
#include "spec.hpp"
#include "study_commands.hpp"

namespace {

using namespace natterjack::lab; // NOLINT(google-build-using-namespace): this is the program

constexpr const char* kRunExamples = R"(
COMMAND stands behind '--' and runs on the host behind the NAT; without one, a shell does.
With --a or --b, each command begins with its node: a, b, router-a, router-b, internet, outside.

Examples:
  nat-lab run --nat home -- upnpc -l
  nat-lab run --nat eim/apdf,delay=40ms,loss=2% -- sh -c 'turnutils_natdiscovery -m ${NATLAB_STUN%:*}'
  nat-lab run --a home --b apdm/apdf -- 'a: ping -c1 $NATLAB_B_WAN' 'outside: ip address'

SPEC is MAPPING/FILTERING (eim, adm or apdm; eif, adf or apdf), 'none', 'blocked', or a preset of
'nat-lab presets', and options behind commas:
  igd, igd1, natpmp, pcp        what the router offers; server=miniupnpd|own|liar, external=ADDRESS
  table=1                       how many mappings there is room for (server=own)
  ports=preserve|sequential|random, block=1024-2047, hairpin=off|internal|external
  timeout=30s, stream-timeout=120s
  closed=reject|drop, out=tcp:80+443, lan=private|shared
  firewall, vpn, ipv6, no-ipv4  of the host
  delay=40ms, jitter=5ms, loss=2%, lan-delay=, lan-jitter=, lan-loss=
Routers stand behind each other with '>' between, the host's own first: 'home>cgn'. See nat-lab(1).)";

constexpr const char* kExecExamples = R"(
To be called by commands inside a lab.

Examples:
  nat-lab exec router-a -- nft list ruleset
  nat-lab exec outside -- ping -c1 "$NATLAB_WAN")";

int usage(const std::string& message) {
    std::cerr << "nat-lab: " << message << "\nnat-lab: try 'nat-lab --help'" << std::endl;
    return kExitUsage;
}

struct RunWords {
    std::string nat;
    std::string a;
    std::string b;
    bool no_servers = false;
    RunRequest request;
};

/// Adds the site that \a spec describes. Empty: there is none. An error has been said.
bool add_site(RunRequest& request, const char* letter, const char* option,
              const std::string& spec) {
    if (spec.empty()) return true;
    auto parsed = parse_spec(spec);
    if (!parsed) {
        std::cerr << "nat-lab: " << option << " " << spec << ": " << parsed.error().message
                  << std::endl;
        return false;
    }
    request.sites.push_back({letter, *std::move(parsed)});
    return true;
}

/// The commands of `run`. False: an error has been said.
bool add_commands(RunRequest& request, const std::vector<std::string>& words) {
    if (!request.labelled) {
        const auto* shell = std::getenv("SHELL"); // NOLINT(concurrency-mt-unsafe): one thread
        auto command = words;
        if (command.empty()) command = {shell ? shell : "/bin/sh"};
        request.commands.push_back({"a", std::move(command)});
        return true;
    }
    if (words.empty()) {
        std::cerr << "nat-lab: no command; give some as 'a: COMMAND'" << std::endl;
        return false;
    }
    for (const auto& word : words) {
        auto command = parse_node_command(word);
        if (!command) {
            std::cerr << "nat-lab: " << command.error().message << std::endl;
            return false;
        }
        request.commands.push_back(*std::move(command));
    }
    sort_by_node(request.commands);
    return true;
}

int run_command(RunWords& words, const std::vector<std::string>& command) {
    auto& request = words.request;
    request.labelled = words.nat.empty();
    request.servers = !words.no_servers;
    if (words.nat.empty() == (words.a.empty() && words.b.empty())) {
        return usage("run needs either --nat SPEC, or --a SPEC and --b SPEC");
    }
    const bool sites = add_site(request, "a", "--nat", words.nat) &&
                       add_site(request, "a", "--a", words.a) &&
                       add_site(request, "b", "--b", words.b);
    if (!sites || !add_commands(request, command)) return kExitUsage;
    return run(request);
}

int exec_command(const std::string& node, const std::vector<std::string>& command) {
    if (command.empty()) return usage("exec needs a command behind '--'");
    const auto environment = load_environment(node);
    if (!environment) return usage(environment.error().message);
    const auto network = open_network(environment->at("NATLAB_NODE"));
    if (!network || ::setns(network->get(), CLONE_NEWNET) != 0) {
        std::cerr << "nat-lab: cannot enter " << node << ": " << errno_text(errno)
                  << "; only commands with the lab's own rights can" << std::endl;
        return kExitUnavailable;
    }
    return replace_process(command, *environment);
}

int dispatch(const std::vector<std::string>& words) {
    // What stands behind the first "--" is the command's, to the letter: the parser never sees it.
    const auto mark = std::find(words.begin(), words.end(), "--");
    std::vector<std::string> ours(words.begin(), mark);
    const std::vector<std::string> command(mark == words.end() ? mark : std::next(mark),
                                           words.end());

    CLI::App app("Builds networks with NATs, real servers and an outside, to run programs in.",
                 "nat-lab");
    app.set_version_flag("--version", std::string("nat-lab " NATTERJACK_VERSION));
    app.require_subcommand(1);
    RunWords run_words;
    auto& request = run_words.request;
    auto* run = app.add_subcommand("run", "Build a lab, run commands in it, take it down");
    run->add_option("--nat", run_words.nat, "One host 'a' behind this NAT")->type_name("SPEC");
    run->add_option("--a", run_words.a, "Host 'a' behind this NAT")->type_name("SPEC");
    run->add_option("--b", run_words.b, "Host 'b' behind this NAT")->type_name("SPEC");
    run->add_option("--seed", request.seed, "Which packets are lost, and all jitter")
        ->type_name("NUMBER");
    run->add_option("--logs", request.log_directory, "Write the servers' logs there")
        ->type_name("DIR");
    run->add_flag("--no-servers", run_words.no_servers, "No STUN and TURN server: starts sooner");
    run->add_flag("-v,--verbose", request.verbose, "Say what is built");
    run->footer(kRunExamples);

    std::string node;
    auto* exec = app.add_subcommand("exec", "Inside a lab: run a command on another node");
    exec->add_option("NODE", node, "a (or host), b, router-a, router-b, internet, outside")
        ->required();
    exec->footer(kExecExamples);

    const ChangeCommands changes(app);
    const StudyCommands studies(app);

    bool json = false;
    auto* examine = app.add_subcommand("doctor", "Can this machine build labs? If not, what helps");
    examine->add_flag("--json", json, "One JSON object on standard output");

    // CLI11 would report a mistyped subcommand as a missing one.
    const auto& known = app.get_subcommands([](const CLI::App*) { return true; });
    if (!ours.empty() && !ours.front().starts_with('-') &&
        std::none_of(known.begin(), known.end(),
                     [&](const CLI::App* one) { return one->get_name() == ours.front(); })) {
        return usage("there is no subcommand '" + ours.front() + "'");
    }
    try {
        std::reverse(ours.begin(), ours.end()); // CLI11 takes them from the back
        app.parse(ours);
    } catch (const CLI::Success& help) {
        return app.exit(help);
    } catch (const CLI::ParseError& error) {
        return usage(error.what());
    }
    if (examine->parsed()) return doctor(json);
    if (const auto status = changes.run()) return *status;
    if (const auto status = studies.run(command)) return *status;
    if (exec->parsed()) return exec_command(node, command);
    return run_command(run_words, command);
}

} // namespace

int main(int argc, char** argv) {
    try {
        return dispatch({argv + 1, argv + argc});
    } catch (const std::exception& error) { // out of memory, above all
        std::cerr << "nat-lab: " << error.what() << std::endl;
        return kExitInternal;
    }
}
