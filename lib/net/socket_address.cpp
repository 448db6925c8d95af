// SPDX-License-Identifier: MIT
#include "net/socket_address.hpp"

#include <algorithm>
#include <cstring>
#include <system_error>

#include <netinet/in.h>

namespace natterjack::net {

SocketAddress to_socket_address(const Endpoint& endpoint) {
    SocketAddress out;
    if (endpoint.address.is_v4()) {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = htons(endpoint.port);
        v4.sin_addr.s_addr = htonl(endpoint.address.to_v4());
        std::memcpy(&out.storage, &v4, sizeof v4);
        out.length = sizeof v4;
    } else {
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(endpoint.port);
        const auto bytes = endpoint.address.mapped_bytes();
        std::copy(bytes.begin(), bytes.end(), std::begin(v6.sin6_addr.s6_addr));
        v6.sin6_scope_id = endpoint.address.scope_id();
        std::memcpy(&out.storage, &v6, sizeof v6);
        out.length = sizeof v6;
    }
    return out;
}

Endpoint to_endpoint(const SocketAddress& address) {
    if (address.storage.ss_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &address.storage, sizeof v4);
        return {IpAddress::v4(ntohl(v4.sin_addr.s_addr)), ntohs(v4.sin_port)};
    }
    if (address.storage.ss_family != AF_INET6) return {};
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address.storage, sizeof v6);
    IpAddress::Bytes bytes{};
    std::copy(std::begin(v6.sin6_addr.s6_addr), std::end(v6.sin6_addr.s6_addr), bytes.begin());
    const auto plain = IpAddress::v6(bytes);
    return {plain.is_link_local() ? IpAddress::v6(bytes, v6.sin6_scope_id) : plain,
            ntohs(v6.sin6_port)};
}

int family_of(const IpAddress& address) {
    return address.is_v4() ? AF_INET : AF_INET6;
}

Error network_error(const std::string& what, int error_number) {
    return {Errc::Network, what + ": " + std::generic_category().message(error_number),
            error_number};
}

} // namespace natterjack::net
