// SPDX-License-Identifier: MIT
/// \file
/// \brief IP addresses, ports and transports as plain values. No sockaddr, no resolver.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include <natterjack/export.hpp>
#include <natterjack/result.hpp>

namespace natterjack {

/// What a port carries.
enum class Transport : std::uint8_t { Udp, Tcp };

/// "udp" or "tcp".
[[nodiscard]] NATTERJACK_API std::string_view to_string(Transport transport) noexcept;

/// An IPv4 or IPv6 address. A default-made one is the IPv4 wildcard 0.0.0.0.
class NATTERJACK_API IpAddress {
public:
    using Bytes = std::array<std::uint8_t, 16>;

    constexpr IpAddress() noexcept = default;

    /// \a address in host byte order: 192.0.2.1 is 0xC0000201.
    [[nodiscard]] static constexpr IpAddress v4(std::uint32_t address) noexcept {
        IpAddress out;
        for (unsigned i = 0; i < 4; ++i) {
            out.bytes_[12 + i] = static_cast<std::uint8_t>(address >> (24 - 8 * i));
        }
        return out;
    }
    /// \a bytes in network order. \a scope_id: the interface's index for a link-local address, else
    /// 0. An IPv4-mapped address (::ffff:0:0/96) becomes the IPv4 address (RFC 4291
    /// section 2.5.5.2).
    [[nodiscard]] static IpAddress v6(const Bytes& bytes, std::uint32_t scope_id = 0) noexcept;

    /// Reads a numeric address: "192.0.2.1", "2001:db8::1", "fe80::1%3" (numeric zone only). Never
    /// resolves names.
    /// \retval Errc::InvalidArgument  not a numeric address
    [[nodiscard]] static Result<IpAddress> parse(std::string_view text);

    [[nodiscard]] constexpr bool is_v4() const noexcept { return v4_; }
    /// Host byte order. Precondition: is_v4().
    [[nodiscard]] std::uint32_t to_v4() const noexcept;
    /// Network order; an IPv4 address in its IPv4-mapped form (as in PCP, RFC 6887 section 5).
    [[nodiscard]] Bytes mapped_bytes() const noexcept;
    /// Interface index of a link-local IPv6 address; 0: none.
    [[nodiscard]] constexpr std::uint32_t scope_id() const noexcept { return scope_id_; }

    [[nodiscard]] bool is_unspecified() const noexcept; ///< 0.0.0.0 or ::.
    [[nodiscard]] bool is_loopback() const noexcept;    ///< 127/8 or ::1.
    [[nodiscard]] bool is_multicast() const noexcept;   ///< 224/4 or ff00::/8.
    [[nodiscard]] bool is_link_local() const noexcept;  ///< 169.254/16 or fe80::/10.
    [[nodiscard]] bool is_private() const noexcept;     ///< RFC 1918, or ULA fc00::/7 (RFC 4193).
    [[nodiscard]] bool is_shared() const noexcept; ///< 100.64/10 (RFC 6598): carrier-grade NAT.
    /// True when the whole internet can route to it: none of the above, and none of the other
    /// ranges of RFC 6890 (documentation, benchmarking, reserved, broadcast).
    [[nodiscard]] bool is_public() const noexcept;

    /// "192.0.2.1", or the form of RFC 5952 with "%zone" when there is one.
    [[nodiscard]] std::string to_string() const;

    // NOLINTNEXTLINE: clang-tidy 14 takes what it is made of for ours
    friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

private:
    Bytes bytes_{}; // IPv4 in the last four
    std::uint32_t scope_id_ = 0;
    bool v4_ = true;
};

/// True when the first \a prefix_length bits agree (and the families do). \a prefix_length counts
/// within the family: 0 to 32 or 0 to 128; more is taken as all.
[[nodiscard]] NATTERJACK_API bool same_network(const IpAddress& a, const IpAddress& b,
                                               unsigned prefix_length) noexcept;

/// An address and a port. The port is in host byte order.
struct Endpoint {
    IpAddress address;
    std::uint16_t port = 0; ///< 0: any, or none yet.

    /// Reads "192.0.2.1:80" or "[2001:db8::1]:80"; the port is 0 to 65535.
    /// \retval Errc::InvalidArgument  anything else, names included
    [[nodiscard]] NATTERJACK_API static Result<Endpoint> parse(std::string_view text);
    /// "192.0.2.1:80" or "[2001:db8::1]:80".
    [[nodiscard]] NATTERJACK_API std::string to_string() const;

    // NOLINTNEXTLINE: likewise
    friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

} // namespace natterjack
