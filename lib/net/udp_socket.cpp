// SPDX-License-Identifier: MIT
#include "net/udp_socket.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

#include "net/fd.hpp"
#include "net/loop.hpp"
#include "net/received_message.hpp"
#include "net/socket_address.hpp"

namespace natterjack::net {

namespace {

constexpr std::size_t kMaxDatagram = 65536; // no UDP payload is longer

/// Datagrams taken at one wake-up. What is left waits for the loop's next turn, so that a flood
/// cannot keep timers and other sockets from theirs.
constexpr int kMaxReadsPerTurn = 32;

/// What we send to ourselves comes in by this one, whichever interface it names.
constexpr unsigned kLoopbackIndex = 1;

template<class T>
bool set_option(int fd, int level, int name, const T& value) {
    return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

bool set_multicast_v4(int fd, const UdpSocket::Options& options) {
    if (!set_option(fd, IPPROTO_IP, IP_MULTICAST_TTL, options.multicast_ttl)) return false;
    if (options.interface == 0) return true;
    ip_mreqn group{};
    group.imr_ifindex = static_cast<int>(options.interface);
    return set_option(fd, IPPROTO_IP, IP_UNICAST_IF, htonl(options.interface)) &&
           set_option(fd, IPPROTO_IP, IP_MULTICAST_IF, group);
}

bool set_multicast_v6(int fd, const UdpSocket::Options& options) {
    if (!set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, options.multicast_ttl)) return false;
    if (options.interface == 0) return true;
    return set_option(fd, IPPROTO_IPV6, IPV6_UNICAST_IF, htonl(options.interface)) &&
           set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, static_cast<int>(options.interface));
}

bool configure(int fd, const UdpSocket::Options& options) {
    constexpr int kOn = 1;
    // Both: another program may have set only one of them.
    if (options.reuse_address && !(set_option(fd, SOL_SOCKET, SO_REUSEADDR, kOn) &&
                                   set_option(fd, SOL_SOCKET, SO_REUSEPORT, kOn))) {
        return false;
    }
    // PROBE: the kernel neither cuts datagrams nor remembers what routers say of the path's MTU.
    const bool v4 = options.bind.address.is_v4();
    if (options.dont_fragment &&
        !(v4 ? set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, int{IP_PMTUDISC_PROBE})
             : set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, int{IPV6_PMTUDISC_PROBE}))) {
        return false;
    }
    if (v4) {
        return set_option(fd, IPPROTO_IP, IP_RECVERR, kOn) &&
               set_option(fd, IPPROTO_IP, IP_PKTINFO, kOn) && set_multicast_v4(fd, options);
    }
    return set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, kOn) &&
           set_option(fd, IPPROTO_IPV6, IPV6_RECVERR, kOn) &&
           set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, kOn) && set_multicast_v6(fd, options);
}

/// A header for sendmsg(), with a hop limit of its own where one is asked for.
class OutgoingMessage {
public:
    OutgoingMessage(SocketAddress to, ByteView payload, int hop_limit)
        : to_(to), data_{const_cast<std::uint8_t*>(payload.data()), payload.size()} {
        header_.msg_name = to_.raw();
        header_.msg_namelen = to_.length;
        header_.msg_iov = &data_;
        header_.msg_iovlen = 1;
        if (hop_limit == 0) return;
        header_.msg_control = control_.data();
        header_.msg_controllen = control_.size();
        cmsghdr* item = CMSG_FIRSTHDR(&header_);
        const bool v4 = to_.storage.ss_family == AF_INET;
        item->cmsg_level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
        item->cmsg_type = v4 ? IP_TTL : IPV6_HOPLIMIT;
        item->cmsg_len = CMSG_LEN(sizeof hop_limit);
        std::memcpy(CMSG_DATA(item), &hop_limit, sizeof hop_limit);
    }
    OutgoingMessage(const OutgoingMessage&) = delete;
    OutgoingMessage& operator=(const OutgoingMessage&) = delete;

    [[nodiscard]] ssize_t send(int fd) const { return sendmsg(fd, &header_, MSG_NOSIGNAL); }

private:
    SocketAddress to_;
    iovec data_;
    alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(int))> control_{};
    msghdr header_{};
};

} // namespace

struct UdpSocket::State : std::enable_shared_from_this<State> {
    Fd fd;
    Options options;
    std::unique_ptr<ReadWatch> watch; // gone: the socket is closed
    std::vector<std::uint8_t> buffer;
    // Shared, so that a handler may replace or destroy itself while it runs.
    std::shared_ptr<const DatagramHandler> on_datagram;
    std::shared_ptr<const IcmpHandler> on_icmp;

    void handle_readable();
    bool read_error();
    bool read_datagram();
    [[nodiscard]] unsigned arrival_interface(ReceivedMessage& message) const;
};

Result<std::unique_ptr<UdpSocket>> UdpSocket::open(const Loop& loop, const Options& options) {
    const auto state = std::make_shared<State>();
    const auto where = options.bind.to_string();
    state->options = options;
    state->fd = Fd(socket(family_of(options.bind.address),
                          SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP));
    if (!state->fd) return network_error("cannot make a UDP socket", errno);
    if (!configure(state->fd.get(), options)) {
        return network_error("cannot set up a UDP socket on " + where, errno);
    }
    const auto address = to_socket_address(options.bind);
    if (bind(state->fd.get(), address.raw(), address.length) != 0) {
        return network_error("cannot bind a UDP socket to " + where, errno);
    }
    state->buffer.resize(kMaxDatagram);
    state->watch =
        std::make_unique<ReadWatch>(loop, state->fd.get(), [weak = std::weak_ptr(state)] {
            if (const auto self = weak.lock()) self->handle_readable();
        });
    return std::unique_ptr<UdpSocket>(new UdpSocket(state));
}

UdpSocket::UdpSocket(std::shared_ptr<State> state) : state_(std::move(state)) {
}

UdpSocket::~UdpSocket() {
    state_->watch.reset();
    state_->fd.reset();
}

void UdpSocket::State::handle_readable() {
    for (int i = 0; watch != nullptr && i < kMaxReadsPerTurn && read_error(); ++i) {}
    for (int i = 0; watch != nullptr && i < kMaxReadsPerTurn && read_datagram(); ++i) {}
}

// False when there is nothing more to read.
bool UdpSocket::State::read_error() {
    ReceivedMessage message(fd.get(), buffer, MSG_ERRQUEUE);
    if (message.size() < 0) return false;
    const auto report = icmp_report(message, options.bind.address.is_v4());
    if (const auto handler = on_icmp; handler && report) (*handler)(*report);
    return true;
}

bool UdpSocket::State::read_datagram() {
    ReceivedMessage message(fd.get(), buffer, 0);
    if (message.size() < 0) {
        // Anything but "empty" is a pending ICMP error; reading has taken it away.
        return message.error_number() != EAGAIN && message.error_number() != EBADF;
    }
    const unsigned arrival = arrival_interface(message);
    const bool confined = options.interface != 0;
    if (confined && arrival != options.interface && arrival != kLoopbackIndex) return true;
    if (const auto handler = on_datagram) {
        (*handler)(message.peer(),
                   ByteView(buffer).first(static_cast<std::size_t>(message.size())));
    }
    return true;
}

unsigned UdpSocket::State::arrival_interface(ReceivedMessage& message) const {
    if (options.bind.address.is_v4()) {
        const auto info = message.ancillary<in_pktinfo>(IPPROTO_IP, IP_PKTINFO);
        return static_cast<unsigned>(info.ipi_ifindex);
    }
    return message.ancillary<in6_pktinfo>(IPPROTO_IPV6, IPV6_PKTINFO).ipi6_ifindex;
}

void UdpSocket::on_datagram(DatagramHandler handler) {
    state_->on_datagram =
        handler ? std::make_shared<const DatagramHandler>(std::move(handler)) : nullptr;
}

void UdpSocket::on_icmp(IcmpHandler handler) {
    state_->on_icmp = handler ? std::make_shared<const IcmpHandler>(std::move(handler)) : nullptr;
}

Result<void> UdpSocket::send(const Endpoint& to, ByteView payload, int hop_limit) {
    auto target = to;
    if (to.address.is_link_local() && !to.address.is_v4() && to.address.scope_id() == 0) {
        target.address = IpAddress::v6(to.address.mapped_bytes(), state_->options.interface);
    }
    const OutgoingMessage message(to_socket_address(target), payload, hop_limit);
    const auto try_send = [&] { return message.send(state_->fd.get()); };
    // An ICMP error about an earlier datagram, to whomever, is reported by the next call on the
    // socket, once. It says nothing about this datagram.
    if (try_send() >= 0 || (errno != EAGAIN && try_send() >= 0)) return {};
    return network_error("cannot send to " + to.to_string(), errno);
}

Result<void> UdpSocket::join(const IpAddress& group, unsigned interface_index) {
    bool joined = false;
    if (group.is_v4()) {
        ip_mreqn request{};
        request.imr_multiaddr.s_addr = htonl(group.to_v4());
        request.imr_ifindex = static_cast<int>(interface_index);
        joined = set_option(state_->fd.get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, request);
    } else {
        ipv6_mreq request{};
        const auto bytes = group.mapped_bytes();
        std::copy(bytes.begin(), bytes.end(), std::begin(request.ipv6mr_multiaddr.s6_addr));
        request.ipv6mr_interface = interface_index;
        joined = set_option(state_->fd.get(), IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, request);
    }
    if (joined) return {};
    return network_error("cannot join the multicast group " + group.to_string(), errno);
}

Endpoint UdpSocket::local() const {
    SocketAddress address;
    if (getsockname(state_->fd.get(), address.raw(), &address.length) != 0) return {};
    return to_endpoint(address);
}

} // namespace natterjack::net
