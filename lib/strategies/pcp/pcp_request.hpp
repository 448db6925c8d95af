// SPDX-License-Identifier: MIT
/// \file
/// \brief One PCP request on a socket of its own.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <natterjack/loop.hpp>

#include "net/loop.hpp"
#include "net/udp_socket.hpp"
#include "proto/pcp_exchange.hpp"
#include "strategies/mapper.hpp"

namespace natterjack {

/// Asks the gateway of a path. A socket, and so a source port, for each request makes the answer
/// harder to forge and keeps requests from each other's answers.
class PcpRequest {
public:
    using Handler = std::function<void(Result<pcp::Response>)>;

    /// Sends at once. \a handler is called once, by \a give_up_at, never before this returns and
    /// never after destruction; it may destroy this. The errors are PcpExchange::result()'s and
    /// Errc::Network.
    PcpRequest(const Loop& loop, const Path& path, pcp::Request request, TimePoint give_up_at,
               Handler handler);
    PcpRequest(const PcpRequest&) = delete;
    PcpRequest& operator=(const PcpRequest&) = delete;

private:
    /// Sends what is due and waits for what comes next.
    void proceed();
    void finish(Result<pcp::Response> result);

    PcpExchange exchange_;
    Handler handler_;
    net::Timer timer_;
    std::unique_ptr<net::UdpSocket> socket_;
    std::optional<Error> send_error_;
};

} // namespace natterjack
