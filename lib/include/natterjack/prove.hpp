// SPDX-License-Identifier: MIT
/// \file
/// \brief Is a port reached from outside, as things are? Nothing is opened.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <natterjack/endpoint.hpp>
#include <natterjack/export.hpp>
#include <natterjack/loop.hpp>
#include <natterjack/opening.hpp>
#include <natterjack/result.hpp>
#include <natterjack/traversal.hpp>

namespace natterjack {

/// A port that somebody has forwarded by hand, or that no NAT stands before. Ports in host order.
struct ProveRequest {
    std::uint16_t port = 0; ///< Of this host, 1 to 65535.
    Transport transport = Transport::Udp;
    std::uint16_t external_port = 0; ///< Outside; 0: the same as \a port.
    bool ipv6 = false;               ///< By this host's global IPv6 address, not IPv4.
    NetworkChoice network;
    std::vector<std::string> stun_servers;     ///< As OpenRequest::stun_servers.
    std::vector<std::string> turn_servers;     ///< As OpenRequest::turn_servers.
    std::chrono::milliseconds deadline{10000}; ///< 1 ms to 10 minutes.
};

struct ProofReport {
    Proof proof = Proof::Claimed; ///< Claimed: nothing could be found out.
    ProofLevel level = ProofLevel::None;
    std::string evidence; ///< One English line: what was tried, and what came of it.
    Endpoint internal;    ///< Where it was listened.
    Endpoint external;    ///< What was tried; unspecified: nothing was.
};

/// Has servers try the port at the address under which they see this host, and calls \a handler
/// once, on the loop, before request.deadline. It listens on the port itself; a UDP port must not
/// be in use then, a TCP port may be: a connection is made, the kernel is asked whether it is
/// there, and nothing is sent into it. A hole that a program's own traffic has left in the NAT, a
/// moment before and from that very port, is not told from a forwarded port. Any thread; destroying
/// the Attempt ends it without a word.
///
/// \retval Errc::InvalidArgument  the port, the deadline or a server's name cannot be one
/// \retval Errc::Malformed        `servers.conf` cannot be read (detail: the line)
/// \retval Errc::TooLarge         ... as it is too long, or names too many servers; or the request
/// \retval Errc::NoNetwork        this host has no way out of that kind
[[nodiscard]] NATTERJACK_API Attempt prove(const Loop& loop, ProveRequest request,
                                           std::function<void(Result<ProofReport>)> handler);

} // namespace natterjack
