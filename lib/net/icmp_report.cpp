// SPDX-License-Identifier: MIT
#include "net/icmp_report.hpp"

#include <cstddef>

#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include "net/received_message.hpp"

namespace natterjack::net {

namespace {

/// What the kernel puts into the error queue: its own struct, then who sent the ICMP message
/// (SO_EE_OFFENDER).
struct QueuedError {
    sock_extended_err error{};
    sockaddr_storage offender{};
};
static_assert(offsetof(QueuedError, offender) == sizeof(sock_extended_err));

/// Empty for path MTU and for errors of our own making.
std::optional<IcmpReport::Kind> kind_of(const sock_extended_err& error) {
    using Kind = IcmpReport::Kind;
    if (error.ee_origin == SO_EE_ORIGIN_ICMP) {
        if (error.ee_type == ICMP_TIME_EXCEEDED) return Kind::TimeExceeded;
        if (error.ee_type != ICMP_DEST_UNREACH || error.ee_code == ICMP_FRAG_NEEDED) return {};
        return error.ee_code == ICMP_PORT_UNREACH ? Kind::PortUnreachable : Kind::Unreachable;
    }
    if (error.ee_origin == SO_EE_ORIGIN_ICMP6) {
        if (error.ee_type == ICMP6_TIME_EXCEEDED) return Kind::TimeExceeded;
        if (error.ee_type != ICMP6_DST_UNREACH) return {};
        return error.ee_code == ICMP6_DST_UNREACH_NOPORT ? Kind::PortUnreachable
                                                         : Kind::Unreachable;
    }
    return {};
}

} // namespace

std::optional<IcmpReport> icmp_report(ReceivedMessage& queued, bool v4) {
    const auto said = v4 ? queued.ancillary<QueuedError>(IPPROTO_IP, IP_RECVERR)
                         : queued.ancillary<QueuedError>(IPPROTO_IPV6, IPV6_RECVERR);
    const auto kind = kind_of(said.error);
    if (!kind) return std::nullopt;
    SocketAddress offender;
    offender.storage = said.offender;
    // With this message comes the address that our packet was sent to.
    return IcmpReport{*kind, queued.peer(), to_endpoint(offender).address,
                      static_cast<int>(said.error.ee_errno)};
}

} // namespace natterjack::net
