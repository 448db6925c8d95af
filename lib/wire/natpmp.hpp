// SPDX-License-Identifier: MIT
/// \file
/// \brief NAT-PMP messages (RFC 6886): bytes to structs and back. No sockets, no clocks.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <natterjack/endpoint.hpp>
#include <natterjack/result.hpp>

#include "base/bytes.hpp"
#include "base/time.hpp"

namespace natterjack::natpmp {

/// UDP port of the gateway (RFC 6886 section 3.1).
inline constexpr std::uint16_t kServerPort = 5351;

/// Asks the gateway to forward a port (RFC 6886 section 3.3).
struct MapRequest {
    Transport transport = Transport::Udp;
    std::uint16_t internal_port = 0;
    std::uint16_t suggested_external_port = 0; ///< 0: the gateway chooses.
    Lifetime lifetime{0};                      ///< 0: delete (section 3.4).

    friend bool operator==(const MapRequest&, const MapRequest&) = default;
};

/// The gateway's answer to a MapRequest (RFC 6886 section 3.3).
struct MapResponse {
    Transport transport = Transport::Udp;
    std::uint16_t result = 0; ///< Result code (section 3.5); 0 is success.
    Lifetime epoch{0};        ///< Seconds since the gateway's tables began.
    std::uint16_t internal_port = 0;
    std::uint16_t external_port = 0;
    Lifetime lifetime{0}; ///< Granted.

    friend bool operator==(const MapResponse&, const MapResponse&) = default;
};

[[nodiscard]] std::vector<std::uint8_t> encode(const MapRequest& request);
[[nodiscard]] std::vector<std::uint8_t> encode(const MapResponse& response);

/// \retval Errc::Truncated   shorter than 12 bytes
/// \retval Errc::Malformed   the version is not 0, or the opcode is not 1 or 2
[[nodiscard]] Result<MapRequest> decode_map_request(ByteView datagram);

/// \retval Errc::Truncated   shorter than 16 bytes
/// \retval Errc::Malformed   the version is not 0, or the opcode is not 129 or 130
[[nodiscard]] Result<MapResponse> decode_map_response(ByteView datagram);

} // namespace natterjack::natpmp
