// SPDX-License-Identifier: MIT
/// \file
/// \brief Runs a test of proto/ on a socket of its own.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "net/follow_deadline.hpp"
#include "net/loop.hpp"
#include "net/udp_socket.hpp"

namespace natterjack {

/// A fresh socket, kept open as long as this lives: a port that is used again would find the
/// filters open that its last owner opened.
///
/// \a Machine has start, handle_datagram, handle_timeout, poll_transmit, deadline and result.
/// Belongs to the loop's thread; destroying it ends it without a word. Must not be destroyed in
/// its own handler.
template<class Machine>
class TestSocket {
public:
    using Handler = std::function<void(const Machine& machine)>;

    /// Starts at once. Calls \a done once, never before returning; when no socket could be had,
    /// the machine has no result then.
    TestSocket(const Loop& loop, const IpAddress& source, unsigned interface, Machine machine,
               Handler done, bool dont_fragment = false)
        : machine_(std::move(machine)), done_(std::move(done)), timer_(loop) {
        auto socket = net::UdpSocket::open(
            loop, {.bind = {source, 0}, .interface = interface, .dont_fragment = dont_fragment});
        if (!socket) {
            timer_.start_at(net::now(), [this] { finish(); });
            return;
        }
        socket_ = *std::move(socket);
        socket_->on_datagram([this](const Endpoint& from, ByteView payload) {
            machine_.handle_datagram(from, payload, net::now());
            pump();
        });
        machine_.start(net::now());
        pump();
    }
    TestSocket(const TestSocket&) = delete;
    TestSocket& operator=(const TestSocket&) = delete;

    [[nodiscard]] const Machine& machine() const { return machine_; }
    /// Unspecified when there is no socket.
    [[nodiscard]] Endpoint local() const { return socket_ ? socket_->local() : Endpoint(); }

private:
    void pump() {
        while (const auto sent = machine_.poll_transmit()) {
            (void)socket_->send(sent->to, sent->payload); // a loss like any other
        }
        if (machine_.result()) {
            timer_.start_at(net::now(), [this] { finish(); });
        } else {
            net::follow_deadline(timer_, machine_, [this] { pump(); });
        }
    }
    void finish() {
        if (auto done = std::exchange(done_, nullptr)) done(machine_);
    }

    Machine machine_;
    Handler done_;
    std::unique_ptr<net::UdpSocket> socket_;
    net::Timer timer_;
};

} // namespace natterjack
