// SPDX-License-Identifier: MIT
/// \file
/// \brief Owns a file descriptor.
#pragma once

#include <utility>

#include <unistd.h>

namespace natterjack::net {

/// Closes its descriptor when destroyed. Move-only.
class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) noexcept : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        if (this != &other) {
            reset();
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }
    ~Fd() { reset(); }

    void reset() noexcept {
        if (fd_ >= 0) close(std::exchange(fd_, -1));
    }
    /// -1: none.
    [[nodiscard]] int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }

private:
    int fd_ = -1;
};

} // namespace natterjack::net
