// SPDX-License-Identifier: MIT
/// \file
/// \brief The process's one usrsctp: set up when the first association is made, without threads of
/// its own. Nobody but SctpAssociation includes this.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "base/bytes.hpp"
#include "base/time.hpp"

namespace natterjack::ice {

class SctpAssociation;

/// usrsctp keeps its state in globals. Every call into it is made with lock() held, so that
/// associations on different loops may live in one process; its callbacks run inside such calls.
class SctpStack {
public:
    static SctpStack& instance();

    [[nodiscard]] std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex_); }

    // All below with lock() held.

    /// Sets usrsctp up for the first association. The result stands for it as an AF_CONN address:
    /// a number, not a pointer, so that what usrsctp still does for one that is gone finds nobody.
    [[nodiscard]] std::uintptr_t add(SctpAssociation& association);
    /// Takes usrsctp down after the last one, unless it still has something to do; then it stays.
    void remove(std::uintptr_t address);
    /// Tells usrsctp's timers what time it is. False when no whole millisecond has passed, and so
    /// nothing happened.
    bool advance(TimePoint now);
    /// The first instant after \a now at which timers are worth looking at. All associations of a
    /// process share the grid, so that one pass serves all.
    [[nodiscard]] static TimePoint next_tick(TimePoint now, Duration tick);
    /// Room for one piece of a message on its way out of usrsctp.
    [[nodiscard]] std::array<std::uint8_t, 65536>& scratch() { return scratch_; }

private:
    SctpStack() = default;
    void set_up();
    static int on_output(void* address, void* packet, std::size_t size, std::uint8_t tos,
                         std::uint8_t set_df);

    std::mutex mutex_;
    std::unordered_map<std::uintptr_t, SctpAssociation*> associations_;
    std::uintptr_t next_address_ = 1;
    bool ready_ = false;
    TimePoint last_{};
    std::array<std::uint8_t, 65536> scratch_{};
};

} // namespace natterjack::ice
