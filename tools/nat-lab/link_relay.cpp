// SPDX-License-Identifier: MIT
#include "link_relay.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

#include <arpa/inet.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "process.hpp"

namespace natterjack::lab {

namespace {

constexpr std::size_t kMaxFrame = 65536 + ETH_HLEN;
constexpr int kReceiveBuffer = 4 << 20;
/// How many frames are read from one interface before the others get their turn.
constexpr int kBatch = 64;

Error system_error(std::string what, int number = errno) {
    return Error{Errc::Unsupported, std::move(what) + ": " + errno_text(number), number};
}

DelayLine::Time now() {
    return std::chrono::steady_clock::now().time_since_epoch();
}

Result<UniqueFd> open_port(const std::string& interface) {
    // Protocol 0: nothing arrives before bind() has named the interface.
    UniqueFd port(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!port) return system_error("cannot open an AF_PACKET socket");
    const int on = 1;
    if (::setsockopt(port.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0) {
        return system_error("cannot leave out our own frames");
    }
    // Best effort: the default is enough for anything but bursts.
    ::setsockopt(port.get(), SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof kReceiveBuffer);

    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
    if (address.sll_ifindex == 0) return system_error("there is no interface " + interface);
    if (::bind(port.get(), reinterpret_cast<const sockaddr*>(&address), // NOLINT: bind's type
               sizeof address) != 0) {
        return system_error("cannot listen on " + interface);
    }
    return port;
}

/// What ppoll() may wait at most until \a due.
timespec time_left(DelayLine::Time due) {
    // Compared first: what is urgent is due at the beginning of time, from where nothing counts.
    const auto left = due > now() ? due - now() : DelayLine::Time::zero();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    return {seconds.count(), std::max((left - seconds).count(), DelayLine::Time::rep{0})};
}

} // namespace

Result<LinkRelay> LinkRelay::open(const std::vector<RelayedLink>& links) {
    LinkRelay relay;
    for (const auto& link : links) {
        auto near = open_port(link.near);
        if (!near) return near.error();
        auto far = open_port(link.far);
        if (!far) return far.error();
        const auto near_fd = near->get();
        const auto far_fd = far->get();
        relay.directions_.push_back({*std::move(near), far_fd, {link.impairment, 2 * link.seed}});
        relay.directions_.push_back(
            {*std::move(far), near_fd, {link.impairment, 2 * link.seed + 1}});
    }
    return relay;
}

void LinkRelay::Direction::receive() {
    static std::array<std::uint8_t, kMaxFrame> buffer;
    for (int i = 0; i < kBatch; ++i) {
        const auto size = ::recv(from.get(), buffer.data(), buffer.size(), 0);
        if (size <= 0) return;
        line.offer(now(), {buffer.begin(), buffer.begin() + size});
    }
}

void LinkRelay::Direction::send_due() {
    while (const auto frame = line.take(now())) {
        // A full interface loses frames, as it would in the kernel.
        ::send(to, frame->data(), frame->size(), 0);
    }
}

std::optional<DelayLine::Time> LinkRelay::deadline() const {
    std::optional<DelayLine::Time> first;
    for (const auto& direction : directions_) {
        const auto due = direction.line.deadline();
        if (due && (!first || *due < *first)) first = due;
    }
    return first;
}

void LinkRelay::take_change(int changes) {
    LinkUpdate update;
    if (::recv(changes, &update, sizeof update, 0) != static_cast<ssize_t>(sizeof update)) return;
    directions_.at(2 * update.link).line.change(update.impairment);
    directions_.at(2 * update.link + 1).line.change(update.impairment);
    const char done = 0;
    ::send(changes, &done, sizeof done, MSG_NOSIGNAL);
}

void LinkRelay::run(int changes) {
    std::vector<pollfd> waits;
    for (const auto& direction : directions_) waits.push_back({direction.from.get(), POLLIN, 0});
    waits.push_back({changes, POLLIN, 0});

    // By default the kernel may wake us 50 us late.
    ::prctl(PR_SET_TIMERSLACK, 1UL);
    for (;;) {
        const auto due = deadline();
        const auto timeout = due ? time_left(*due) : timespec{};
        ::ppoll(waits.data(), waits.size(), due ? &timeout : nullptr, nullptr);
        for (std::size_t i = 0; i < directions_.size(); ++i) {
            if (waits[i].revents != 0) directions_[i].receive();
            directions_[i].send_due();
        }
        if (waits.back().revents != 0) take_change(changes);
    }
}

Result<void> disable_offload(const std::string& interface) {
    const UniqueFd control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!control) return system_error("cannot open a socket");
    for (const auto command : {ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_STXCSUM}) {
        ethtool_value off{static_cast<std::uint32_t>(command), 0};
        ifreq request{};
        interface.copy(request.ifr_name, IFNAMSIZ - 1);
        request.ifr_data = reinterpret_cast<char*>(&off); // NOLINT: the ioctl's type
        if (::ioctl(control.get(), SIOCETHTOOL, &request) != 0) {
            return system_error("cannot switch offloading off on " + interface);
        }
    }
    return {};
}

} // namespace natterjack::lab
