// SPDX-License-Identifier: MIT
/// \file
/// \brief Whom an opening lets in, where not everybody.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <natterjack/endpoint.hpp>
#include <natterjack/export.hpp>
#include <natterjack/result.hpp>

namespace natterjack {

/// Hosts outside that may use an opening: those of one network, or one host, by any port of theirs
/// or by one. Whoever it does not name stays out.
struct NATTERJACK_API RemotePeers {
    IpAddress prefix{};         ///< The network's own address: no bit set beyond prefix_length.
    unsigned prefix_length = 0; ///< Within the family: 1 to 32, or 1 to 128.
    std::uint16_t port = 0;     ///< Their source port, in host byte order; 0: any.

    /// Reads "192.0.2.0/24", "192.0.2.7", "192.0.2.7:5000", "192.0.2.0/24:5000", "2001:db8::/32",
    /// "[2001:db8::7]:5000" or "[2001:db8::]/32:5000". Never resolves names.
    /// \retval Errc::InvalidArgument  anything else; an address beyond its prefix
    [[nodiscard]] static Result<RemotePeers> parse(std::string_view text);
    /// In the same form.
    [[nodiscard]] std::string to_string() const;

    /// Whether the prefix makes sense: a length of 0 would restrict nothing, a bit beyond it means
    /// that somebody meant something else.
    [[nodiscard]] bool is_valid() const noexcept;
    /// Whether it names one host.
    [[nodiscard]] bool is_one_host() const noexcept {
        return prefix_length == (prefix.is_v4() ? 32U : 128U);
    }

    friend bool operator==(const RemotePeers&, const RemotePeers&) = default;
};

} // namespace natterjack
