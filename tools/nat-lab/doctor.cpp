// SPDX-License-Identifier: MIT
#include "doctor.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include "exit_status.hpp"
#include "lab.hpp"
#include "link_relay.hpp"
#include "namespace_advice.hpp"
#include "namespaces.hpp"
#include "nft_rules.hpp"
#include "process.hpp"

namespace natterjack::lab {

namespace {

constexpr const char* kTrial = "trial";

long read_switch(const char* path) {
    long value = -1;
    std::ifstream(path) >> value;
    return value;
}

KernelSwitches read_switches() {
    return {read_switch("/proc/sys/kernel/unprivileged_userns_clone"),
            read_switch("/proc/sys/user/max_user_namespaces"),
            read_switch("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")};
}

std::vector<Check> check_all_programs() {
    std::vector<Check> checks;
    for (const auto& [program, remedy] : requirements()) {
        const auto path = find_program(program);
        checks.push_back({std::string(program), path.has_value(), path.value_or("not found"),
                          path ? "" : std::string(remedy)});
    }
    return checks;
}

/// Runs a helper program; its words become the error.
Result<void> try_program(const std::vector<std::string>& command, const std::string& input,
                         int network) {
    const auto text = memory_file(input);
    const auto output = memory_file("");
    ChildOptions options;
    options.network = network;
    options.input = text.get();
    options.output = options.error = output.get();
    const auto pid = start_command(command, options);
    if (!pid) return pid.error();
    if (wait_for(*pid) == 0) return {};
    auto words = read_tail(output.get());
    words.erase(words.find_last_not_of('\n') + 1);
    return Error{Errc::Unsupported, std::move(words)};
}

/// A ruleset that uses all that any lab uses.
std::string trial_rules() {
    RouterSpec router;
    router.filtering = Filtering::AddressDependent;
    router.port_mapping.igd = router.port_mapping.natpmp = true;
    router.hairpin = Hairpin::External;
    router.ports = Ports::Random;
    return nft_rules(router);
}

Result<void> try_packet_socket() {
    const UniqueFd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (socket) return {};
    return Error{Errc::Unsupported, errno_text(errno)};
}

/// In the sandbox: every step of building a lab, once.
std::vector<Check> try_building(const SandboxInit& init) {
    std::vector<Check> checks;
    UniqueFd network;
    const auto attempt = [&](const char* name, const char* success, const char* remedy,
                             const std::function<Result<void>()>& step) {
        const auto done = step();
        checks.push_back(
            {name, done.has_value(), done ? success : done.error().message, done ? "" : remedy});
        return done.has_value();
    };
    constexpr const char* kContainer =
        "in a container: give it --privileged, or --cap-add SYS_ADMIN --cap-add NET_ADMIN "
        "--security-opt seccomp=unconfined --security-opt apparmor=unconfined "
        "--security-opt systempaths=unconfined";
    if (!attempt("mounts", "own /proc and /run", kContainer, [&] { return settle(init); })) {
        return checks;
    }
    const bool networked =
        attempt("networks", "a network namespace", kContainer, [&]() -> Result<void> {
            auto made = create_network(kTrial);
            if (!made) return made.error();
            network = *std::move(made);
            return {};
        });
    if (!networked) return checks;
    attempt("links", "a veth pair", "load the kernel module: modprobe veth", [&] {
        return try_program({"ip", "link", "add", "name", "left", "type", "veth", "peer", "name",
                            "right", "netns", kTrial},
                           "", -1);
    });
    attempt("nat", "an nftables ruleset with NAT",
            "load the kernel modules: modprobe -a nf_tables nft_chain_nat nft_nat nft_masq nft_ct",
            [&] {
                return try_program({"nft", "-f", "-"}, trial_rules(), network.get());
            });
    attempt("relay", "AF_PACKET sockets (delay, jitter, loss)",
            "load the kernel module: modprobe af_packet", try_packet_socket);
    return checks;
}

/// In a sandbox, which hands its findings out through a file in memory.
std::vector<Check> check_sandbox() {
    const auto report = memory_file("");
    const auto sandbox = start_sandbox([&](SandboxInit init) {
        auto out = nlohmann::json::array();
        for (const auto& check : try_building(init)) {
            out.push_back({check.ok, check.name, check.detail, check.remedy});
        }
        const auto text = out.dump();
        return ::write(report.get(), text.data(), text.size()) > 0 ? 0 : 1;
    });
    std::error_code error;
    const auto remedy = namespace_remedy(read_switches(), ::geteuid() == 0,
                                         std::filesystem::read_symlink("/proc/self/exe", error));
    if (!sandbox) return {{"namespaces", false, sandbox.error().message, remedy}};
    const bool ended_well = wait_for(sandbox->init) == 0;

    constexpr std::size_t kMaxReport = 65536;
    std::vector<Check> checks{{"namespaces", ended_well, "user, mount, PID and network", ""}};
    const auto parsed = nlohmann::json::parse(read_tail(report.get(), kMaxReport), nullptr, false);
    if (!ended_well || !parsed.is_array()) {
        checks.front() = {"namespaces", false, "the sandbox ended before its time", remedy};
        return checks;
    }
    for (const auto& item : parsed) {
        checks.push_back({item[1].get<std::string>(), item[0].get<bool>(),
                          item[2].get<std::string>(), item[3].get<std::string>()});
    }
    // AppArmor lets the namespace be made, and then takes its rights away.
    if (!checks[1].ok && checks[1].detail.find("user namespace") != std::string::npos) {
        checks[0] = {"namespaces", false, checks[1].detail, remedy};
        checks.erase(checks.begin() + 1);
    }
    return checks;
}

constexpr int kNameWidth = 17; // of the longest name, and two

void print_human(const std::vector<Check>& checks, bool all) {
    for (const auto& check : checks) {
        std::cout << (check.ok ? "  ok       " : "  MISSING  ") << std::left
                  << std::setw(kNameWidth) << check.name << check.detail << "\n";
        if (!check.ok) std::cout << "           " << check.remedy << "\n";
    }
    std::cout << (all ? "This machine can build labs.\n"
                      : "This machine cannot build all labs; the lines above say what helps.\n");
}

void print_json(const std::vector<Check>& checks, bool all) {
    nlohmann::ordered_json out{{"schema", "nat-lab-doctor/1"}, {"ok", all}};
    for (const auto& check : checks) {
        nlohmann::ordered_json item{
            {"name", check.name}, {"ok", check.ok}, {"detail", check.detail}};
        if (!check.ok) item["remedy"] = check.remedy;
        out["checks"].push_back(item);
    }
    std::cout << out.dump(2) << "\n";
}

} // namespace

std::vector<Check> examine() {
    auto checks = check_all_programs();
    for (auto& check : check_sandbox()) checks.push_back(std::move(check));
    return checks;
}

int doctor(bool json) {
    const auto checks = examine();
    const bool all =
        std::all_of(checks.begin(), checks.end(), [](const Check& check) { return check.ok; });
    (json ? print_json : print_human)(checks, all);
    return all ? 0 : kExitUnavailable;
}

} // namespace natterjack::lab
