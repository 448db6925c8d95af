// SPDX-License-Identifier: MIT
/// \file
/// \brief What the words of a command line mean: forwards, what a peer may reach, passwords. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <natterjack/endpoint.hpp>
#include <natterjack/result.hpp>

namespace nat_connect {

/// A host as typed (a name or a numeric address, without brackets) and a port.
struct HostPort {
    std::string host;
    std::uint16_t port = 0;

    friend bool operator==(const HostPort&, const HostPort&) = default;
};

/// "HOST:PORT", an IPv6 address in brackets.
[[nodiscard]] std::string to_string(const HostPort& value);

/// Reads "HOST:PORT": 1 to 253 printable bytes of host, port 1 to 65535.
/// \retval Errc::InvalidArgument  anything else
[[nodiscard]] natterjack::Result<HostPort> parse_host_port(std::string_view text);

/// One --forward or --reverse: listen here, lead there.
struct Forward {
    natterjack::Transport transport = natterjack::Transport::Tcp;
    natterjack::Endpoint listen; ///< Port 0: the system chooses.
    HostPort target;

    friend bool operator==(const Forward&, const Forward&) = default;
};

/// Reads "tcp:[ADDRESS:]PORT:HOST:PORT" or "udp:...". ADDRESS is numeric, IPv6 in brackets, or "*"
/// for all IPv4 addresses; 127.0.0.1 if not given.
/// \retval Errc::InvalidArgument  anything else; the message says which part
[[nodiscard]] natterjack::Result<Forward> parse_forward(std::string_view text);

/// What --allow lets the peer reach.
class AllowRule {
public:
    /// Reads "[tcp:|udp:]HOST:PORT"; HOST may contain "*" for any run of characters, PORT may be
    /// "*". Without a prefix both transports are meant.
    /// \retval Errc::InvalidArgument  anything else
    [[nodiscard]] static natterjack::Result<AllowRule> parse(std::string_view text);

    /// Names are compared as the peer wrote them, ignoring case, and never resolved; numeric
    /// addresses by value.
    [[nodiscard]] bool allows(natterjack::Transport transport, const HostPort& target) const;

private:
    bool tcp_ = true;
    bool udp_ = true;
    std::string host_;
    std::uint16_t port_ = 0; // 0: any
};

/// What --allow-listen lets the peer listen at.
class ListenRule {
public:
    /// Reads "[tcp:|udp:][ADDRESS:]PORT"; ADDRESS "*" is every address, PORT "*" every port,
    /// the system's choice included. Without ADDRESS, 127.0.0.1.
    /// \retval Errc::InvalidArgument  anything else
    [[nodiscard]] static natterjack::Result<ListenRule> parse(std::string_view text);

    [[nodiscard]] bool allows(natterjack::Transport transport,
                              const natterjack::Endpoint& listen) const;

private:
    bool tcp_ = true;
    bool udp_ = true;
    bool any_address_ = false;
    bool any_port_ = false;
    natterjack::Endpoint endpoint_;
};

/// True when \a server, as given to --turn, has no password in it: "turn:USER@...".
[[nodiscard]] bool lacks_password(std::string_view server);

/// "turn:USER@..." with \a password put in, quoted as in URLs.
/// Precondition: lacks_password().
[[nodiscard]] std::string with_password(std::string_view server, std::string_view password);

} // namespace nat_connect
