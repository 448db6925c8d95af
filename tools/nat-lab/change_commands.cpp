// SPDX-License-Identifier: MIT
#include "change_commands.hpp"

#include <CLI/CLI.hpp>
#include <iostream>
#include <thread>

#include "control.hpp"
#include "exit_status.hpp"
#include "spec.hpp"

namespace natterjack::lab {

namespace {

constexpr const char* kChangeExamples = R"(
To be called by commands inside a lab, on the lab that they are in.

Examples:
  nat-lab reboot router-a --down 2s
  nat-lab reboot router-a --keep-leases
  nat-lab reboot internet
  nat-lab flush router-a
  nat-lab readdress router-a 25.0.113.77
  nat-lab readdress a 192.168.1.11
  nat-lab link a down
  nat-lab link router-a delay=80ms,loss=5%)";

/// Asks the lab for each change in turn. Returns the exit status.
int change_lab(const std::vector<Words>& requests) {
    for (const auto& request : requests) {
        const auto done = ask_lab(request);
        if (done) continue;
        std::cerr << "nat-lab: " << done.error().message << std::endl;
        const auto code = done.error().code;
        return code == natterjack::Errc::Unsupported || code == natterjack::Errc::Timeout
                   ? kExitUnavailable
                   : kExitUsage;
    }
    return 0;
}

int reboot_command(const ChangeWords& words) {
    Words halt{"halt", words.node};
    Words boot{"boot", words.node};
    if (words.keep_leases) boot.emplace_back("keep-leases");
    if (words.down.empty()) return change_lab({halt, boot});
    const auto time = parse_impairment({}, "delay=" + words.down);
    if (!time) {
        std::cerr << "nat-lab: --down: the time must look like 2s or 500ms, at most 10s\n";
        return kExitUsage;
    }
    halt.emplace_back("cut");
    boot.emplace_back("cut");
    const auto status = change_lab({halt});
    if (status != 0) return status;
    std::this_thread::sleep_for(time->delay);
    return change_lab({boot});
}

} // namespace

ChangeCommands::ChangeCommands(CLI::App& app) {
    reboot_ = add(app, "reboot", "Inside a lab: restart a router, or 'internet' with its servers");
    reboot_->add_flag("--keep-leases", words_.keep_leases,
                      "It remembers the mappings that programs asked for");
    reboot_->add_option("--down", words_.down, "Its links are down for so long")->type_name("TIME");
    flush_ = add(app, "flush", "Inside a lab: a router forgets its mappings and its flows");
    readdress_ = add(app, "readdress",
                     "Inside a lab: give a host, or a router's WAN side, "
                     "another address");
    readdress_->add_option("ADDRESS", words_.how, "One of the same network")->required();
    link_ = add(app, "link", "Inside a lab: cut, restore or change a node's link");
    link_->add_option("HOW", words_.how, "up, down, or delay=TIME, jitter=TIME, loss=PERCENT%")
        ->required();
}

std::optional<int> ChangeCommands::run() const {
    if (reboot_->parsed()) return reboot_command(words_);
    if (flush_->parsed()) return change_lab({{"flush", words_.node}});
    if (readdress_->parsed()) return change_lab({{"readdress", words_.node, words_.how}});
    if (link_->parsed()) return change_lab({{"link", words_.node, words_.how}});
    return std::nullopt;
}

CLI::App* ChangeCommands::add(CLI::App& app, const char* name, const char* meaning) {
    auto* command = app.add_subcommand(name, meaning);
    command->add_option("NODE", words_.node, "Such as router-a")->required();
    command->footer(kChangeExamples);
    return command;
}

} // namespace natterjack::lab
