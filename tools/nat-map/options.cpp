// SPDX-License-Identifier: MIT
#include "options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <iostream>

#include "base/number.hpp"

namespace nat_map {

namespace {

using natterjack::Endpoint;
using natterjack::IpAddress;
using natterjack::Strategy;
using natterjack::Transport;

constexpr const char* kExamples = R"(
Examples:
  nat-map add 6667 tcp            open TCP port 6667 and leave it open for two hours
  nat-map add 27015 both          TCP and UDP
  nat-map add 8080 tcp --to 192.168.1.20:80
                                  lead port 8080 to another host
  nat-map add 6667 tcp --exact    this port or none
  nat-map add 6667 tcp --from 192.0.2.0/24
                                  for some only
  nat-map list                    what the gateway has
  nat-map delete 6667 tcp         close it again
  nat-map external                the gateway's external address
  nat-map keep 6667 tcp           open, renew, report changes; Ctrl-C closes
  nat-map keep 6667 both --exec 'update-tracker "$NAT_MAP_EXTERNAL_PORT"'
  nat-map keep 1 both --external 0 --lifetime 60 --gateway 10.2.0.1 --via nat-pmp
                                  a port of a VPN provider's choice
  nat-map flow 51820 udp --to 203.0.113.9:51820
                                  a flow that goes out needs no keepalives

Exit status: 0 done, 1 nothing here opens ports, 2 the gateway refused,
64 usage, 69 no network, 70 internal error. See nat-map(1).
)";

/// The words as typed, before they mean anything.
struct Words {
    std::vector<std::string> ports;
    std::string to;
    std::vector<std::string> from;
    std::string via = "auto";
    std::string gateway;
    std::string source;
    std::optional<std::uint16_t> external; ///< 0: the gateway's choice.
    std::uint32_t check = 60;
    std::uint32_t lifetime = 7200;
    double timeout = 5;
    bool ipv4 = false;
    bool ipv6 = false;
};

/// "6667 6668 tcp": ports, then what they carry. Throws CLI::ValidationError.
void read_ports(const std::vector<std::string>& words, Options& options) {
    for (std::size_t i = 0; i < words.size(); ++i) {
        const auto word = CLI::detail::to_lower(words[i]); // "TCP" is as good
        if (const auto port = natterjack::parse_port(word)) {
            auto& ports = options.ports;
            // To name a port twice is to name it once.
            if (std::find(ports.begin(), ports.end(), *port) == ports.end()) ports.push_back(*port);
        } else if (i > 0 && i + 1 == words.size() && (word == "tcp" || word == "both")) {
            options.transports.push_back(Transport::Tcp);
            if (word == "both") options.transports.push_back(Transport::Udp);
        } else if (i > 0 && i + 1 == words.size() && word == "udp") {
            options.transports.push_back(Transport::Udp);
        } else {
            throw CLI::ValidationError("PORT", "\"" + word +
                                                   "\" is neither a port (1 to 65535) nor, after "
                                                   "one, udp, tcp or both");
        }
    }
    if (options.transports.empty()) options.transports.push_back(Transport::Tcp);
    if (options.command == "flow" && options.transports.size() > 1) {
        throw CLI::ValidationError("PORT", "flow takes udp or tcp");
    }
    if (options.command != "keep" && options.ports.size() > 1) {
        throw CLI::ValidationError("PORT", options.command + " takes one port");
    }
}

IpAddress read_address(const char* option, const std::string& word) {
    const auto address = IpAddress::parse(word);
    if (!address) throw CLI::ValidationError(option, address.error().message);
    return *address;
}

void read_words(const Words& words, Options& options) {
    if (options.command != "list" && options.command != "external")
        read_ports(words.ports, options);
    if (!words.to.empty()) {
        const auto to = Endpoint::parse(words.to);
        if (!to || to->port == 0) {
            throw CLI::ValidationError("--to", "\"" + words.to +
                                                   "\" is not HOST:PORT with a numeric address");
        }
        if (options.ports.size() > 1) throw CLI::ValidationError("--to", "goes with one port");
        options.to = *to;
    }
    for (const auto& word : words.from) {
        const auto peers = natterjack::RemotePeers::parse(word);
        if (!peers) throw CLI::ValidationError("--from", peers.error().message);
        options.request.only_from.push_back(*peers);
    }
    if (words.external.value_or(0) != 0 && options.ports.size() > 1) {
        throw CLI::ValidationError("--external", "goes with one port");
    }
    if (words.via != "auto") {
        const auto all = {Strategy::Igd, Strategy::Pcp, Strategy::NatPmp, Strategy::Direct};
        const auto* found = std::find_if(all.begin(), all.end(), [&](Strategy strategy) {
            return words.via == natterjack::to_string(strategy);
        });
        options.only = {*found};
        const auto built = natterjack::available_strategies();
        if (std::find(built.begin(), built.end(), *found) == built.end()) {
            throw CLI::ValidationError("--via", words.via + " is not part of this build");
        }
    }
    if (std::isnan(words.timeout)) throw CLI::ValidationError("--timeout", "not a number");
    auto& request = options.request;
    request.external_port = words.external.value_or(0);
    request.any_external_port = words.external == 0;
    request.check_interval = std::chrono::seconds(words.check);
    request.lifetime = std::chrono::seconds(words.lifetime);
    request.deadline = std::chrono::milliseconds(static_cast<std::int64_t>(words.timeout * 1000));
    using natterjack::Families;
    const bool about_what_there_is = options.command == "list" || options.command == "delete";
    if (about_what_there_is && !words.ipv4 && !words.ipv6) request.families = Families::Both;
    if (words.ipv6) request.families = words.ipv4 ? Families::Both : Families::Ipv6;
    if (!words.gateway.empty()) request.network.gateway = read_address("--gateway", words.gateway);
    if (!words.source.empty()) request.network.source = read_address("--source", words.source);
}

using Choices = std::initializer_list<const char*>;
constexpr Choices kProtocols = {"auto", "igd", "pcp", "nat-pmp", "direct"};
constexpr Choices kFlowsProtocols = {"auto", "pcp"};

void add_via_option(CLI::App* command, Words& words, Choices choices) {
    command->add_option("--via", words.via, "Use only this protocol")
        ->check(CLI::IsMember(choices))
        ->capture_default_str();
}

void add_network_options(CLI::App* command, Options& options, Words& words) {
    command->add_option("--gateway", words.gateway, "Ask this gateway, default route or not")
        ->type_name("ADDR");
    command->add_option("--interface", options.request.network.interface, "Use this interface")
        ->type_name("NAME");
    command->add_option("--source", words.source, "Use this address of ours")->type_name("ADDR");
    command->add_option("--timeout", words.timeout, "Answer within this time")
        ->type_name("SECONDS")
        ->check(CLI::Range(0.001, 600.0))
        ->capture_default_str();
    command->add_flag("--json", options.json, "One JSON object on stdout (schema nat-map/1)");
    command->add_flag("-v,--verbose", options.verbose, "Tell what each strategy tried");
}

void add_lifetime_option(CLI::App* command, Words& words) {
    command->add_option("--lifetime", words.lifetime, "For how long")
        ->type_name("SECONDS")
        ->check(CLI::Range(std::uint32_t{1}, std::numeric_limits<std::uint32_t>::max()))
        ->capture_default_str();
}

void add_mapping_options(CLI::App* command, Options& options, Words& words) {
    auto& request = options.request;
    command->add_option("--to", words.to, "Lead the port to another host of the local network")
        ->type_name("HOST:PORT");
    command
        ->add_option("--external", words.external,
                     "The port outside (else the same); 0: the gateway's choice")
        ->type_name("PORT")
        ->check(CLI::Range(0, 65535));
    command->add_flag("--exact", request.exact, "Fail rather than take another external port");
    command
        ->add_option("--from", words.from,
                     "Let in these only: a host or a network, maybe with a port (may be repeated)")
        ->type_name("ADDR[/LENGTH][:PORT]");
    add_lifetime_option(command, words);
    command->add_option("--description", request.description, "Shown in the gateway's list")
        ->type_name("TEXT");
    command
        ->add_option("--stun", request.stun_servers,
                     "Ask this server how the outside sees us (may be repeated)")
        ->type_name("HOST:PORT");
    command->add_flag("--prove", request.prove,
                      "Have the port tried from outside, by the STUN and TURN servers named");
    command
        ->add_option("--turn", request.turn_servers,
                     "For --prove: try it through this relay, too (may be repeated)")
        ->type_name("URL");
}

void add_check_option(CLI::App* command, Words& words) {
    command->add_option("--check", words.check, "Look at the gateway so often between renewals")
        ->type_name("SECONDS")
        ->check(CLI::Range(1, 86400))
        ->capture_default_str();
}

void add_keep_options(CLI::App* command, Options& options, Words& words) {
    command
        ->add_option("--exec", options.command_to_run,
                     "Run this at each change, with NAT_MAP_* in its environment")
        ->type_name("COMMAND");
    add_check_option(command, words);
}

void add_flow_options(CLI::App* command, Words& words) {
    command->add_option("--to", words.to, "The remote peer")->type_name("HOST:PORT")->required();
    add_lifetime_option(command, words);
    add_check_option(command, words);
}

void add_family_options(CLI::App* command, Words& words) {
    command->add_flag("-4,--ipv4", words.ipv4, "A mapping for IPv4 (what is done if not told)");
    command->add_flag("-6,--ipv6", words.ipv6,
                      "A pinhole for each global IPv6 address of this host; with -4: both");
}

struct Row {
    std::string_view name;
    const char* help;
    const char* ports; ///< What may be named, or null.
    bool mapping;
};
constexpr const char* kOnePort = "A port, then udp, tcp (the default) or both";
constexpr const char* kManyPorts = "One port or more, then udp, tcp (the default) or both";
constexpr const char* kFlowsPort = "A port of this host, then udp or tcp (the default)";
constexpr std::array kCommands = {
    Row{"add", "Open a port and leave it open for its lifetime", kOnePort, true},
    Row{"list", "Every mapping that the gateway tells of, ours marked", nullptr, false},
    Row{"delete", "Close a port", kOnePort, false},
    Row{"external", "The gateway's external address, by each protocol that tells it", nullptr,
        false},
    Row{"keep", "Open ports, renew them, report changes, close on Ctrl-C", kManyPorts, true},
    Row{"flow", "Keep the mapping of a flow that goes out, until Ctrl-C", kFlowsPort, false},
};

bool is_command(std::string_view word) {
    return std::any_of(kCommands.begin(), kCommands.end(),
                       [&](const Row& row) { return row.name == word; });
}

} // namespace

Parsed parse_command_line(int argc, char** argv) {
    // CLI11 would only say that a subcommand is required.
    if (argc > 1 && argv[1][0] != '-' && !is_command(argv[1])) {
        std::cerr << "nat-map: \"" << argv[1]
                  << "\" is no command: add, list, delete, external, keep and flow are\n";
        return {std::nullopt, tool_support::kUsage};
    }
    CLI::App app("nat-map - open, list, close or keep a port on the gateway", "nat-map");
    app.set_version_flag("--version", std::string("nat-map ") + NATTERJACK_VERSION);
    app.require_subcommand(1);
    app.footer(kExamples);
    Options options;
    Words words;
    for (const Row& row : kCommands) {
        auto* command = app.add_subcommand(std::string(row.name), row.help);
        command->footer(kExamples);
        if (row.ports != nullptr) {
            command->add_option("PORT", words.ports, row.ports)->type_name("")->required();
        }
        add_via_option(command, words, row.name == "flow" ? kFlowsProtocols : kProtocols);
        add_network_options(command, options, words);
        if (row.mapping) add_mapping_options(command, options, words);
        if (row.name == "keep") add_keep_options(command, options, words);
        if (row.name == "flow") add_flow_options(command, words);
        if (row.mapping) add_family_options(command, words);
        if (row.name == "list" || row.name == "delete") {
            command->add_flag("-4,--ipv4", words.ipv4, "Mappings of IPv4 only");
            command->add_flag("-6,--ipv6", words.ipv6, "Our IPv6 pinholes only");
        }
        command->callback([&, name = row.name] {
            options.command = name;
            read_words(words, options);
        });
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return {std::nullopt, app.exit(error)}; // --help, --version
        std::cerr << "nat-map: " << error.what() << "\nTry 'nat-map --help'.\n";
        return {std::nullopt, tool_support::kUsage};
    }
    return {std::move(options), tool_support::kDone};
}

} // namespace nat_map
