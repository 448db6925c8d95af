// SPDX-License-Identifier: MIT
/// \file
/// \brief Diagnosis: can others reach this host, and if not, why?
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <natterjack/export.hpp>
#include <natterjack/loop.hpp>
#include <natterjack/probe_report.hpp>
#include <natterjack/result.hpp>
#include <natterjack/traversal.hpp>

namespace natterjack {

/// What to look at, and whom to ask.
struct ProbeRequest {
    enum class Depth : std::uint8_t {
        Quick,  ///< The mapping alone, and what answers at once.
        Normal, ///< Everything but what takes longer than a few seconds.
    };
    struct Port {
        std::uint16_t port = 0; ///< Ours, and the wanted one outside: 1 to 65535, host byte order.
        Transport transport = Transport::Udp;
    };
    Depth depth = Depth::Normal;
    NetworkChoice network{};
    /// "HOST:PORT" each, at most 32. Empty: those of the user's or the system's `servers.conf`.
    std::vector<std::string> stun_servers{};
    /// Ports to map for the test, to try from outside and to unmap again; empty: nothing is changed
    /// anywhere.
    std::vector<Port> map{};
    /// As OpenRequest::turn_servers, for \a map. What a TCP connection meets that nobody asked for
    /// is looked at through those named here only.
    std::vector<std::string> turn_servers{};
    int port_samples = 8; ///< Sockets that show how ports are chosen, 2 to 64.
    int hops = 4;         ///< How far to look for routers towards a server, 1 to 30.
    /// Ask every server from where it answers, also after one has settled the question.
    bool qualify_all = false;
    bool ipv4 = true;                          ///< Look at IPv4 ...
    bool ipv6 = true;                          ///< ... and at IPv6; one of both at least.
    std::chrono::milliseconds deadline{10000}; ///< For the report, 100 ms to 10 minutes.
};

/// Looks, and calls \a handler once, on the loop, before request.deadline; what was not found out
/// by then is not tested or inconclusive. \a progress: called on the loop with one English line
/// whenever something new is looked at; may be empty. Nothing is contacted but the servers, the
/// gateways and our own external address. Any thread; destroying the Attempt ends it without a
/// word.
///
/// \retval Errc::InvalidArgument  a server's name cannot be one, or an option contradicts
/// \retval Errc::Malformed        `servers.conf` cannot be read (detail: the line)
/// \retval Errc::TooLarge         ... as it is too long, or names too many servers; or the request
/// \retval Errc::NoNetwork        this host has no address or no route to anywhere
[[nodiscard]] NATTERJACK_API Attempt probe(const Loop& loop, ProbeRequest request,
                                           std::function<void(Result<ProbeReport>)> handler,
                                           std::function<void(std::string_view)> progress = {});

} // namespace natterjack
