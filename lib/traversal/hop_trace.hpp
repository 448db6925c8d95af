// SPDX-License-Identifier: MIT
/// \file
/// \brief Looks which routers stand between us and an address, without any privilege.
#pragma once

#include <functional>
#include <memory>

#include <natterjack/loop.hpp>

#include "net/loop.hpp"
#include "net/udp_socket.hpp"
#include "proto/hop_search.hpp"
#include "strategies/mapper.hpp"

namespace natterjack {

/// A HopSearch on a socket of its own. Belongs to the loop's thread; destroying it ends it without
/// a word.
class HopTrace {
public:
    /// \retval Errc::Network  this host cannot send there
    using Handler = std::function<void(Result<HopList>)>;

    /// Looks towards \a target from \a path's source and interface (either may be unspecified).
    /// Calls \a handler once, at \a give_up_at at the latest, never before returning.
    HopTrace(const Loop& loop, const Path& path, const IpAddress& target, TimePoint give_up_at,
             HopSearch::Options options, Handler handler);
    HopTrace(const HopTrace&) = delete;
    HopTrace& operator=(const HopTrace&) = delete;

private:
    void take(const net::IcmpReport& report);
    void pump();
    void finish(Result<HopList> result);

    HopSearch search_;
    Handler handler_;
    std::unique_ptr<net::UdpSocket> socket_;
    IpAddress source_;
    net::Timer timer_;
};

} // namespace natterjack
