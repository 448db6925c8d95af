// SPDX-License-Identifier: MIT
/// \file
/// \brief DelayLine: one direction of an impaired link. Sans I/O: time and seed are arguments.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <vector>

#include "spec.hpp"

namespace natterjack::lab {

/// Holds frames back and loses some. The same seed and the same number of frames lose the same
/// ones. Order is kept, as on a real access link. At most kMaxFrames wait; more are lost.
class DelayLine {
public:
    /// Since any one moment, the same for all calls.
    using Time = std::chrono::nanoseconds;
    using Frame = std::vector<std::uint8_t>;

    /// 40 ms at 25,000 frames a second: more than the relay itself carries.
    static constexpr std::size_t kMaxFrames = 1000;

    DelayLine(const Impairment& impairment, std::uint64_t seed)
        : impairment_(impairment), random_(seed) {}

    /// For frames that come from now on.
    void change(const Impairment& impairment) { impairment_ = impairment; }

    /// Takes an Ethernet frame in. ARP and IPv6 neighbour discovery are let through at once and
    /// never lost: how far away the next
    /// router is has nothing to do with how far the internet behind it is.
    void offer(Time now, Frame frame);

    /// The next frame that is due at \a now.
    [[nodiscard]] std::optional<Frame> take(Time now);

    /// When the next frame is due; nothing while the line is empty.
    [[nodiscard]] std::optional<Time> deadline() const;

private:
    struct Waiting {
        Time due;
        Frame frame;
    };

    Impairment impairment_;
    std::mt19937_64 random_; // its sequence is fixed by the standard; distributions are not
    std::deque<Waiting> queue_;
    std::deque<Frame> urgent_;
};

} // namespace natterjack::lab
