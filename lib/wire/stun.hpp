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

/// RFC 8489 section 18.3.
enum class AttributeType : std::uint16_t {
    MappedAddress = 0x0001,
    ErrorCode = 0x0009,
    XorMappedAddress = 0x0020,
    Software = 0x8022
};

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

/// Why a server refused (RFC 8489 section 14.8).
struct ErrorCode {
    int code = 0;       ///< 300 to 699.
    std::string reason; ///< For people; control characters removed.
};
/// \retval Errc::NotFound   the message has none
/// \retval Errc::Malformed  too short, or not 300 to 699
[[nodiscard]] Result<ErrorCode> error_code(const Message& message);

} // namespace natterjack::stun
