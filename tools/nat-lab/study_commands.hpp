// SPDX-License-Identifier: MIT
/// \file
/// \brief The command line of `nat-lab presets`, `recipe`, `matrix` and `selftest`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "matrix.hpp"

namespace CLI { // NOLINT(readability-identifier-naming): CLI11's
class App;
} // namespace CLI

namespace natterjack::lab {

/// The subcommands that tell about NATs, or try things behind many of them, as part of \a app's
/// command line.
class StudyCommands {
public:
    explicit StudyCommands(CLI::App& app);

    /// Once \a app has parsed: the exit status, if the command line was one of ours. \a command:
    /// what stood behind "--".
    [[nodiscard]] std::optional<int> run(const std::vector<std::string>& command) const;

private:
    [[nodiscard]] int run_matrix(const std::vector<std::string>& command) const;

    bool json_ = false;
    std::string spec_;
    std::vector<std::string> specs_;
    std::vector<std::string> lists_; ///< Of SPECs without options, with commas between.
    unsigned jobs_ = 2;
    unsigned timeout_ = 60; ///< Seconds.
    bool no_servers_ = false;
    CLI::App* presets_;
    CLI::App* recipe_;
    CLI::App* matrix_;
    CLI::App* selftest_;
};

} // namespace natterjack::lab
