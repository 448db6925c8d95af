// SPDX-License-Identifier: MIT
/// \file
/// \brief Runs a test of proto/ on sockets of its own.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/datagram.hpp"
#include "net/follow_deadline.hpp"
#include "net/loop.hpp"
#include "net/udp_socket.hpp"

namespace natterjack {

/// A fresh socket, or several, kept open as long as this lives: a port that is used again would
/// find the filters open that its last owner opened.
///
/// \a Machine has start, handle_datagram, handle_timeout, poll_transmit, deadline and result. One
/// that speaks from several sockets (\a Lanes) names the socket, as the first argument of
/// handle_datagram and in what poll_transmit returns. Belongs to the loop's thread; destroying it
/// ends it without a word. Must not be destroyed in its own handler.
template<class Machine, int Lanes = 1>
class TestSocket {
public:
    using Handler = std::function<void(const Machine& machine)>;

    /// Starts at once. Calls \a done once, never before returning; when no socket could be had,
    /// the machine has no result then.
    TestSocket(const Loop& loop, const IpAddress& source, unsigned interface, Machine machine,
               Handler done, bool dont_fragment = false)
        : machine_(std::move(machine)), done_(std::move(done)), timer_(loop) {
        const net::UdpSocket::Options options{
            .bind = {source, 0}, .interface = interface, .dont_fragment = dont_fragment};
        for (int lane = 0; lane < Lanes; ++lane) {
            auto socket = net::UdpSocket::open(loop, options);
            if (!socket) {
                finish_soon();
                return;
            }
            sockets_.push_back(*std::move(socket));
            sockets_.back()->on_datagram([this, lane](const Endpoint& from, ByteView payload) {
                take(lane, from, payload);
            });
        }
        machine_.start(net::now());
        pump();
    }
    TestSocket(const TestSocket&) = delete;
    TestSocket& operator=(const TestSocket&) = delete;

    [[nodiscard]] const Machine& machine() const { return machine_; }
    /// Of the first socket; unspecified when there is none.
    [[nodiscard]] Endpoint local() const {
        return sockets_.empty() ? Endpoint() : sockets_.front()->local();
    }

private:
    void take([[maybe_unused]] int lane, const Endpoint& from, ByteView payload) {
        if constexpr (Lanes == 1) {
            machine_.handle_datagram(from, payload, net::now());
        } else {
            machine_.handle_datagram(lane, from, payload, net::now());
        }
        pump();
    }
    void pump() {
        while (const auto sent = machine_.poll_transmit()) send(*sent);
        if (machine_.result()) {
            finish_soon();
        } else {
            net::follow_deadline(timer_, machine_, [this] { pump(); });
        }
    }
    // What cannot be sent is a loss like any other.
    void send(const Datagram& datagram) {
        (void)sockets_.front()->send(datagram.to, datagram.payload);
    }
    void send(const LaneDatagram& sent) {
        const auto& socket = sockets_[static_cast<std::size_t>(sent.lane)];
        (void)socket->send(sent.datagram.to, sent.datagram.payload);
    }
    void finish_soon() {
        timer_.start_at(net::now(), [this] {
            if (auto done = std::exchange(done_, nullptr)) done(machine_);
        });
    }

    Machine machine_;
    Handler done_;
    std::vector<std::unique_ptr<net::UdpSocket>> sockets_;
    net::Timer timer_;
};

} // namespace natterjack
