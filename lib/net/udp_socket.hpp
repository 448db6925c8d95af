// SPDX-License-Identifier: MIT
/// \file
/// \brief A UDP socket on the loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <natterjack/endpoint.hpp>
#include <natterjack/loop.hpp>

#include "base/bytes.hpp"
#include "base/datagram.hpp"
#include "net/icmp_report.hpp"

namespace natterjack::net {

/// Sends and receives datagrams of one address family. Belongs to the loop's thread.
class UdpSocket {
public:
    struct Options {
        /// Where to bind: its family is the socket's, an unspecified address means any, port 0
        /// means the kernel's choice.
        Endpoint bind;
        /// Interface index to which everything is confined (IP_UNICAST_IF and IP_MULTICAST_IF or
        /// their IPv6 kin, no privilege needed); 0: the routing table decides.
        unsigned interface = 0;
        int multicast_ttl = 2;      ///< UDA 2.0 section 1.3.3 default.
        bool dont_fragment = false; ///< What is larger than the path's MTU is lost, not cut.
        bool reuse_address = false; ///< Share the port with other programs (multicast listeners).
    };
    /// \a from is the sender; \a payload is valid during the call. At most 64 KiB.
    using DatagramHandler = std::function<void(const Endpoint& from, ByteView payload)>;
    /// Not called for path MTU news nor for errors of this host's own making.
    using IcmpHandler = std::function<void(const IcmpReport& report)>;

    /// \retval Errc::Network  the kernel refused (detail: errno)
    [[nodiscard]] static Result<std::unique_ptr<UdpSocket>> open(const Loop& loop,
                                                                 const Options& options);
    ~UdpSocket();
    UdpSocket(const UdpSocket&) = delete;
    UdpSocket& operator=(const UdpSocket&) = delete;

    /// Either may be empty. Replaces the former ones.
    void on_datagram(DatagramHandler handler);
    void on_icmp(IcmpHandler handler);

    /// \a hop_limit: 1 to 255 routers' worth of life (IPv4: TTL); 0: the system's default.
    /// \retval Errc::Network  the kernel refused (detail: errno)
    Result<void> send(const Endpoint& to, ByteView payload, int hop_limit = 0);
    /// Receives what is sent to \a group on interface \a interface_index too.
    Result<void> join(const IpAddress& group, unsigned interface_index);
    /// Address (unspecified when bound to any) and port in host order.
    [[nodiscard]] Endpoint local() const;

private:
    struct State;
    explicit UdpSocket(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
};

} // namespace natterjack::net
