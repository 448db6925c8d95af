// SPDX-License-Identifier: MIT
/// \file
/// \brief Reads and writes descriptors on GLib's default context, without ever blocking on them and
/// without changing flags that another process shares.
///
/// Objects may be destroyed inside their own handlers.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "net/fd.hpp"

namespace nat_connect {

using natterjack::net::Fd;

/// Takes standard input or output away from the process: what is returned is the stream itself, and
/// /dev/null has its number from now on, so that nobody else reads, writes or holds it open.
[[nodiscard]] Fd take_standard_stream(int number);

/// A close-on-exec copy of \a fd; -1 if there is none.
[[nodiscard]] Fd duplicate(int fd);

/// /dev/null, close-on-exec; -1 when there are too many open files.
[[nodiscard]] Fd open_nothing();

/// Makes our own end of a pipe or socket non-blocking.
void set_nonblocking(int fd);

/// Calls a handler whenever a descriptor is readable (or writable), ended or broken.
class FdWatch {
public:
    enum class For : std::uint8_t { Reading, Writing };
    FdWatch(int fd, For what, std::function<void()> handler);
    ~FdWatch();
    FdWatch(const FdWatch&) = delete;
    FdWatch& operator=(const FdWatch&) = delete;

private:
    std::shared_ptr<std::function<void()>> handler_;
    unsigned source_ = 0;
};

/// Reads as long as there is room.
class FdReader {
public:
    struct Handlers {
        /// How many bytes are wanted now; 0: none until resume().
        std::function<std::size_t()> room;
        std::function<void(std::span<const std::uint8_t>)> on_data;
        /// Once, the last call: 0 at the end of the stream, else errno.
        std::function<void(int error)> on_end;
    };
    FdReader(Fd fd, Handlers handlers);
    /// There may be room again.
    void resume();
    /// Reads no more; on_end is not called.
    void stop();

private:
    void read_some();

    Fd fd_;
    Handlers handlers_;
    std::unique_ptr<FdWatch> watch_;
    std::shared_ptr<int> alive_ = std::make_shared<int>();
};

/// Writes what it is given, in order. The owner bounds what waits, by on_written.
class FdWriter {
public:
    struct Handlers {
        std::function<void(std::size_t bytes)> on_written;
        /// Once, the last call: 0 when finish() has been done, else errno. The descriptor is
        /// closed.
        std::function<void(int error)> on_end;
    };
    FdWriter(Fd fd, Handlers handlers);
    /// After the end, does nothing.
    void write(std::span<const std::uint8_t> data);
    /// Closes the descriptor (a socket: its sending side) once all is written.
    void finish();

private:
    void write_some();
    void end(int error);

    Fd fd_;
    Handlers handlers_;
    std::size_t most_; // bytes of one write() that cannot block
    std::deque<std::vector<std::uint8_t>> queue_;
    std::size_t written_ = 0; // of the queue's first
    bool finishing_ = false;
    std::unique_ptr<FdWatch> watch_;
    std::shared_ptr<int> alive_ = std::make_shared<int>();
};

} // namespace nat_connect
