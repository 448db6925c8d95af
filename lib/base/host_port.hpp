// SPDX-License-Identifier: MIT
/// \file
/// \brief A server as people write it: a name or a numeric address, and a port.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <natterjack/result.hpp>

namespace natterjack {

struct HostPort {
    std::string host; ///< A name, "192.0.2.1" or "2001:db8::1" (without brackets).
    std::uint16_t port = 0;

    friend bool operator==(const HostPort&, const HostPort&) = default;
};

/// Reads "host", "host:port", "192.0.2.1:port", "[2001:db8::1]:port" or "[2001:db8::1]". A name has
/// at most 253 letters, digits, hyphens, underscores and dots (RFC 1035 section 2.3.4).
/// \a default_port is taken where there is none.
/// \retval Errc::InvalidArgument  anything else
[[nodiscard]] Result<HostPort> parse_host_port(std::string_view text, std::uint16_t default_port);

} // namespace natterjack
