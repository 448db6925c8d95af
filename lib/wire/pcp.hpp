// SPDX-License-Identifier: MIT
/// \file
/// \brief PCP messages (RFC 6887): bytes to structs and back. No sockets, no clocks.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include <natterjack/endpoint.hpp>
#include <natterjack/result.hpp>

#include "base/bytes.hpp"
#include "base/time.hpp"

namespace natterjack::pcp {

inline constexpr std::uint8_t kVersion = 2;           ///< RFC 6887 section 7.1.
inline constexpr std::uint16_t kServerPort = 5351;    ///< RFC 6887 section 19.1.
inline constexpr std::uint16_t kMulticastPort = 5350; ///< Unsolicited ANNOUNCEs, section 14.1.3.
inline constexpr std::size_t kHeaderSize = 24;        ///< Either direction, section 7.
inline constexpr std::size_t kMaxMessageSize = 1100;  ///< RFC 6887 section 7.

/// 96 random bits that make an answer ours (RFC 6887 section 11.1), kept for the mapping's life.
using Nonce = std::array<std::uint8_t, 12>;

/// RFC 6887 section 7.4.
enum class ResultCode : std::uint8_t {
    Success = 0,
    UnsuppVersion = 1,
    NotAuthorized = 2,
    MalformedRequest = 3,
    UnsuppOpcode = 4,
    UnsuppOption = 5,
    MalformedOption = 6,
    NetworkFailure = 7,
    NoResources = 8,
    UnsuppProtocol = 9,
    UserExQuota = 10,
    CannotProvideExternal = 11,
    AddressMismatch = 12,
    ExcessiveRemotePeers = 13
};

/// The RFC's name: "NOT_AUTHORIZED"; "UNKNOWN" beyond the RFC's codes.
[[nodiscard]] std::string_view to_string(ResultCode code) noexcept;

/// What a refusal means and what to do about it, for a person. Error::detail is the code.
/// \retval Errc::NotFound     UNSUPP_VERSION: no PCP of our version here
/// \retval Errc::Unsupported  UNSUPP_OPCODE, UNSUPP_OPTION, UNSUPP_PROTOCOL
/// \retval Errc::Conflict     CANNOT_PROVIDE_EXTERNAL
/// \retval Errc::Refused      all others, those that nobody has defined yet included
[[nodiscard]] Error to_error(ResultCode code);

/// IANA protocol number: 17 or 6.
[[nodiscard]] std::uint8_t protocol_of(Transport transport) noexcept;

/// ANNOUNCE (RFC 6887 section 14.1) says nothing beyond the header.
struct Announce {
    friend bool operator==(const Announce&, const Announce&) = default;
};

/// The body of MAP (RFC 6887 section 11.1), the same in both directions.
struct Map {
    Nonce nonce{};
    std::uint8_t protocol = 0;       ///< IANA number; 0: all protocols.
    std::uint16_t internal_port = 0; ///< 0: all ports.
    /// Suggested in a request, assigned in a response. Port 0 suggests nothing.
    std::uint16_t external_port = 0;
    /// As above. In a request the unspecified address of the wanted family suggests nothing: an
    /// IPv4 one travels as ::ffff:0.0.0.0, an IPv6 one as ::.
    IpAddress external;

    friend bool operator==(const Map&, const Map&) = default;
};

/// The body of PEER (RFC 6887 section 12.1): MAP's fields and the remote peer.
struct Peer {
    Map flow;
    std::uint16_t remote_port = 0;
    IpAddress remote;

    friend bool operator==(const Peer&, const Peer&) = default;
};

/// In the order of the opcodes: ANNOUNCE 0, MAP 1, PEER 2.
using Body = std::variant<Announce, Map, Peer>;

/// MAP's fields of a MAP or a PEER; nullptr for an ANNOUNCE.
[[nodiscard]] const Map* flow_of(const Body& body) noexcept;

/// Who may send to the mapping (RFC 6887 section 13.3). Prefix length 0 removes all filters.
struct Filter {
    std::uint8_t prefix_length = 0; ///< 0 to 128, of the 128-bit form: IPv4 counts from 96.
    std::uint16_t remote_port = 0;  ///< 0: all.
    IpAddress remote;

    friend bool operator==(const Filter&, const Filter&) = default;
};

/// An option that this codec does not know. Codes up to 127 must be understood by a server, others
/// may be passed over (RFC 6887 section 7.3).
struct UnknownOption {
    std::uint8_t code = 0;
    std::vector<std::uint8_t> data;

    friend bool operator==(const UnknownOption&, const UnknownOption&) = default;
};

/// RFC 6887 section 13.
struct Options {
    std::optional<IpAddress> third_party; ///< The internal host, when it is not the client itself.
    bool prefer_failure = false;          ///< Fail rather than assign another external port.
    std::vector<Filter> filters;
    std::vector<UnknownOption> unknown;

    friend bool operator==(const Options&, const Options&) = default;
};

/// RFC 6887 section 7.1.
struct Request {
    Lifetime lifetime{0}; ///< Wanted; 0 deletes; 0 in an ANNOUNCE.
    IpAddress client;     ///< The source address of the datagram that carries this.
    Body body;
    Options options;

    friend bool operator==(const Request&, const Request&) = default;
};

/// RFC 6887 section 7.2.
struct Response {
    ResultCode result = ResultCode::Success;
    Lifetime lifetime{0}; ///< Granted; in a refusal: for how long asking again is pointless.
    Lifetime epoch{0};    ///< Seconds since the server's tables began (section 8.5).
    Body body;
    Options options;

    friend bool operator==(const Response&, const Response&) = default;
};

/// Precondition: the options fit into 1100 bytes with the rest.
[[nodiscard]] std::vector<std::uint8_t> encode(const Request& request);
[[nodiscard]] std::vector<std::uint8_t> encode(const Response& response);

/// \retval Errc::Truncated    fewer bytes than the opcode or an option needs
/// \retval Errc::TooLarge     more than 1100 bytes
/// \retval Errc::Unsupported  another version (detail: which), or an unknown opcode (detail: which)
/// \retval Errc::Malformed    a response; a length that is no multiple of 4; an option with the
///                            wrong length or more often than it may occur
[[nodiscard]] Result<Request> decode_request(ByteView datagram);

/// As decode_request(), and Errc::Malformed for a request. A refusal may be a copy of a request
/// that the server could not read, so in a refusal unreadable options are passed over.
[[nodiscard]] Result<Response> decode_response(ByteView datagram);

/// The version that a server speaks instead of \a ours: 0 is NAT-PMP.
///
/// Reads the answers of PCP servers of other versions (RFC 6887 section 9) and the eight bytes of a
/// NAT-PMP server (RFC 6886 section 3.5), whose opcode may or may not have the response bit.
/// Empty when \a datagram is nothing of the kind.
[[nodiscard]] std::optional<std::uint8_t> decode_version_mismatch(ByteView datagram,
                                                                  std::uint8_t ours = kVersion);

/// Says "another version" in words, for a person. Errc::NotFound; detail: UNSUPP_VERSION.
[[nodiscard]] Error version_mismatch_error(std::uint8_t server_speaks);

} // namespace natterjack::pcp
