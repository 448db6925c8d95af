// SPDX-License-Identifier: MIT
/// \file
/// \brief STUN and TURN servers as people write them. No look-ups.
#pragma once

#include <string>
#include <string_view>

#include <natterjack/endpoint.hpp>

#include "base/host_port.hpp"

namespace natterjack {

struct TurnServer {
    HostPort server;
    Transport transport = Transport::Udp; ///< Between us and the server.
    std::string user;
    std::string password;

    friend bool operator==(const TurnServer&, const TurnServer&) = default;
};

/// "HOST", "HOST:PORT", "[ADDRESS]:PORT", with or without "stun:".
/// \retval Errc::InvalidArgument  anything else
/// \retval Errc::Unsupported      "stuns:"
[[nodiscard]] Result<HostPort> parse_stun_server(std::string_view text);

/// "turn:USER:PASSWORD@HOST:PORT?transport=udp|tcp"; port and transport may be left out. The last
/// '@' ends the password, the first ':' the user; %XX stands for a byte in both. Messages never
/// repeat the password.
/// \retval Errc::InvalidArgument  anything else
/// \retval Errc::Unsupported      "turns:"
[[nodiscard]] Result<TurnServer> parse_turn_server(std::string_view text);

} // namespace natterjack
