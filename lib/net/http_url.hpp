// SPDX-License-Identifier: MIT
/// \file
/// \brief Which URLs we are willing to open: plain http to a numeric address.
#pragma once

#include <string>
#include <string_view>

#include <natterjack/endpoint.hpp>

namespace natterjack::net {

/// Longer URLs are not believed to come from a gateway.
inline constexpr std::size_t kMaxUrl = 2048;

struct HttpUrl {
    Endpoint host;      ///< Port 80 when the URL names none.
    std::string target; ///< Path and query as they were, "/" when there is none. No fragment.

    /// The URL again, its host in one canonical spelling, so that whoever parses it next sees the
    /// host that we saw.
    [[nodiscard]] std::string to_string() const;
};

/// Reads "http://192.0.2.1:5000/path?query" or "http://[fe80::1%253]/" (RFC 3986; zones by
/// RFC 6874, numeric only).
/// \retval Errc::Unsafe  another scheme, a name instead of an address, a user name, port 0, an
///                       address that no gateway has (any, multicast), a space or control
///                       character, too long
[[nodiscard]] Result<HttpUrl> parse_http_url(std::string_view url);

} // namespace natterjack::net
