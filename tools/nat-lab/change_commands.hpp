// SPDX-License-Identifier: MIT
/// \file
/// \brief The command line of `nat-lab reboot`, `flush`, `readdress` and `link`.
#pragma once

#include <optional>
#include <string>

namespace CLI { // NOLINT(readability-identifier-naming): CLI11's
class App;
} // namespace CLI

namespace natterjack::lab {

/// What the commands that change a running lab are given.
struct ChangeWords {
    std::string node;
    std::string how;
    bool keep_leases = false;
    std::string down;
};

/// The subcommands that change a running lab, as part of \a app's command line.
class ChangeCommands {
public:
    explicit ChangeCommands(CLI::App& app);

    /// Once \a app has parsed: the exit status, if the command line was one of ours.
    [[nodiscard]] std::optional<int> run() const;

private:
    [[nodiscard]] CLI::App* add(CLI::App& app, const char* name, const char* meaning);

    ChangeWords words_;
    CLI::App* reboot_;
    CLI::App* flush_;
    CLI::App* readdress_;
    CLI::App* link_;
};

} // namespace natterjack::lab
