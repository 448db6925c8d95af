// SPDX-License-Identifier: MIT
/// \file
/// \brief STUN and TURN servers as people write them. No look-ups.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <natterjack/endpoint.hpp>

namespace natterjack::ice {

/// How many servers of each kind a session takes; libnice has room for 8 relays.
inline constexpr std::size_t kMaxServers = 8;

struct StunServer {
    std::string host; ///< A name or a numeric address.
    std::uint16_t port = 3478;

    friend bool operator==(const StunServer&, const StunServer&) = default;
};

struct TurnServer {
    std::string host;
    std::uint16_t port = 3478;
    Transport transport = Transport::Udp; ///< Between us and the server.
    std::string user;
    std::string password;

    friend bool operator==(const TurnServer&, const TurnServer&) = default;
};

/// "HOST", "HOST:PORT", "[ADDRESS]:PORT", with or without "stun:".
/// \retval Errc::InvalidArgument  anything else
/// \retval Errc::Unsupported      "stuns:"
[[nodiscard]] Result<StunServer> parse_stun_server(std::string_view text);

/// "turn:USER:PASSWORD@HOST:PORT?transport=udp|tcp"; port and transport may be left out. The last
/// '@' ends the password, the first ':' the user; %XX stands for a byte in both. Messages never
/// repeat the password.
/// \retval Errc::InvalidArgument  anything else
/// \retval Errc::Unsupported      "turns:"
[[nodiscard]] Result<TurnServer> parse_turn_server(std::string_view text);

} // namespace natterjack::ice
