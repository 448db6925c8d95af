// SPDX-License-Identifier: MIT
#include "net/network_watch.hpp"

#include <array>
#include <cerrno>
#include <utility>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "net/socket_address.hpp"

namespace natterjack::net {

Result<std::unique_ptr<NetworkWatch>> NetworkWatch::open(const Loop& loop, Duration settle,
                                                         std::function<void()> handler) {
    Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |
                        RTMGRP_IPV6_ROUTE;
    if (fd.get() < 0 ||
        ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
        return network_error("watching the network", errno);
    }
    return std::unique_ptr<NetworkWatch>(
        new NetworkWatch(loop, std::move(fd), settle, std::move(handler)));
}

NetworkWatch::NetworkWatch(const Loop& loop, Fd fd, Duration settle, std::function<void()> handler)
    : fd_(std::move(fd)),
      settle_(settle),
      handler_(std::move(handler)),
      timer_(loop),
      watch_(loop, fd_.get(), [this] { drain(); }) {
}

// Only that something came counts; an overflow (ENOBUFS) says the same.
void NetworkWatch::drain() {
    std::array<char, 8192> buffer{};
    while (::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT) > 0) {}
    timer_.start_after(settle_, [this] {
        const auto call = handler_; // it may destroy this
        call();
    });
}

} // namespace natterjack::net
