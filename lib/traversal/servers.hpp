// SPDX-License-Identifier: MIT
/// \file
/// \brief The STUN and TURN servers that the user named in a settings file.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <natterjack/result.hpp>

#include "base/check_url.hpp"

namespace natterjack {

/// What `servers.conf` says. One server a line, `#` begins a comment:
///
///     stun stun.example.net:3478
///     turn turn:user:password@turn.example.net:3478?transport=udp
///     check http://check.example.net/generate_204
struct Servers {
    std::vector<std::string> stun; ///< "HOST:PORT"
    std::vector<std::string> turn; ///< URLs, unread
    /// A page by which to tell a captive portal; at most one.
    std::optional<CheckUrl> check;
};

/// At most this many of each kind.
inline constexpr std::size_t kMaxServers = 32;

/// \retval Errc::Malformed  a line that is none of these, or a second check; detail is its number,
/// from 1 \retval Errc::TooLarge   more than kMaxServers of a kind
[[nodiscard]] Result<Servers> parse_servers(std::string_view text);

/// The user's file, `$XDG_CONFIG_HOME/natterjack/servers.conf`, or else the system's (below each of
/// `$XDG_CONFIG_DIRS`, that is, `/etc/xdg`). Nothing when there is none.
/// \retval as parse_servers(), with the file's name in the message
[[nodiscard]] Result<Servers> read_servers();

} // namespace natterjack
