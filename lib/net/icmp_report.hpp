// SPDX-License-Identifier: MIT
/// \file
/// \brief What ICMP messages say about what a socket has sent.
#pragma once

#include <cstdint>
#include <optional>

#include <natterjack/endpoint.hpp>

namespace natterjack::net {

/// What an ICMP or ICMPv6 message said about a packet of ours (by IP_RECVERR, no privilege
/// needed). Evidence, not proof: anyone on the path can say so.
struct IcmpReport {
    enum class Kind : std::uint8_t {
        TimeExceeded,    ///< Its hop limit ended at `from`.
        PortUnreachable, ///< It arrived, and nothing listens there.
        Unreachable      ///< Host, network or protocol, or forbidden by somebody's policy.
    };
    Kind kind = Kind::Unreachable;
    Endpoint to;          ///< Where the packet was sent to.
    IpAddress from;       ///< Who reports; this host's own address where it found no neighbour.
    int error_number = 0; ///< The kernel's word for it: ECONNREFUSED, EHOSTUNREACH, ...

    friend bool operator==(const IcmpReport&, const IcmpReport&) = default;
};

class ReceivedMessage;

/// Empty for path MTU news and for errors of this host's own making. \a queued: read with
/// MSG_ERRQUEUE from a socket of the family that \a v4 tells.
[[nodiscard]] std::optional<IcmpReport> icmp_report(ReceivedMessage& queued, bool v4);

} // namespace natterjack::net
