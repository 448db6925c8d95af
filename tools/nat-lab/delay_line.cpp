// SPDX-License-Identifier: MIT
#include "delay_line.hpp"

#include <algorithm>

namespace natterjack::lab {

namespace {

/// ARP (RFC 826), or neighbour discovery, which is ICMPv6 of the types 133 to 137 (RFC 4861
/// section 4). IEEE 802.3: the frame's type follows its two addresses.
bool is_neighbourhood(const DelayLine::Frame& frame) {
    constexpr std::size_t kType = 12;
    constexpr std::size_t kNextHeader = kType + 2 + 6; // RFC 8200 section 3
    constexpr std::size_t kIcmpType = kType + 2 + 40;
    if (frame.size() < kType + 2) return false;
    const auto type = frame[kType] << 8 | frame[kType + 1];
    if (type == 0x0806) return true;
    return type == 0x86DD && frame.size() > kIcmpType && frame[kNextHeader] == 58 &&
           frame[kIcmpType] >= 133 && frame[kIcmpType] <= 137;
}

} // namespace

void DelayLine::offer(Time now, Frame frame) {
    if (is_neighbourhood(frame)) {
        if (urgent_.size() < kMaxFrames) urgent_.push_back(std::move(frame));
        return;
    }
    // Both are drawn for every frame, so that the losses do not depend on the jitter.
    const auto fate = random_() % 1'000'000;
    const auto spread = static_cast<std::uint64_t>(impairment_.jitter.count()) + 1;
    const auto jitter = std::chrono::microseconds(random_() % spread);
    if (fate < impairment_.loss_ppm || queue_.size() >= kMaxFrames) return;

    auto due = now + impairment_.delay + jitter;
    if (!queue_.empty()) due = std::max(due, queue_.back().due);
    queue_.push_back({due, std::move(frame)});
}

std::optional<DelayLine::Frame> DelayLine::take(Time now) {
    if (!urgent_.empty()) {
        auto frame = std::move(urgent_.front());
        urgent_.pop_front();
        return frame;
    }
    if (queue_.empty() || queue_.front().due > now) return std::nullopt;
    auto frame = std::move(queue_.front().frame);
    queue_.pop_front();
    return frame;
}

std::optional<DelayLine::Time> DelayLine::deadline() const {
    if (!urgent_.empty()) return Time::min();
    if (queue_.empty()) return std::nullopt;
    return queue_.front().due;
}

} // namespace natterjack::lab
