// SPDX-License-Identifier: MIT
/// \file
/// \brief Child processes: found in PATH, started in a network namespace, waited for.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include <natterjack/result.hpp>

#include "unique_fd.hpp"

namespace natterjack::lab {

using Environment = std::map<std::string, std::string>;

/// How a child is started.
struct ChildOptions {
    int network = -1; ///< Network namespace to enter; -1: the caller's.
    int input = -1;   ///< Becomes standard input; -1: the caller's.
    int output = -1;  ///< Becomes standard output; -1: the caller's.
    int error = -1;   ///< Becomes standard error; -1: the caller's.
    /// In a session of its own, so that Ctrl-C at the terminal does not reach it.
    bool detached = false;
    bool dies_with_us = false; ///< Killed when this process ends, whatever ends it.
    Environment environment;   ///< Added to the caller's own.
};

/// The absolute path of \a program, looked for in PATH, then in /usr/sbin and /sbin, which the PATH
/// of ordinary users lacks on Debian, then beside this program and in its libexec. Nothing if there
/// is no such program.
[[nodiscard]] std::optional<std::string> find_program(std::string_view program);

/// Starts \a command (first word: the program, as find_program() finds it).
/// A program that cannot be run ends with status 127 (not found) or 126, as in a shell, having said
/// so on its standard error.
/// \retval Errc::Network  the system cannot start another process; detail: errno
[[nodiscard]] Result<pid_t> start_command(const std::vector<std::string>& command,
                                          const ChildOptions& options);

/// Starts a child that runs \a body and ends with its result.
[[nodiscard]] Result<pid_t> start_function(const std::function<int()>& body,
                                           const ChildOptions& options);

/// As a shell's $?: the exit status, or 128 + the number of the signal. \a wait_status: from
/// waitpid().
[[nodiscard]] int exit_status(int wait_status) noexcept;

/// Waits for \a pid. Returns its exit_status().
int wait_for(pid_t pid) noexcept;

/// A file in memory that holds \a text, positioned at its start; for a child's standard streams.
[[nodiscard]] UniqueFd memory_file(std::string_view text);

/// At most the last \a limit bytes of what \a fd holds.
[[nodiscard]] std::string read_tail(int fd, std::size_t limit = 4096);

/// Replaces this process by \a command, with \a environment added. Returns only on failure: 127 or
/// 126, having said why on standard error.
int replace_process(const std::vector<std::string>& command, const Environment& environment);

/// The message of an errno value.
[[nodiscard]] std::string errno_text(int number);

} // namespace natterjack::lab
