// SPDX-License-Identifier: MIT
#include "datagram_flow.hpp"

#include <array>
#include <utility>

#include <sys/socket.h>

#include <glib.h>

namespace nat_connect {

namespace {

/// More than this waiting in the channel, and datagrams are dropped: a queue is no use to UDP.
constexpr std::size_t kMaxWaiting = std::size_t{256} * 1024;
/// Datagrams between two looks at everything else that goes on.
constexpr int kDatagramsInARow = 32;

} // namespace

DatagramFlow::DatagramFlow(natterjack::Channel channel,
                           std::function<void(std::span<const std::uint8_t>)> deliver,
                           std::function<void()> done)
    : channel_(std::move(channel)), deliver_(std::move(deliver)), done_(std::move(done)) {
    channel_.on_message([this](auto message, bool text) {
        if (text) return; // a refusal; the end of the channel follows
        active_ = true;
        deliver_(message);
    });
    channel_.on_closed([this](const auto&) { finish(); });
    // Twice without activity between: at least one limit, at most two.
    timer_ = g_timeout_add_seconds(static_cast<guint>(kIdleLimit.count()), look_at_idleness, this);
}

DatagramFlow::DatagramFlow(natterjack::Channel channel, Fd socket, std::function<void()> done)
    : DatagramFlow(
          std::move(channel),
          [this](auto message) {
              ::send(socket_.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
          },
          std::move(done)) {
    socket_ = std::move(socket);
    watch_ = std::make_unique<FdWatch>(socket_.get(), FdWatch::For::Reading,
                                       [this] { receive_from_socket(); });
}

DatagramFlow::~DatagramFlow() {
    if (timer_ != 0) g_source_remove(timer_);
}

natterjack::ChannelOptions DatagramFlow::channel_options() {
    natterjack::ChannelOptions options;
    options.ordered = false;
    options.max_retransmits = 0;
    return options;
}

void DatagramFlow::send(std::span<const std::uint8_t> datagram) {
    active_ = true;
    if (channel_.buffered_amount() + datagram.size() > kMaxWaiting) return;
    (void)channel_.send(datagram);
}

void DatagramFlow::receive_from_socket() {
    std::array<std::uint8_t, 65536> buffer; // NOLINT(*member-init): recv() fills it
    for (int i = 0; i < kDatagramsInARow; ++i) {
        const ssize_t length = recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (length < 0) return; // nothing more, or an ICMP error: the next may arrive
        send({buffer.data(), static_cast<std::size_t>(length)});
    }
}

int DatagramFlow::look_at_idleness(void* self) {
    auto* flow = static_cast<DatagramFlow*>(self);
    if (std::exchange(flow->active_, false)) return G_SOURCE_CONTINUE;
    flow->timer_ = 0;
    flow->channel_.close();
    flow->finish();
    return G_SOURCE_REMOVE;
}

void DatagramFlow::finish() {
    const auto done = std::exchange(done_, nullptr);
    if (done) done(); // may destroy us
}

} // namespace nat_connect
