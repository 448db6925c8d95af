// SPDX-License-Identifier: MIT
/// \file
/// \brief STUN messages (RFC 8489): bytes to structs and back. No sockets, no clocks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <natterjack/endpoint.hpp>
#include <natterjack/result.hpp>

#include "base/bytes.hpp"

namespace natterjack::stun {

/// Default port of a server (RFC 8489 section 8.1).
inline constexpr std::uint16_t kServerPort = 3478;
/// RFC 8489 section 5.
inline constexpr std::uint32_t kMagicCookie = 0x2112A442;
inline constexpr std::size_t kHeaderSize = 20;
/// A longer message is not read: nothing that fits a path's MTU is.
inline constexpr std::size_t kMaxMessageSize = 2048;
/// More attributes than this are not read.
inline constexpr std::size_t kMaxAttributes = 64;

/// RFC 8489 section 18.2.
inline constexpr std::uint16_t kBinding = 0x001;

/// RFC 8489 section 18.3, RFC 5780 section 7, RFC 8656 section 18, RFC 6062 section 6.2, and what
/// is left of RFC 3489 section 11.2.
enum class AttributeType : std::uint16_t {
    MappedAddress = 0x0001,
    ChangeRequest = 0x0003,
    ChangedAddress = 0x0005, ///< RFC 3489's name for OTHER-ADDRESS.
    Username = 0x0006,
    MessageIntegrity = 0x0008,
    ErrorCode = 0x0009,
    UnknownAttributes = 0x000A,
    Lifetime = 0x000D,
    XorPeerAddress = 0x0012,
    Data = 0x0013,
    Realm = 0x0014,
    Nonce = 0x0015,
    XorRelayedAddress = 0x0016,
    RequestedAddressFamily = 0x0017,
    RequestedTransport = 0x0019,
    XorMappedAddress = 0x0020,
    Padding = 0x0026,
    ResponsePort = 0x0027,
    ConnectionId = 0x002A,
    Software = 0x8022,
    Fingerprint = 0x8028,
    ResponseOrigin = 0x802B,
    OtherAddress = 0x802C
};
/// A server that does not know one of these must refuse (RFC 8489 section 14): the lower half.
[[nodiscard]] constexpr bool is_required(std::uint16_t type) {
    return type < 0x8000;
}

/// RFC 8489 section 5, figure 3.
enum class Class : std::uint8_t { Request = 0, Indication = 1, Success = 2, Error = 3 };

using TransactionId = std::array<std::uint8_t, 12>;

/// One attribute as it stands in the message, padding removed (RFC 8489 section 14).
struct Attribute {
    std::uint16_t type = 0;
    std::vector<std::uint8_t> value;

    friend bool operator==(const Attribute&, const Attribute&) = default;
};

struct Message {
    Class kind = Class::Request;
    std::uint16_t method = kBinding; ///< 12 bits.
    TransactionId transaction{};
    std::vector<Attribute> attributes;

    /// The first attribute of that type, or nullptr.
    [[nodiscard]] const Attribute* find(AttributeType type) const;
    void add(AttributeType type, std::vector<std::uint8_t> value);

    friend bool operator==(const Message&, const Message&) = default;
};

/// Each value must be shorter than 64 KiB and the whole no longer than kMaxMessageSize.
[[nodiscard]] std::vector<std::uint8_t> encode(const Message& message);

/// \retval Errc::Truncated  shorter than its header, its own length or an attribute's says
/// \retval Errc::Malformed  the first two bits, the cookie or the length are not STUN's, or bytes
///                          follow the message
/// \retval Errc::TooLarge   more than kMaxMessageSize bytes or kMaxAttributes attributes
[[nodiscard]] Result<Message> decode(ByteView datagram);

/// Our address as the server saw it: XOR-MAPPED-ADDRESS, or MAPPED-ADDRESS from servers of RFC 3489
/// (RFC 8489 sections 14.1 and 14.2).
/// \retval Errc::NotFound   the message has neither
/// \retval Errc::Malformed  wrong length or family
[[nodiscard]] Result<Endpoint> mapped_address(const Message& message);
/// The value of an XOR-MAPPED-ADDRESS in a message with that transaction id.
[[nodiscard]] std::vector<std::uint8_t> xor_address(const Endpoint& endpoint,
                                                    const TransactionId& transaction);

/// Reads an attribute that is masked as XOR-MAPPED-ADDRESS is.
/// \retval as mapped_address()
[[nodiscard]] Result<Endpoint> read_xor_address(const Message& message, AttributeType type);

/// The value of MAPPED-ADDRESS, RESPONSE-ORIGIN, OTHER-ADDRESS and CHANGED-ADDRESS.
[[nodiscard]] std::vector<std::uint8_t> plain_address(const Endpoint& endpoint);

/// MAPPED-ADDRESS alone: differs from XOR-MAPPED-ADDRESS where a gateway rewrites addresses in
/// what passes through it (RFC 5780 section 3.6).
/// \retval as mapped_address()
[[nodiscard]] Result<Endpoint> plain_mapped_address(const Message& message);
/// The server's other address and port: OTHER-ADDRESS, else CHANGED-ADDRESS (RFC 5780 section 7.4).
/// \retval as mapped_address()
[[nodiscard]] Result<Endpoint> other_address(const Message& message);
/// Where the server says that it sent from (RFC 5780 section 7.3).
/// \retval as mapped_address()
[[nodiscard]] Result<Endpoint> response_origin(const Message& message);

/// From where the answer shall come: another address, another port (RFC 5780 section 7.2).
struct ChangeRequest {
    bool address = false;
    bool port = false;

    friend bool operator==(const ChangeRequest&, const ChangeRequest&) = default;
};
/// \retval Errc::NotFound   the message has none
/// \retval Errc::Malformed  not four bytes
[[nodiscard]] Result<ChangeRequest> change_request(const Message& message);
[[nodiscard]] std::vector<std::uint8_t> change_request_value(ChangeRequest change);

/// The port of the asking address that the answer shall go to (RFC 5780 section 7.5).
/// \retval Errc::NotFound   the message has none
/// \retval Errc::Malformed  neither two bytes nor four, of which the last two are ignored
[[nodiscard]] Result<std::uint16_t> response_port(const Message& message);
/// Two bytes: there are servers that take nothing else for a RESPONSE-PORT.
[[nodiscard]] std::vector<std::uint8_t> response_port_value(std::uint16_t port);

/// What the server calls itself, control characters removed; empty when it does not.
[[nodiscard]] std::string software(const Message& message);

/// Which attributes a server did not understand (error 420, RFC 8489 section 14.13).
/// \retval Errc::NotFound   the message does not say
/// \retval Errc::Malformed  an odd number of bytes
[[nodiscard]] Result<std::vector<std::uint16_t>> unknown_attributes(const Message& message);
[[nodiscard]] std::vector<std::uint8_t>
unknown_attributes_value(const std::vector<std::uint16_t>& types);

/// Why a server refused (RFC 8489 section 14.8).
struct ErrorCode {
    int code = 0;       ///< 300 to 699.
    std::string reason; ///< For people; control characters removed.
};
/// \retval Errc::NotFound   the message has none
/// \retval Errc::Malformed  too short, or not 300 to 699
[[nodiscard]] Result<ErrorCode> error_code(const Message& message);
/// \a error.code is 300 to 699.
[[nodiscard]] std::vector<std::uint8_t> error_code_value(const ErrorCode& error);

inline constexpr std::size_t kSha1Size = 20;
/// HMAC-SHA1, which this module does not have: net::hmac_sha1.
using HmacSha1 = std::array<std::uint8_t, kSha1Size> (*)(ByteView key, ByteView bytes);

/// Appends MESSAGE-INTEGRITY over all that \a message holds by now (RFC 8489 section 14.5).
void add_integrity(Message& message, ByteView key, HmacSha1 hmac);
/// Appends FINGERPRINT, which must be the last attribute (RFC 8489 section 14.7).
void add_fingerprint(Message& message);

/// True when \a datagram is STUN and has a MESSAGE-INTEGRITY that \a key made. What stands behind
/// that attribute is not covered by it, except FINGERPRINT's being allowed there: anything else
/// there makes this false.
[[nodiscard]] bool has_integrity(ByteView datagram, ByteView key, HmacSha1 hmac);
/// True when \a datagram is STUN and ends with a FINGERPRINT that fits.
[[nodiscard]] bool has_fingerprint(ByteView datagram);

/// A SOFTWARE value that makes a request long enough for its answer: careful servers answer to
/// another port no more than they were asked.
[[nodiscard]] std::vector<std::uint8_t> padding_software();

/// The nonce by which a server without accounts wants to see that the asking address asks: of an
/// error 401 or 438 (RFC 8489 section 9.2). Empty: it is none, or longer than section 14.10 allows.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> challenging_nonce(const Message& message);

} // namespace natterjack::stun
