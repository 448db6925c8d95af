// SPDX-License-Identifier: MIT
#include "options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <iostream>

#include "base/number.hpp"
#include "commands.hpp"

namespace nat_probe {

namespace {

using natterjack::ProbeRequest;
using natterjack::Transport;

constexpr const char* kExamples = R"(
Examples:
  nat-probe                       can others reach me, and if not, why?
  nat-probe --stun stun.example.net:3478 --stun stun.example.org
                                  by these servers instead of those of servers.conf
  nat-probe --map 6667/tcp        also open that port, see what it is worth, close it
  nat-probe --json --expect mapping=eim,cgn=no
  nat-probe --html report.html    the same as a page
  nat-probe prove 6667/tcp --no-map
                                  is the port open that was forwarded by hand?
  nat-probe explain apdm          what does that word mean?

Exit status: 0 open or good, 1 limited, 2 hard, 3 blocked, 4 inconclusive,
5 --expect not met, 64 usage, 69 no network, 70 internal error. See nat-probe(1).
)";

/// The words as typed, before they mean anything.
struct Words {
    std::vector<std::string> map;
    std::string expect;
    bool quick = false;
    bool only_v4 = false;
    bool only_v6 = false;
    double timeout = 0; ///< 0: not given.
};

/// "6667", "6667/udp", "6667/tcp". Throws CLI::ValidationError.
ProbeRequest::Port read_port(const std::string& where, const std::string& word) {
    const auto slash = word.find('/');
    const auto port = natterjack::parse_port(word.substr(0, slash));
    const auto kind = slash == std::string::npos ? "udp" : word.substr(slash + 1);
    if (!port || (kind != "udp" && kind != "tcp"))
        throw CLI::ValidationError(where, "\"" + word + "\" is not PORT, PORT/udp or PORT/tcp");
    return {*port, kind == "tcp" ? Transport::Tcp : Transport::Udp};
}

void read_words(const Words& words, Options& options) {
    auto& request = options.request;
    for (const auto& word : words.map) request.map.push_back(read_port("--map", word));
    if (options.command == "prove") {
        for (const auto& word : options.words) request.map.push_back(read_port("PORT", word));
        if (options.external != 0 && request.map.size() > 1)
            throw CLI::ValidationError("--external", "one PORT at a time");
    }
    auto expected = parse_expectations(words.expect);
    if (!expected) throw CLI::ValidationError("--expect", expected.error().message);
    options.expected = *std::move(expected);
    if (words.quick) request.depth = ProbeRequest::Depth::Quick;
    request.ipv4 = !words.only_v6;
    request.ipv6 = !words.only_v4;
    // Without a limit of the user's each port gets its own time.
    const auto seconds =
        words.timeout > 0 ? words.timeout : 10.0 * (1 + static_cast<double>(request.map.size()));
    request.deadline = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

void add_server_option(CLI::App& app, Options& options) {
    app.add_option("--stun", options.request.stun_servers, "Ask this server (may be repeated)")
        ->type_name("HOST:PORT");
}

void add_network_options(CLI::App& app, Options& options) {
    app.add_option("--interface", options.request.network.interface, "Use this interface")
        ->type_name("NAME");
    app.add_flag("--json", options.json, "One JSON object on stdout");
}

/// Of the report, of what is cut from it, and of proofs.
void add_scope_options(CLI::App& app, Options& options, Words& words) {
    app.add_option("--timeout", words.timeout,
                   "Answer within this time (10, and 10 for each port to open)")
        ->type_name("SECONDS")
        ->check(CLI::Range(0.1, 600.0));
    app.add_flag("--show-addresses", options.show_addresses,
                 "Show addresses, not placeholders for them");
    auto* v4 = app.add_flag("-4,--ipv4", words.only_v4, "IPv4 only");
    app.add_flag("-6,--ipv6", words.only_v6, "IPv6 only")->excludes(v4);
}

void add_turn_option(CLI::App& app, Options& options) {
    app.add_option("--turn", options.request.turn_servers,
                   "Have ports tried through this relay, too (may be repeated)")
        ->type_name("URL");
}

void add_prove_options(CLI::App& app, Options& options) {
    add_turn_option(app, options);
    auto* no_map = app.add_flag("--no-map", options.no_map,
                                "Open nothing: is the port open already, forwarded by hand?");
    app.add_option("--external", options.external, "Its number outside, if it is another one there")
        ->type_name("PORT")
        ->check(CLI::Range(1, 65535))
        ->needs(no_map);
}

void add_report_options(CLI::App& app, Options& options, Words& words) {
    auto* quick = app.add_flag("--quick", words.quick, "The mapping only, within half a second");
    app.add_flag("--full", options.full,
                 "Also hairpinning, packet sizes, more ports, hops and servers; about 5 seconds")
        ->excludes(quick);
    app.add_option("--map", words.map, "Open this port for the test, then close it")
        ->type_name("PORT[/udp|/tcp]");
    add_turn_option(app, options);
    app.add_option("--expect", words.expect, "Exit with 5 unless the report says so")
        ->type_name("KEY=VALUE,...");
    app.add_option("--html", options.html, "Write the report to this file, as a page")
        ->type_name("FILE");
    app.add_option("--watch", options.watch, "Look again every so often, until Ctrl-C")
        ->type_name("SECONDS")
        ->check(CLI::Range(1, 86400));
}

/// What stands before a command and is not for it. Throws CLI::ValidationError.
void refuse_unused(const CLI::App& app) {
    for (const auto* sub : app.get_subcommands()) {
        for (const auto* option : app.get_options()) {
            const bool given = option->count() > 0;
            if (given && sub->get_option_no_throw(option->get_name()) == nullptr)
                throw CLI::ValidationError(option->get_name(), "not with " + sub->get_name());
        }
    }
}

bool is_command(std::string_view word) {
    const auto& all = commands();
    return std::any_of(all.begin(), all.end(),
                       [&](const Command& command) { return command.name == word; });
}

} // namespace

Parsed parse_command_line(int argc, char** argv) {
    // CLI11 would call it an argument too many.
    if (argc > 1 && argv[1][0] != '-' && !is_command(argv[1])) {
        std::cerr << "nat-probe: \"" << argv[1] << "\" is no command. Try 'nat-probe --help'.\n";
        return {std::nullopt, tool_support::kUsage};
    }
    CLI::App app("nat-probe - can others reach this host, and if not, why?", "nat-probe");
    app.set_version_flag("--version", std::string("nat-probe ") + NATTERJACK_VERSION);
    app.footer(kExamples);
    app.require_subcommand(0, 1);
    Options options;
    Words words;
    add_server_option(app, options);
    add_network_options(app, options);
    add_scope_options(app, options, words);
    add_report_options(app, options, words);
    for (const Command& command : commands()) {
        auto* sub = app.add_subcommand(std::string(command.name), std::string(command.help));
        if (command.arguments) {
            sub->add_option(command.arguments, options.words)
                ->type_name("...")
                ->required(command.must_have_one);
        }
        if (command.network && command.name != "qualify") add_server_option(*sub, options);
        if (command.network) add_network_options(*sub, options);
        if (command.report) add_scope_options(*sub, options, words);
        if (command.name == "prove") add_prove_options(*sub, options);
        if (command.name == "lifetime") {
            sub->add_option("--longest", options.longest, "Look no further than that")
                ->type_name("SECONDS")
                ->check(CLI::Range(1, 7200));
        }
        sub->callback([&options, name = command.name] { options.command = name; });
    }
    try {
        app.parse(argc, argv);
        refuse_unused(app);
        read_words(words, options);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return {std::nullopt, app.exit(error)}; // --help, --version
        std::cerr << "nat-probe: " << error.what() << "\nTry 'nat-probe --help'.\n";
        return {std::nullopt, tool_support::kUsage};
    }
    return {std::move(options), tool_support::kDone};
}

} // namespace nat_probe
