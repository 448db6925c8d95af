// SPDX-License-Identifier: MIT
#include "net/network_watch.hpp"

#include <array>
#include <cerrno>
#include <set>
#include <utility>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "net/fd.hpp"
#include "net/per_loop.hpp"
#include "net/socket_address.hpp"

namespace natterjack::net {

/// The socket of a loop; lives as long as somebody watches.
class NetworkWatch::Ear {
public:
    static Result<std::shared_ptr<Ear>> open(const Loop& loop);
    Ear(const Loop& loop, Fd fd)
        : fd_(std::move(fd)), watch_(loop, fd_.get(), [this] { drain(); }) {}

    std::set<NetworkWatch*> listeners;

private:
    // Only that something came counts; an overflow (ENOBUFS) says the same.
    void drain() {
        std::array<char, 8192> buffer{};
        while (::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT) > 0) {}
        for (auto* each : listeners) each->handle_change();
    }

    Fd fd_;
    ReadWatch watch_;
};

Result<std::shared_ptr<NetworkWatch::Ear>> NetworkWatch::Ear::open(const Loop& loop) {
    Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |
                        RTMGRP_IPV6_ROUTE;
    if (fd.get() < 0 ||
        ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
        return network_error("watching the network", errno);
    }
    return std::make_shared<Ear>(loop, std::move(fd));
}

Result<std::unique_ptr<NetworkWatch>> NetworkWatch::open(const Loop& loop, Duration settle,
                                                         std::function<void()> handler) {
    static PerLoop<Ear> ears;
    auto ear = ears.of(loop, [&] { return Ear::open(loop); });
    if (!ear) return ear.error();
    return std::unique_ptr<NetworkWatch>(
        new NetworkWatch(loop, *std::move(ear), settle, std::move(handler)));
}

NetworkWatch::NetworkWatch(const Loop& loop, std::shared_ptr<Ear> ear, Duration settle,
                           std::function<void()> handler)
    : ear_(std::move(ear)), settle_(settle), handler_(std::move(handler)), timer_(loop) {
    ear_->listeners.insert(this);
}

NetworkWatch::~NetworkWatch() {
    ear_->listeners.erase(this);
}

void NetworkWatch::handle_change() {
    timer_.start_after(settle_, [this] {
        const auto call = handler_; // it may destroy this
        call();
    });
}

} // namespace natterjack::net
