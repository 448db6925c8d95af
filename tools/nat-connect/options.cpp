// SPDX-License-Identifier: MIT
#include "options.hpp"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include "support/exit_code.hpp"

namespace nat_connect {

namespace {

using natterjack::PeerRole;
using natterjack::Result;

constexpr const char* kPasswordVariable = "NAT_CONNECT_TURN_PASSWORD";

constexpr const char* kExamples = R"(
Examples:
  nat-connect offer               print a line for the peer, then read the peer's
  nat-connect answer              the other side of it
  nat-connect --via 'ssh host nat-connect --answer --exec "tar c dir"' > dir.tar
                                  a pipe to a command over there, by the best way
  nat-connect --via 'ssh host nat-connect --answer --allow localhost:80' \
              --forward tcp:8080:localhost:80
                                  port 8080 here leads to port 80 over there
  nat-connect --via 'ssh host nat-connect --answer' --ping
                                  how long it takes, and which way it goes

Exit status: 0 done, 1 no way through, 2 the peer refused, 64 usage,
69 no network, 70 internal error; else that of the peer's --exec command.
See nat-connect(1).
)";

/// The words as typed, before they mean anything.
struct Words {
    std::string via;
    bool offer = false;
    bool answer = false;
    bool ping = false;
    bool no_map = false;
    std::vector<std::string> forwards;
    std::vector<std::string> reverses;
    std::vector<std::string> allow;
    std::vector<std::string> allow_listen;
    std::string password_file;
    double timeout = 8;
};

/// Reads every word of \a words by \a parse. Throws CLI::ValidationError.
template<class Out, class Parse>
void read_all(const char* option, const std::vector<std::string>& words, std::vector<Out>& out,
              Parse parse) {
    for (const auto& word : words) {
        Result<Out> value = parse(word);
        if (!value) throw CLI::ValidationError(option, value.error().message);
        out.push_back(*std::move(value));
    }
}

/// The password for the TURN servers that were given without one.
std::string turn_password(const std::string& file) {
    if (file.empty()) {
        const char* value = std::getenv(kPasswordVariable);
        if (value == nullptr || *value == '\0') {
            throw CLI::ValidationError("--turn",
                                       std::string("there is no password in it, none in ") +
                                           kPasswordVariable + ", and no --turn-password-file");
        }
        return value;
    }
    std::ifstream in(file);
    std::string line;
    if (!std::getline(in, line) || line.empty()) {
        throw CLI::ValidationError("--turn-password-file",
                                   "\"" + file + "\" cannot be read, or its first line is empty");
    }
    return line;
}

void read_use(const Words& words, Options& options) {
    const bool forwards = !options.forwards.empty() || !options.reverses.empty() ||
                          !options.allow.empty() || !options.allow_listen.empty();
    if (!options.exec.empty() && words.ping) {
        throw CLI::ValidationError("--ping", "does not go with --exec");
    }
    if (!options.exec.empty()) {
        options.use = Use::Exec;
    } else if (words.ping) {
        options.use = Use::Ping;
    } else if (forwards || options.signalling == SignallingKind::Standard) {
        options.use = Use::Serve;
    }
    if (options.plain && options.use != Use::Pipe && options.use != Use::Exec) {
        throw CLI::ValidationError("--plain", "goes with a pipe or --exec");
    }
    if (options.ping_count != 0 && !words.ping) {
        throw CLI::ValidationError("--count", "goes with --ping");
    }
}

void read_signalling(const Words& words, bool offer, bool answer, Options& options) {
    const int standard = (words.offer ? 1 : 0) + (words.answer ? 1 : 0);
    const bool paste = offer || answer;
    if (standard > 1 || (paste && (standard > 0 || !words.via.empty()))) {
        throw CLI::ValidationError("nat-connect",
                                   "choose one of offer, answer, --via, --offer and --answer (the "
                                   "last two also go with --via)");
    }
    if (!paste && standard == 0 && words.via.empty()) {
        throw CLI::ValidationError(
            "nat-connect", "say how to reach the peer: offer, answer, --via CMD, --offer or "
                           "--answer");
    }
    options.peer.role = answer || words.answer ? PeerRole::Answer : PeerRole::Offer;
    options.via = words.via;
    options.signalling = paste               ? SignallingKind::Paste
                         : words.via.empty() ? SignallingKind::Standard
                                             : SignallingKind::Command;
    options.peer.trickle = !paste;
    options.peer.restart = !paste; // a restart needs signalling, and nobody pastes twice
}

void read_words(const Words& words, Options& options) {
    read_all("--forward", words.forwards, options.forwards, parse_forward);
    read_all("--reverse", words.reverses, options.reverses, parse_forward);
    read_all("--allow", words.allow, options.allow, AllowRule::parse);
    read_all("--allow-listen", words.allow_listen, options.allow_listen, ListenRule::parse);
    read_use(words, options);
    auto& peer = options.peer;
    peer.map = !words.no_map;
    peer.connect_limit = std::chrono::milliseconds(static_cast<std::int64_t>(words.timeout * 1000));
    std::optional<std::string> password;
    for (auto& server : peer.turn_servers) {
        if (!lacks_password(server)) continue;
        if (!password) password = turn_password(words.password_file);
        server = with_password(server, *password);
    }
}

void add_use_options(CLI::App& app, Options& options, Words& words) {
    app.add_option("--exec", options.exec, "Connect the peer to this command instead of us")
        ->type_name("CMD");
    app.add_flag("--plain", options.plain,
                 "The peer is a browser or another program: a channel without our protocol");
    app.add_option("--forward", words.forwards, "Listen here, connect there, as ssh -L does")
        ->type_name("tcp|udp:[ADDRESS:]PORT:HOST:PORT")
        ->take_all();
    app.add_option("--reverse", words.reverses, "Listen there, connect here, as ssh -R does")
        ->type_name("tcp|udp:[ADDRESS:]PORT:HOST:PORT")
        ->take_all();
    app.add_option("--allow", words.allow, "Let the peer connect from here to this target")
        ->type_name("[tcp:|udp:]HOST:PORT")
        ->take_all();
    app.add_option("--allow-listen", words.allow_listen, "Let the peer listen here")
        ->type_name("[tcp:|udp:][ADDRESS:]PORT")
        ->take_all();
    app.add_flag("--ping", words.ping, "Measure the way there and back, once a second");
    app.add_option("--count", options.ping_count, "End after so many pings")
        ->type_name("N")
        ->check(CLI::Range(1U, 1000000U));
}

void add_peer_options(CLI::App& app, Options& options, Words& words) {
    auto& peer = options.peer;
    app.add_option("--stun", peer.stun_servers, "Ask this STUN server how the outside sees us")
        ->type_name("HOST:PORT")
        ->take_all();
    app.add_option("--turn", peer.turn_servers,
                   "Use this relay when nothing else works: "
                   "turn:USER:PASSWORD@HOST:PORT?transport=udp|tcp")
        ->type_name("SERVER")
        ->take_all();
    app.add_option("--turn-password-file", words.password_file,
                   std::string("Its first line is the password that --turn leaves out; else ") +
                       kPasswordVariable)
        ->type_name("FILE");
    app.add_flag("--no-map", words.no_map, "Do not ask the gateway to map our port");
    app.add_flag("--relay-only", peer.relay_only, "Show the peer nothing but the relay's address");
    app.add_option("--interface", peer.network.interface, "Use this interface")->type_name("NAME");
    app.add_option("--timeout", words.timeout,
                   "Give up when there is no way so long after the peer's description came")
        ->type_name("SECONDS")
        ->check(CLI::Range(0.001, 600.0))
        ->capture_default_str();
    app.add_flag("--json", options.json, "Events on stderr as JSON (schema nat-connect/1)");
    app.add_flag("-v,--verbose", options.verbose, "Tell each step");
}

} // namespace

Parsed parse_command_line(int argc, char** argv) {
    CLI::App app("nat-connect - reach a peer behind NATs: a pipe, a command, forwarded ports",
                 "nat-connect");
    app.set_version_flag("--version", std::string("nat-connect ") + NATTERJACK_VERSION);
    app.require_subcommand(0, 1);
    app.fallthrough();
    app.footer(kExamples);
    Options options;
    Words words;
    app.add_option("--via", words.via, "Signalling goes through this command's stdin and stdout")
        ->type_name("CMD");
    app.add_flag("--offer", words.offer, "Signalling on our own stdin and stdout; we speak first");
    app.add_flag("--answer", words.answer, "Likewise; the peer speaks first");
    add_use_options(app, options, words);
    add_peer_options(app, options, words);
    const auto* offer =
        app.add_subcommand("offer", "Print a line for the peer, then read its line");
    const auto* answer = app.add_subcommand("answer", "Read the peer's line, then print ours");
    try {
        app.parse(argc, argv);
        read_signalling(words, offer->parsed(), answer->parsed(), options);
        read_words(words, options);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return {std::nullopt, app.exit(error)}; // --help, --version
        std::cerr << "nat-connect: " << error.what() << "\nTry 'nat-connect --help'.\n";
        return {std::nullopt, tool_support::kUsage};
    }
    return {std::move(options), tool_support::kDone};
}

} // namespace nat_connect
