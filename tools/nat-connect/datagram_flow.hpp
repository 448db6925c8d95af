// SPDX-License-Identifier: MIT
/// \file
/// \brief One UDP client's datagrams over an unreliable channel.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>

#include <natterjack/channel.hpp>

#include "fd_io.hpp"

namespace nat_connect {

/// As UDP, drops what there is no room for. Belongs to the main thread; may be destroyed in its
/// handlers.
class DatagramFlow {
public:
    /// Silence in both directions after which a client is forgotten: RFC 4787 section 4.3 wants a
    /// NAT to wait two minutes, and gives this to its users as the least to rely on.
    static constexpr std::chrono::seconds kIdleLimit{120};

    /// \a deliver gets what the peer sends; \a done is called once: idle, or the channel is gone.
    DatagramFlow(natterjack::Channel channel,
                 std::function<void(std::span<const std::uint8_t>)> deliver,
                 std::function<void()> done);
    /// The same with a connected, non-blocking socket of our own.
    DatagramFlow(natterjack::Channel channel, Fd socket, std::function<void()> done);
    ~DatagramFlow();
    DatagramFlow(const DatagramFlow&) = delete;
    DatagramFlow& operator=(const DatagramFlow&) = delete;

    /// How such channels are made.
    [[nodiscard]] static natterjack::ChannelOptions channel_options();

    /// To the peer.
    void send(std::span<const std::uint8_t> datagram);

private:
    static int look_at_idleness(void* self);
    void receive_from_socket();
    void finish();

    natterjack::Channel channel_;
    std::function<void(std::span<const std::uint8_t>)> deliver_;
    std::function<void()> done_;
    Fd socket_;
    std::unique_ptr<FdWatch> watch_;
    bool active_ = true; // since the last look
    unsigned timer_ = 0;
};

} // namespace nat_connect
