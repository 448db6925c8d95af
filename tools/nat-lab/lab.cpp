// SPDX-License-Identifier: MIT
#include "lab.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <thread>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "ip_script.hpp"
#include "link_relay.hpp"
#include "namespaces.hpp"
#include "node_environment.hpp"
#include "socket_table.hpp"

namespace natterjack::lab {

namespace {

constexpr auto kServerPatience = std::chrono::seconds(10);
constexpr const char* kHosts = "/etc/hosts";
const std::string kSwitches = "/proc/sys/net/";
constexpr auto kServerPoll = std::chrono::milliseconds(2);

/// Settings of each network, below /proc/sys/net. Without IPv6 it is off: half of it (link-local
/// addresses only) is what no real site has.
Result<void> set_kernel_switches(bool forwards, bool ipv6) {
    const std::string no_ipv6 = ipv6 ? "0" : "1";
    std::vector<std::pair<std::string, std::string>> switches{
        {"ipv6/conf/all/disable_ipv6", no_ipv6},
        {"ipv6/conf/default/disable_ipv6", no_ipv6},
        // Addresses are usable at once.
        {"ipv6/conf/default/accept_dad", "0"},
        {"ipv6/conf/default/accept_ra", "0"},
        {"ipv6/conf/all/forwarding", forwards ? "1" : "0"},
        {"ipv4/conf/all/rp_filter", "0"},
        {"ipv4/conf/default/rp_filter", "0"},
        {"ipv4/ip_forward", forwards ? "1" : "0"},
        // Where this is on, a bridge would send packets through the rules of a router twice.
        {"bridge/bridge-nf-call-iptables", "0"},
    };
    for (const auto& [name, value] : switches) {
        const auto path = kSwitches + name;
        if (!std::filesystem::exists(path)) continue; // a kernel without IPv6, or without bridges
        const auto written = write_file(path, value);
        if (!written) return written.error();
    }
    return {};
}

std::string read_proc(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// The sockets of \a daemon that are not open yet in the present network.
std::size_t missing_sockets(const Daemon& daemon) {
    const auto table = [](const AwaitedSocket& wanted) {
        // A socket on all addresses of IPv6 mostly serves those of IPv4 as well.
        const auto path = std::string("/proc/thread-self/net/") + (wanted.tcp ? "tcp" : "udp");
        const auto ipv6 = read_proc(path + "6");
        return is_ipv6(wanted) ? ipv6 : read_proc(path) + ipv6;
    };
    return static_cast<std::size_t>(
        std::count_if(daemon.sockets.begin(), daemon.sockets.end(),
                      [&](const auto& wanted) { return !is_open(table(wanted), wanted); }));
}

std::string indented(const std::string& text) {
    std::string out = "    ";
    for (const char c : text) {
        out += c;
        if (c == '\n') out += "    ";
    }
    out.erase(out.find_last_not_of(" \n") + 1);
    return out;
}

} // namespace

const std::vector<Requirement>& requirements() {
    static const std::vector<Requirement> all{
        {"ip", "apt-get install iproute2"},
        {"nft", "apt-get install nftables"},
        {"miniupnpd", "apt-get install miniupnpd-nftables"},
        {"turnserver", "apt-get install coturn"},
        {"nat-lab-gateway", "install nat-lab whole: this belongs to it"},
    };
    return all;
}

Result<void> check_programs(const Plan& plan) {
    for (const auto& requirement : requirements()) {
        const auto program = requirement.program;
        const bool is_server =
            std::any_of(plan.daemons.begin(), plan.daemons.end(),
                        [&](const Daemon& daemon) { return daemon.command.front() == program; });
        const bool makes_rules = std::any_of(plan.nodes.begin(), plan.nodes.end(),
                                             [](const Node& node) { return !node.rules.empty(); });
        const bool needed = is_server || program == "ip" || (program == "nft" && makes_rules);
        if (!needed || find_program(program)) continue;
        return Error{Errc::NotFound, "this lab needs the program '" + std::string(program) +
                                         "': " + std::string(requirement.remedy)};
    }
    return {};
}

Lab::Lab(Plan plan, LabOptions options) : plan_(std::move(plan)), options_(std::move(options)) {
}

void Lab::say(const std::string& text) const {
    if (options_.verbose) std::cerr << "nat-lab: " << text << std::endl;
}

bool Lab::has_relay() const {
    return std::any_of(plan_.links.begin(), plan_.links.end(),
                       [](const Link& link) { return link.impairment.relayed; });
}

Result<void> Lab::build() {
    auto result = write_name_files();
    if (result) result = make_networks();
    if (result) result = configure_nodes();
    if (result && has_relay()) result = start_relay();
    for (const auto& point : plan_.version_points) {
        if (result) result = start_version_answerer(point);
    }
    for (const auto& daemon : plan_.daemons) {
        if (result) result = start_daemon(daemon);
    }
    if (result) result = store_environments(plan_, options_.log_path);
    for (const auto& daemon : plan_.daemons) {
        if (result) result = await_daemon(daemon);
    }
    return result;
}

/// Names of the lab's machines.
std::string Lab::names() const {
    std::string host_name(256, '\0');
    ::gethostname(host_name.data(), host_name.size() - 1);
    host_name.resize(host_name.find('\0'));
    std::string hosts = "127.0.0.1 localhost " + host_name + "\n";
    for (const auto& link : plan_.links) {
        for (const auto& assigned : {link.near.address, link.near.address6}) {
            if (assigned.empty()) continue;
            hosts +=
                assigned.substr(0, assigned.find('/')) + " " + link.near.node + ".natlab.test\n";
        }
    }
    return hosts;
}

/// No name server: a program that asks for another name learns at once that there is none.
Result<void> Lab::write_name_files() const {
    auto result = replace_file(kHosts, names());
    if (result) {
        result = replace_file("/etc/resolv.conf", "# A lab has no name server.\n"
                                                  "nameserver 127.0.0.1\n"
                                                  "options timeout:1 attempts:1\n");
    }
    return result;
}

Result<void> Lab::update_names() const {
    // What stands there is our own since write_name_files().
    return std::filesystem::exists(kHosts) ? write_file(kHosts, names()) : Result<void>();
}

Result<void> Lab::make_networks() {
    auto make = [this](const std::string& name, bool forwards, bool ipv6) -> Result<void> {
        say("network of " + name);
        auto network = create_network(name);
        if (!network) return network.error();
        auto set = in_network(network->get(), [&] { return set_kernel_switches(forwards, ipv6); });
        if (!set) return set.error();
        networks_.emplace(name, *std::move(network));
        return {};
    };
    for (const auto& node : plan_.nodes) {
        const auto made = make(node.name, node.forwards, node.ipv6);
        if (!made) return made.error();
    }
    if (has_relay()) return make(std::string(kRelayNode), false, false);
    return {};
}

Result<Lab::Job> Lab::begin(std::string what, int network, const std::vector<std::string>& command,
                            const std::string& input) const {
    say(what + ":\n" + indented(input));
    Job job{std::move(what), -1, memory_file("")};
    const auto text = memory_file(input);
    if (!text || !job.output) return Error{Errc::Unsupported, "cannot make a memory file"};
    ChildOptions options;
    options.network = network;
    options.input = text.get();
    options.output = options.error = job.output.get();
    options.detached = true;
    const auto pid = start_command(command, options);
    if (!pid) return pid.error();
    job.pid = *pid;
    return job;
}

Result<void> Lab::finish(const Job& job) {
    const int status = wait_for(job.pid);
    if (status == 0) return {};
    return Error{Errc::Unsupported,
                 job.what + " failed with status " + std::to_string(status) + ":\n" +
                     indented(read_tail(job.output.get())),
                 status};
}

Result<void> Lab::configure_nodes() {
    const std::vector<std::string> ip{"ip", "-batch", "-"};
    auto links = begin("making the links (ip -batch)", -1, ip, link_script(plan_));
    if (!links) return links.error();

    std::vector<Result<Job>> jobs;
    for (const auto& node : plan_.nodes) {
        if (node.rules.empty()) continue;
        jobs.push_back(begin("loading the rules of " + node.name + " (nft -f)",
                             networks_.at(node.name).get(), {"nft", "-f", "-"}, node.rules));
    }
    auto result = finish(*links);
    for (const auto& node : plan_.nodes) {
        if (!result) break;
        jobs.push_back(begin("setting the addresses of " + node.name + " (ip -batch)",
                             networks_.at(node.name).get(), ip, node_script(plan_, node)));
    }
    if (result && has_relay()) {
        jobs.push_back(begin("starting the relay's ports (ip -batch)",
                             networks_.find(kRelayNode)->second.get(), ip, relay_script(plan_)));
    }
    for (const auto& job : jobs) {
        const auto done = job ? finish(*job) : Result<void>(job.error());
        if (result && !done) result = done;
    }
    for (const auto& node : plan_.nodes) {
        if (result) result = set_switches(node);
    }
    return result;
}

/// After the rules: they may have brought the kernel module that has the settings.
Result<void> Lab::set_switches(const Node& node) const {
    return in_network(networks_.at(node.name).get(), [&]() -> Result<void> {
        for (const auto& [name, value] : node.switches) {
            const auto written = write_file(kSwitches + name, value);
            if (!written) return written.error();
        }
        return {};
    });
}

Result<void> Lab::start_relay() {
    std::vector<RelayedLink> relayed;
    for (std::size_t i = 0; i < plan_.links.size(); ++i) {
        const auto& link = plan_.links[i];
        if (!link.impairment.relayed) continue;
        for (const auto& end : {link.near, link.far}) {
            const auto off =
                in_network(networks_.at(end.node).get(), [&] { return disable_offload(end.name); });
            if (!off) return off.error();
        }
        relayed_[i] = relayed.size();
        const auto [near, far] = relay_ports(i);
        relayed.push_back({near, far, link.impairment, options_.seed * plan_.links.size() + i});
    }
    auto relay = Result<LinkRelay>(Error{});
    const auto opened = in_network(networks_.find(kRelayNode)->second.get(), [&]() -> Result<void> {
        relay = LinkRelay::open(relayed);
        if (!relay) return relay.error();
        return {};
    });
    if (!opened) return opened.error();
    std::array<int, 2> ends{-1, -1};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        return Error{Errc::Unsupported, "cannot make a socket: " + errno_text(errno), errno};
    }
    const UniqueFd changes(ends[0]);
    relay_control_ = UniqueFd(ends[1]);
    return start_server(std::string(kRelayNode), [&] { relay->run(changes.get()); });
}

Result<void> Lab::start_version_answerer(const VersionPoint& point) {
    auto socket = Result<UniqueFd>(UniqueFd());
    const auto opened = in_network(networks_.at(point.node).get(), [&]() -> Result<void> {
        socket = open_version_answerer(point.address);
        if (!socket) return socket.error();
        return {};
    });
    if (!opened) return opened.error();
    return start_server("version answerer of " + point.node,
                        [&] { run_version_answerer(point.speaks, socket->get()); });
}

/// Starts a server that is part of this program.
Result<void> Lab::start_server(std::string name, const std::function<void()>& body) {
    say("starting " + name);
    ChildOptions options;
    options.detached = true;
    const auto pid = start_function(
        [&] {
            body();
            return 1; // servers do not end by themselves
        },
        options);
    if (!pid) return pid.error();
    servers_[*pid] = std::move(name);
    return {};
}

Result<UniqueFd> Lab::open_log(const std::string& name) const {
    const auto file = name + ".log";
    constexpr int kFlags = O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC;
    UniqueFd log(::openat(options_.logs, file.c_str(), kFlags, 0644));
    if (!log) {
        return Error{Errc::Unsupported,
                     "cannot write " + options_.log_path + "/" + file + ": " + errno_text(errno),
                     errno};
    }
    return log;
}

Result<void> Lab::start_daemon(const Daemon& daemon) {
    say("starting " + daemon.name + (daemon.config.empty() ? "" : ":\n" + indented(daemon.config)));
    if (!daemon.config.empty()) {
        const auto written = write_file(config_path(daemon.name), daemon.config);
        if (!written) return written.error();
    }
    auto log = open_log(daemon.name);
    if (!log) return log.error();
    const auto nothing = memory_file("");
    ChildOptions options;
    options.network = networks_.at(daemon.node).get();
    options.input = nothing.get();
    options.output = options.error = log->get();
    options.detached = true;
    const auto pid = start_command(daemon.command, options);
    if (!pid) return pid.error();
    servers_[*pid] = daemon.name;
    return {};
}

/// Until \a daemon has opened its sockets.
Result<void> Lab::await_daemon(const Daemon& daemon) {
    const auto log = [&] {
        const UniqueFd file(
            ::openat(options_.logs, (daemon.name + ".log").c_str(), O_RDONLY | O_CLOEXEC));
        return file ? ":\n" + indented(read_tail(file.get())) : std::string();
    };
    const auto pid = server_pid(daemon.name);
    const auto end = std::chrono::steady_clock::now() + kServerPatience;
    for (;;) {
        std::size_t missing = 0;
        const auto looked = in_network(networks_.at(daemon.node).get(), [&]() -> Result<void> {
            missing = missing_sockets(daemon);
            return {};
        });
        if (!looked) return looked.error();
        if (missing == 0) break;
        int status = 0;
        if (pid && ::waitpid(*pid, &status, WNOHANG) == *pid) {
            servers_.erase(*pid);
            return Error{Errc::Unsupported, daemon.name + " ended with status " +
                                                std::to_string(exit_status(status)) + log()};
        }
        if (std::chrono::steady_clock::now() > end) {
            return Error{Errc::Timeout,
                         daemon.name + " did not open its ports within 10 s" + log()};
        }
        std::this_thread::sleep_for(kServerPoll);
    }
    say(daemon.name + " is ready");
    return {};
}

Result<pid_t> Lab::start(std::string_view name, const std::vector<std::string>& command,
                         ChildOptions options) const {
    const auto* node = plan_.find(name);
    if (!node) return Error{Errc::NotFound, "there is no node '" + std::string(name) + "'"};
    options.network = networks_.at(node->name).get();
    options.environment = command_environment(*node, options_.log_path);
    return start_command(command, options);
}

std::optional<pid_t> Lab::server_pid(std::string_view name) const {
    const auto found = std::find_if(servers_.begin(), servers_.end(),
                                    [&](const auto& server) { return server.second == name; });
    if (found == servers_.end()) return std::nullopt;
    return found->first;
}

std::string Lab::server_name(pid_t pid) const {
    const auto found = servers_.find(pid);
    return found == servers_.end() ? std::string() : found->second;
}

} // namespace natterjack::lab
