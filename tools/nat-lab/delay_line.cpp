// SPDX-License-Identifier: MIT
#include "delay_line.hpp"

#include <algorithm>

namespace natterjack::lab {

namespace {

/// IEEE 802.3: the type follows the two addresses. 0x0806: ARP (RFC 826).
bool is_arp(const DelayLine::Frame& frame) {
    constexpr std::size_t kTypeOffset = 12;
    return frame.size() >= kTypeOffset + 2 && frame[kTypeOffset] == 0x08 &&
           frame[kTypeOffset + 1] == 0x06;
}

} // namespace

void DelayLine::offer(Time now, Frame frame) {
    if (is_arp(frame)) {
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
