// SPDX-License-Identifier: MIT
// Changes of a lab while commands run in it.
#include <algorithm>
#include <csignal>
#include <filesystem>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "conntrack.hpp"
#include "ip_script.hpp"
#include "lab.hpp"
#include "link_relay.hpp"
#include "namespaces.hpp"
#include "node_environment.hpp"

namespace natterjack::lab {

namespace {

Error bad(std::string message) {
    return Error{Errc::InvalidArgument, std::move(message)};
}

std::string without_prefix(const std::string& address) {
    return address.substr(0, address.find('/'));
}

/// The first three bytes: all networks of a lab that have hosts are that large.
std::string network_of(const std::string& address) {
    return address.substr(0, address.rfind('.'));
}

} // namespace

Result<const Node*> Lab::node_called(const std::string& name) const {
    if (const auto* node = plan_.find(name)) return node;
    std::string message = "there is no node '" + name + "'; nodes are";
    for (const auto& node : plan_.nodes) message += " " + node.name;
    return Error{Errc::NotFound, std::move(message)};
}

Result<std::size_t> Lab::uplink_of(const Node& node) const {
    const auto found = std::find_if(plan_.links.begin(), plan_.links.end(),
                                    [&](const Link& link) { return link.near.node == node.name; });
    if (found == plan_.links.end()) {
        return bad("'" + node.name + "' has no link towards the internet");
    }
    return static_cast<std::size_t>(found - plan_.links.begin());
}

Result<void> Lab::run_tool(const std::string& what, const std::string& node, const Words& command,
                           const std::string& input) const {
    const auto network = networks_.find(node);
    const auto job = begin(what, network->second.get(), command, input);
    if (!job) return job.error();
    return finish(*job);
}

/// The router's rules as they were at first: without mappings, and without a memory of flows.
Result<void> Lab::reset_rules(const Node& node) const {
    if (!node.rules.empty()) {
        const auto loaded = run_tool("loading the rules of " + node.name + " (nft -f)", node.name,
                                     {"nft", "-f", "-"}, "flush ruleset\n" + node.rules);
        if (!loaded) return loaded.error();
    }
    return in_network(networks_.at(node.name).get(), forget_flows);
}

Result<void> Lab::halt(const std::string& name, bool cut) {
    const auto node = node_called(name);
    if (!node) return node.error();
    const auto has_daemon =
        std::any_of(plan_.daemons.begin(), plan_.daemons.end(),
                    [&](const Daemon& daemon) { return daemon.node == (*node)->name; });
    if (!has_daemon && !(*node)->forwards) {
        return bad("'" + (*node)->name + "' is a host of commands: there is nothing to reboot");
    }
    for (const auto& daemon : plan_.daemons) {
        if (daemon.node != (*node)->name) continue;
        // As when the power fails: it can neither say goodbye nor clean up.
        if (const auto pid = server_pid(daemon.name)) {
            ::kill(*pid, SIGKILL);
            wait_for(*pid);
            servers_.erase(*pid);
        }
    }
    return cut ? cut_links(**node, false) : Result<void>();
}

Result<void> Lab::boot(const std::string& name, bool keep_leases, bool cut) {
    const auto node = node_called(name);
    if (!node) return node.error();
    auto result = reset_rules(**node);
    if (result && cut) result = cut_links(**node, true);
    for (const auto& daemon : plan_.daemons) {
        if (!result || daemon.node != (*node)->name) continue;
        std::error_code none;
        if (!keep_leases) std::filesystem::remove(lease_path(daemon.name), none);
        result = start_daemon(daemon);
        if (result) result = await_daemon(daemon);
    }
    return result;
}

Result<void> Lab::flush(const std::string& name) {
    const auto node = node_called(name);
    if (!node) return node.error();
    if ((*node)->rules.empty()) return bad("'" + (*node)->name + "' keeps no mappings");
    return reset_rules(**node);
}

Result<void> Lab::readdress(const std::string& name, const std::string& address) {
    const auto node = node_called(name);
    if (!node) return node.error();
    const auto index = uplink_of(**node);
    if (!index) return index.error();
    auto& link = plan_.links[*index];
    const auto old = without_prefix(link.near.address);
    const auto gateway = without_prefix(link.far.address);
    in_addr parsed{};
    if (::inet_pton(AF_INET, address.c_str(), &parsed) != 1 ||
        network_of(address) != network_of(old) || address == gateway) {
        return bad("the address of '" + (*node)->name + "' must be one of " + network_of(old) +
                   ".0/24, and not " + gateway);
    }
    const auto on_device = address + "/24 dev " + link.near.name + "\n";
    auto script = "address del " + link.near.address + " dev " + link.near.name + "\naddress add " +
                  on_device + routes_script(**node);
    const auto moved = run_tool("changing the address of " + (*node)->name + " (ip -batch)",
                                (*node)->name, {"ip", "-batch", "-"}, script);
    if (!moved) return moved.error();
    rename_address(plan_, old, address);
    auto result = store_environments(plan_, options_.log_path);
    if (result) result = update_names();
    return result;
}

Result<void> Lab::set_link_up(std::size_t index, bool up) {
    const auto& link = plan_.links[index];
    const std::string state = up ? " up\n" : " down\n";
    const auto what = "link of " + link.near.node + " (ip -batch)";
    const Words ip{"ip", "-batch", "-"};
    if (link.impairment.relayed) {
        const auto ports = relay_ports(index);
        return run_tool(what, std::string(kRelayNode), ip,
                        "link set " + ports.near + state + "link set " + ports.far + state);
    }
    // At the far end: the near one loses its carrier, and keeps its addresses and routes. The far
    // one gets again what the kernel takes away from what is down.
    auto script = "link set " + link.far.name + state;
    if (up) script += addresses_script(link.far) + routes_script(*plan_.find(link.far.node));
    return run_tool(what, link.far.node, ip, script);
}

/// Every link of \a node.
Result<void> Lab::cut_links(const Node& node, bool up) {
    for (std::size_t i = 0; i < plan_.links.size(); ++i) {
        const auto& link = plan_.links[i];
        if (link.near.node != node.name && link.far.node != node.name) continue;
        const auto set = set_link_up(i, up);
        if (!set) return set.error();
    }
    return {};
}

Result<void> Lab::change_link(const std::string& name, const std::string& how) {
    const auto node = node_called(name);
    if (!node) return node.error();
    const auto index = uplink_of(**node);
    if (!index) return index.error();
    if (how == "up" || how == "down") return set_link_up(*index, how == "up");

    auto& link = plan_.links[*index];
    const auto impairment = parse_impairment(link.impairment, how);
    if (!impairment) return impairment.error();
    if (!link.impairment.relayed) {
        return bad("the link of '" + (*node)->name +
                   "' can only be cut; one whose SPEC has delay=, "
                   "jitter= or loss= (such as delay=0ms) can be changed");
    }
    link.impairment = *impairment;
    const LinkUpdate update{relayed_.at(*index), *impairment};
    const timeval patience{5, 0};
    ::setsockopt(relay_control_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    char done = 0;
    if (::send(relay_control_.get(), &update, sizeof update, MSG_NOSIGNAL) < 0 ||
        ::recv(relay_control_.get(), &done, sizeof done, 0) != static_cast<ssize_t>(sizeof done)) {
        return Error{Errc::Unsupported, "the relay does not listen"};
    }
    return {};
}

Result<void> Lab::change(const Words& words) {
    const auto flag = [&](std::string_view word) {
        return std::find(words.begin() + 2, words.end(), word) != words.end();
    };
    if (words.size() < 2) return bad("an incomplete request");
    const auto& [verb, node] = std::tie(words[0], words[1]);
    if (verb == "halt") return halt(node, flag("cut"));
    if (verb == "boot") return boot(node, flag("keep-leases"), flag("cut"));
    if (verb == "flush") return flush(node);
    if (verb == "readdress" && words.size() == 3) return readdress(node, words[2]);
    if (verb == "link" && words.size() == 3) return change_link(node, words[2]);
    return bad("an unknown request '" + verb + "'");
}

} // namespace natterjack::lab
