// SPDX-License-Identifier: MIT
/// \file
/// \brief Lab: builds a Plan in the sandbox and starts its servers.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include <natterjack/result.hpp>

#include "control.hpp"
#include "process.hpp"
#include "topology.hpp"
#include "unique_fd.hpp"

namespace natterjack::lab {

/// What does not belong to the Plan.
struct LabOptions {
    std::uint64_t seed = 1; ///< Of everything random that we do ourselves: loss and jitter.
    bool verbose = false;   ///< Say on standard error what is built.
    int logs = -1;          ///< Directory for the servers' logs; -1: one in the sandbox.
    std::string log_path;   ///< Its path, for people and commands.
};

/// A lab that stands. Lives in the sandbox's first process; what it made ends with that process.
class Lab {
public:
    Lab(Plan plan, LabOptions options);

    /// Builds everything and waits until the servers answer, at most ten seconds.
    /// \retval Errc::Unsupported  the system refused something
    /// \retval Errc::NotFound     a program is missing; the message names its package
    /// \retval Errc::Timeout      a server did not come up; the message ends with its log
    [[nodiscard]] Result<void> build();

    /// Starts \a command in the node called \a name with that node's environment. Streams and
    /// detachment as in \a options.
    /// \retval Errc::NotFound  there is no such node
    [[nodiscard]] Result<pid_t> start(std::string_view name,
                                      const std::vector<std::string>& command,
                                      ChildOptions options) const;

    [[nodiscard]] const Plan& plan() const noexcept { return plan_; }

    /// Does what a command inside asks for; words as `nat-lab reboot`, `flush`, `readdress` and
    /// `link` send them.
    /// \retval Errc::NotFound         there is no such node
    /// \retval Errc::InvalidArgument  the node cannot do that, or not in this way
    /// \retval others                 as build()
    [[nodiscard]] Result<void> change(const Words& words);

    /// The name of the server that \a pid is; empty: it is none of ours.
    [[nodiscard]] std::string server_name(pid_t pid) const;

private:
    /// A helper program under way, and what it says.
    struct Job {
        std::string what;
        pid_t pid = -1;
        UniqueFd output;
    };

    [[nodiscard]] Result<void> make_networks();
    [[nodiscard]] Result<void> configure_nodes();
    [[nodiscard]] Result<void> set_switches(const Node& node) const;
    [[nodiscard]] Result<void> start_relay();
    [[nodiscard]] Result<void> start_version_answerer(const VersionPoint& point);
    [[nodiscard]] Result<void> start_server(std::string name, const std::function<void()>& body);
    [[nodiscard]] Result<void> start_daemon(const Daemon& daemon);
    [[nodiscard]] Result<void> await_daemon(const Daemon& daemon);
    [[nodiscard]] std::string names() const;
    [[nodiscard]] Result<void> write_name_files() const;
    [[nodiscard]] Result<void> update_names() const;
    [[nodiscard]] Result<Job> begin(std::string what, int network,
                                    const std::vector<std::string>& command,
                                    const std::string& input) const;
    [[nodiscard]] static Result<void> finish(const Job& job);
    [[nodiscard]] Result<UniqueFd> open_log(const std::string& name) const;
    [[nodiscard]] bool has_relay() const;
    [[nodiscard]] std::optional<pid_t> server_pid(std::string_view name) const;

    [[nodiscard]] Result<const Node*> node_called(const std::string& name) const;
    [[nodiscard]] Result<std::size_t> uplink_of(const Node& node) const;
    [[nodiscard]] Result<void> run_tool(const std::string& what, const std::string& node,
                                        const Words& command, const std::string& input) const;
    [[nodiscard]] Result<void> reset_rules(const Node& node) const;
    [[nodiscard]] Result<void> halt(const std::string& name, bool cut);
    [[nodiscard]] Result<void> boot(const std::string& name, bool keep_leases, bool cut);
    [[nodiscard]] Result<void> flush(const std::string& name);
    [[nodiscard]] Result<void> readdress(const std::string& name, const std::string& address);
    [[nodiscard]] Result<void> change_link(const std::string& name, const std::string& how);
    [[nodiscard]] Result<void> set_link_up(std::size_t index, bool up);
    [[nodiscard]] Result<void> cut_links(const Node& node, bool up);
    void say(const std::string& text) const;

    Plan plan_;
    LabOptions options_;
    std::map<std::string, UniqueFd, std::less<>> networks_;
    std::map<pid_t, std::string> servers_;
    std::map<std::size_t, std::size_t> relayed_; ///< A link's place in the Plan -> in the relay.
    UniqueFd relay_control_;                     ///< Takes each LinkUpdate.
};

/// A program that labs run, and how to get it.
struct Requirement {
    std::string_view program;
    std::string_view remedy;
};

/// All programs that some lab runs.
[[nodiscard]] const std::vector<Requirement>& requirements();

/// The programs that \a plan needs are here.
/// \retval Errc::NotFound  one is missing; the message says how to get it
[[nodiscard]] Result<void> check_programs(const Plan& plan);

} // namespace natterjack::lab
