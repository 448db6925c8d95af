// SPDX-License-Identifier: MIT
/// \file
/// \brief A shell command whose standard input and output are ours.
#pragma once

#include <functional>
#include <string>

#include <sys/types.h>

#include <natterjack/result.hpp>

#include "fd_io.hpp"

namespace nat_connect {

/// Belongs to the main thread. Its standard error is ours, and so is its process group, so that it
/// may ask for a password and Ctrl-C reaches it.
class Child {
public:
    /// Starts `/bin/sh -c COMMAND`. \a on_exit is called once, with a shell's $?.
    /// \retval Errc::Network  the system cannot start another process; detail: errno
    [[nodiscard]] static natterjack::Result<std::unique_ptr<Child>>
    start(const std::string& command, std::function<void(int status)> on_exit);
    /// If it still runs: SIGHUP to it and to what it runs, as when its terminal goes. Nothing is
    /// waited for.
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    /// What it reads; we write it. Ours to take, once.
    [[nodiscard]] Fd take_input() { return std::move(input_); }
    /// What it writes.
    [[nodiscard]] Fd take_output() { return std::move(output_); }
    [[nodiscard]] bool running() const { return pid_ != 0; }

private:
    Child() = default;
    static void handle_exit(pid_t pid, int wait_status, void* self);

    pid_t pid_ = 0;
    unsigned watch_ = 0;
    Fd input_;
    Fd output_;
    std::function<void(int)> on_exit_;
};

} // namespace nat_connect
