// SPDX-License-Identifier: MIT
/// \file
/// \brief How the outside sees us: the first STUN server to answer tells.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <natterjack/loop.hpp>

#include "base/host_port.hpp"
#include "net/loop.hpp"
#include "net/resolver.hpp"
#include "net/udp_socket.hpp"
#include "proto/stun_binding.hpp"
#include "strategies/mapper.hpp"

namespace natterjack {

/// Asks all servers at once, from a socket of its own on \a path. Belongs to the loop's thread;
/// destroying it ends it without a word.
class OutsideView {
public:
    /// Our address; empty when nobody told.
    using Handler = std::function<void(std::optional<IpAddress> seen)>;

    /// Calls \a handler once: at the first answer, or when all have failed, or at \a deadline.
    /// Never before returning.
    OutsideView(Loop loop, const Path& path, const std::vector<HostPort>& servers,
                TimePoint deadline, Handler handler);
    OutsideView(const OutsideView&) = delete;
    OutsideView& operator=(const OutsideView&) = delete;

private:
    void ask(const Endpoint& server);
    void pump();
    void finish(std::optional<IpAddress> seen);

    Loop loop_;
    TimePoint deadline_;
    Handler handler_;
    std::unique_ptr<net::UdpSocket> socket_;
    std::list<net::Resolution> resolutions_;
    std::list<StunBinding> bindings_;
    std::size_t unresolved_ = 0;
    net::Timer retry_timer_;
    net::Timer end_timer_;
};

} // namespace natterjack
