// SPDX-License-Identifier: MIT
#include "pinger.hpp"

#include <charconv>
#include <string>
#include <utility>

#include <glib.h>

namespace nat_connect {

namespace {

constexpr std::size_t kMaxEcho = 1024;                      // bytes of a ping that is answered
constexpr std::size_t kMaxWaiting = std::size_t{64} * 1024; // of answers
constexpr std::size_t kMaxUnderWay = 60;                    // pings that are still waited for

} // namespace

Pinger::Pinger(natterjack::Channel channel, unsigned count, Handlers handlers)
    : channel_(std::move(channel)), count_(count), handlers_(std::move(handlers)) {
    channel_.on_message([this](std::span<const std::uint8_t> message, bool) {
        const std::string text(message.begin(), message.end());
        unsigned number = 0;
        std::from_chars(text.data(), text.data() + text.size(), number);
        const auto found = under_way_.find(number);
        if (found == under_way_.end()) return;
        const auto took = std::chrono::steady_clock::now() - found->second;
        under_way_.erase(found);
        round_trips_.push_back(took);
        handlers_.on_reply(number, took);
        if (count_ != 0 && sent_ == count_ && under_way_.empty()) handlers_.on_done();
    });
    send_next();
    timer_ =
        g_timeout_add(static_cast<guint>(std::chrono::milliseconds(kInterval).count()), tick, this);
}

Pinger::~Pinger() {
    g_source_remove(timer_);
}

int Pinger::tick(void* self) {
    static_cast<Pinger*>(self)->send_next();
    return G_SOURCE_CONTINUE;
}

void Pinger::send_next() {
    if (count_ != 0 && sent_ == count_) return handlers_.on_done();
    ++sent_;
    under_way_[sent_] = std::chrono::steady_clock::now();
    if (under_way_.size() > kMaxUnderWay) under_way_.erase(under_way_.begin());
    (void)channel_.send_text(std::to_string(sent_));
}

void echo(natterjack::Channel& channel) {
    channel.on_message([&channel](std::span<const std::uint8_t> message, bool) {
        if (message.size() > kMaxEcho || channel.buffered_amount() > kMaxWaiting) return;
        (void)channel.send(message);
    });
}

} // namespace nat_connect
