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
/// Where gateways announce a new external address, by multicast (RFC 6886 section 3.2.1).
inline constexpr std::uint16_t kMulticastPort = 5350;
inline constexpr std::uint8_t kVersion = 0;             ///< RFC 6886 section 3.1.
inline constexpr std::uint8_t kResponseBit = 0x80;      ///< RFC 6886 section 3.2.
inline constexpr std::size_t kErrorSize = 8;            ///< The shortest answer, section 3.5.
inline constexpr std::size_t kAddressResponseSize = 12; ///< RFC 6886 section 3.2.
inline constexpr std::size_t kMapResponseSize = 16;     ///< RFC 6886 section 3.3.

/// RFC 6886 sections 3.2 and 3.3.
enum class Opcode : std::uint8_t { Address = 0, MapUdp = 1, MapTcp = 2 };

[[nodiscard]] Opcode map_opcode(Transport transport) noexcept;

/// RFC 6886 section 3.5.
enum class ResultCode : std::uint16_t {
    Success = 0,
    UnsupportedVersion = 1,
    NotAuthorized = 2,
    NetworkFailure = 3,
    OutOfResources = 4,
    UnsupportedOpcode = 5
};

/// What a refusal means and what to do about it, for a person. Error::detail is the code.
/// \retval Errc::NotFound     unsupported version: no NAT-PMP here
/// \retval Errc::Unsupported  unsupported opcode
/// \retval Errc::Refused      all others, those that nobody has defined included
[[nodiscard]] Error to_error(ResultCode code);

/// Asks for the gateway's external address (RFC 6886 section 3.2).
struct AddressRequest {
    friend bool operator==(const AddressRequest&, const AddressRequest&) = default;
};

/// The answer to an AddressRequest (RFC 6886 section 3.2). Also multicast when it changes.
struct AddressResponse {
    ResultCode result = ResultCode::Success;
    Lifetime epoch{0};  ///< Seconds since the gateway's tables began (section 3.6).
    IpAddress external; ///< IPv4; unspecified when the result is an error.

    friend bool operator==(const AddressResponse&, const AddressResponse&) = default;
};

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
    ResultCode result = ResultCode::Success;
    Lifetime epoch{0}; ///< Seconds since the gateway's tables began (section 3.6).
    std::uint16_t internal_port = 0;
    std::uint16_t external_port = 0;
    Lifetime lifetime{0}; ///< Granted.

    friend bool operator==(const MapResponse&, const MapResponse&) = default;
};

/// A refusal in eight bytes (RFC 6886 section 3.5), sent by a gateway that could not read the
/// request, and by some for any refusal.
struct ErrorResponse {
    /// Of the request. An unsupported version is answered with opcode 0 and no response bit.
    std::uint8_t opcode = 0;
    ResultCode result = ResultCode::UnsupportedVersion; ///< Never Success.
    Lifetime epoch{0};

    friend bool operator==(const ErrorResponse&, const ErrorResponse&) = default;
};

[[nodiscard]] std::vector<std::uint8_t> encode(const AddressRequest& request);
[[nodiscard]] std::vector<std::uint8_t> encode(const AddressResponse& response);
[[nodiscard]] std::vector<std::uint8_t> encode(const MapRequest& request);
[[nodiscard]] std::vector<std::uint8_t> encode(const MapResponse& response);
[[nodiscard]] std::vector<std::uint8_t> encode(const ErrorResponse& response);

/// \retval Errc::Truncated   shorter than 2 bytes
/// \retval Errc::Malformed   the version or the opcode is not 0
[[nodiscard]] Result<AddressRequest> decode_address_request(ByteView datagram);

/// \retval Errc::Truncated   shorter than 12 bytes
/// \retval Errc::Malformed   the version is not 0, or the opcode is not 128
[[nodiscard]] Result<AddressResponse> decode_address_response(ByteView datagram);

/// \retval Errc::Truncated   shorter than 12 bytes
/// \retval Errc::Malformed   the version is not 0, or the opcode is not 1 or 2
[[nodiscard]] Result<MapRequest> decode_map_request(ByteView datagram);

/// \retval Errc::Truncated   shorter than 16 bytes
/// \retval Errc::Malformed   the version is not 0, or the opcode is not 129 or 130
[[nodiscard]] Result<MapResponse> decode_map_response(ByteView datagram);

/// Reads the first eight bytes of any refusal, whatever its full form.
/// \retval Errc::Truncated   shorter than 8 bytes
/// \retval Errc::Malformed   the version is not 0; no response bit, unless it refuses the version;
///                           or it is no refusal
[[nodiscard]] Result<ErrorResponse> decode_error_response(ByteView datagram);

} // namespace natterjack::natpmp
