// SPDX-License-Identifier: MIT
/// \file
/// \brief NAT-PMP and PCP of nat-lab-gateway: answers on UDP port 5351 of the LAN, and announces.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "net/udp_socket.hpp"
#include "tests/support/gateway/gateway.hpp"
#include "wire/natpmp.hpp"

namespace natterjack::gateway {

/// Serves as long as it lives. Tells the LAN by multicast that it has started, and when its
/// external address has changed (RFC 6886 section 3.2.1, RFC 6887 section 14.1.3).
class Port5351 {
public:
    /// \retval Errc::Network  the port cannot be opened
    [[nodiscard]] static Result<std::unique_ptr<Port5351>> open(Gateway& gateway,
                                                                unsigned lan_index);

private:
    using Bytes = std::vector<std::uint8_t>;

    explicit Port5351(Gateway& gateway) : gateway_(gateway), timer_(gateway.loop()) {}
    [[nodiscard]] std::optional<Bytes> answer(const Endpoint& from, ByteView request);
    [[nodiscard]] std::optional<Bytes> answer_pcp(const Endpoint& from, ByteView request);
    [[nodiscard]] std::optional<Bytes> answer_natpmp(const Endpoint& from, ByteView request);
    [[nodiscard]] pcp::ResultCode map(const pcp::Request& request, pcp::Response& response);
    [[nodiscard]] natpmp::MapResponse map(const IpAddress& host, const natpmp::MapRequest& request);
    void watch_address();
    void announce();

    Gateway& gateway_;
    std::unique_ptr<net::UdpSocket> socket_;
    net::Timer timer_;
    IpAddress announced_;
};

} // namespace natterjack::gateway
