// SPDX-License-Identifier: MIT
/// \file
/// \brief SSDP searches and their answers (UPnP Device Architecture 2.0 section 1.3): bytes to
/// structs and back. No sockets, no clocks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <natterjack/endpoint.hpp>

#include "base/bytes.hpp"

namespace natterjack::ssdp {

/// UDP port of every UPnP device.
inline constexpr std::uint16_t kPort = 1900;
/// 239.255.255.250, site-local multicast.
inline constexpr IpAddress kGroup = IpAddress::v4(0xEFFFFFFA);
/// ff02::c and ff05::c: the same for IPv6, link-local and site-local (UDA 2.0 annex A).
[[nodiscard]] IpAddress group_v6(bool site_local);

inline constexpr std::string_view kGateway1 = "urn:schemas-upnp-org:device:InternetGatewayDevice:1";
inline constexpr std::string_view kGateway2 = "urn:schemas-upnp-org:device:InternetGatewayDevice:2";
inline constexpr std::string_view kRootDevice = "upnp:rootdevice";

/// Longer datagrams than this are no answers: real ones have 200 to 600 bytes.
inline constexpr std::size_t kMaxDatagram = 4096;
/// Longest value of a header that is kept.
inline constexpr std::size_t kMaxValue = 512;

/// M-SEARCH (section 1.3.2).
struct Search {
    std::string target; ///< ST: what is looked for.
    /// MX, in seconds, 1 to 5: devices answer after a random delay of at most that.
    unsigned max_wait = 1;

    friend bool operator==(const Search&, const Search&) = default;
};

/// The answer to a Search (section 1.3.3). Fields hold printable text; empty: not said.
struct Response {
    std::string location; ///< URL of the description. Not judged here.
    std::string target;   ///< ST, or NT in its place, as some routers have it.
    std::string usn;
    std::string server; ///< Operating system, UPnP version and product.

    friend bool operator==(const Response&, const Response&) = default;
};

/// The same bytes for the group and for one gateway: real routers ignore unicast searches that
/// lack MX or name themselves in HOST (as section 1.3.2 would have it).
[[nodiscard]] std::vector<std::uint8_t> encode(const Search& search);
[[nodiscard]] std::vector<std::uint8_t> encode(const Response& response);

/// \retval Errc::Malformed  not an M-SEARCH of "ssdp:discover" with a target
/// \retval Errc::TooLarge   longer than kMaxDatagram, or a header longer than kMaxValue
[[nodiscard]] Result<Search> decode_search(ByteView datagram);

/// Header names in any case and order, lines ended by CRLF or LF, the last one perhaps not at all.
/// \retval Errc::Malformed  not "HTTP/1.x 200", or no location or no target
/// \retval Errc::TooLarge   longer than kMaxDatagram, or a header longer than kMaxValue
[[nodiscard]] Result<Response> decode_response(ByteView datagram);

} // namespace natterjack::ssdp
