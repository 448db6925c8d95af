// SPDX-License-Identifier: MIT
/// \file
/// \brief STUN Binding (RFC 8489): requests, indications and success responses, as ICE uses them
/// (RFC 8445 section 7.1).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <natterjack/endpoint.hpp>
#include <natterjack/result.hpp>

#include "base/bytes.hpp"

namespace natterjack::stun {

/// 96 random bits: by them, and by the source, an answer is known to be ours.
using TransactionId = std::array<std::uint8_t, 12>;

inline constexpr std::size_t kHeaderSize = 20;
inline constexpr std::uint16_t kDefaultPort = 3478; ///< RFC 8489 section 18.6.

/// HMAC-SHA1 of bytes; the key is the caller's. Keeps cryptography out of here.
using Hmac = std::function<std::array<std::uint8_t, 20>(ByteView)>;

/// What an ICE check carries beyond a plain request.
struct IceAttributes {
    std::string username; ///< "theirs:ours".
    std::uint32_t priority = 0;
    bool controlling = false;
    std::uint64_t tie_breaker = 0;
    Hmac hmac; ///< With the peer's password.
};

/// A Binding request. With \a ice it is authenticated and ends with FINGERPRINT.
[[nodiscard]] std::vector<std::uint8_t>
encode_binding_request(const TransactionId& id, const std::optional<IceAttributes>& ice = {});

/// A Binding indication: means nothing and is answered by nobody (RFC 8489 section 6.3.2), yet
/// opens NATs on its way.
[[nodiscard]] std::vector<std::uint8_t> encode_binding_indication(const TransactionId& id);

/// A Binding success response with XOR-MAPPED-ADDRESS.
[[nodiscard]] std::vector<std::uint8_t> encode_binding_response(const TransactionId& id,
                                                                const Endpoint& mapped);

/// The id of a well-formed Binding success or error response; nothing for all else. For telling
/// quickly whose a datagram is: only its first kHeaderSize bytes are looked at.
[[nodiscard]] std::optional<TransactionId> response_id(ByteView head) noexcept;

/// The id of a Binding request; nothing for all else.
[[nodiscard]] std::optional<TransactionId> request_id(ByteView datagram) noexcept;

/// The address that a success response says the request came from: XOR-MAPPED-ADDRESS, or
/// MAPPED-ADDRESS of servers that know no better (RFC 5389 section 12).
/// \retval Errc::Truncated  shorter than its length field says
/// \retval Errc::Malformed  no STUN, or no address in it
/// \retval Errc::Mismatch   another transaction
/// \retval Errc::Refused    an error response (detail: its code, 300 to 699; 0: none)
[[nodiscard]] Result<Endpoint> decode_binding_response(ByteView datagram, const TransactionId& id);

} // namespace natterjack::stun
