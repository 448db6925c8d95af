// SPDX-License-Identifier: MIT
/// \file
/// \brief Endpoints to the kernel's sockaddr and back.
#pragma once

#include <sys/socket.h>

#include <natterjack/endpoint.hpp>

namespace natterjack::net {

/// A sockaddr of either family, in the shape that the socket calls take.
struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = sizeof(sockaddr_storage);

    [[nodiscard]] sockaddr* raw() { return reinterpret_cast<sockaddr*>(&storage); }
    [[nodiscard]] const sockaddr* raw() const {
        return reinterpret_cast<const sockaddr*>(&storage);
    }
};

/// Keeps the zone of a link-local address.
[[nodiscard]] SocketAddress to_socket_address(const Endpoint& endpoint);

/// IPv4-mapped addresses become IPv4; the zone is kept for link-local addresses only. A family
/// other than IPv4 and IPv6 gives the default-made Endpoint.
[[nodiscard]] Endpoint to_endpoint(const SocketAddress& address);

/// AF_INET or AF_INET6.
[[nodiscard]] int family_of(const IpAddress& address);

/// An Errc::Network that says what was tried and what the kernel answered.
[[nodiscard]] Error network_error(const std::string& what, int error_number);

} // namespace natterjack::net
