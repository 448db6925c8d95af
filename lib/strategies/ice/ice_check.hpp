// SPDX-License-Identifier: MIT
/// \file
/// \brief The STUN messages that a session sends beside libnice's own. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/stun.hpp"

namespace natterjack::ice {

/// A connectivity check's authentication and role (RFC 8445 section 7.1).
struct IceCheck {
    std::string username; ///< "theirs:ours".
    std::string password; ///< The peer's.
    std::uint32_t priority = 0;
    bool controlling = false;
    std::uint64_t tie_breaker = 0;
};

/// A Binding request with MESSAGE-INTEGRITY (SHA-1) and FINGERPRINT (RFC 8489 sections 14.5, 14.7).
[[nodiscard]] std::vector<std::uint8_t> encode_check(const stun::TransactionId& id,
                                                     const IceCheck& check);

/// The answer to the check \a id. \a seen: where it came from; \a password: ours.
[[nodiscard]] std::vector<std::uint8_t> encode_check_answer(const stun::TransactionId& id,
                                                            const Endpoint& seen,
                                                            const std::string& password);

/// \a message and one byte more, which makes data of it: libnice swallows every answer to a check
/// that is not its own, and where it comes by a relay's TCP connection nobody else can read it.
[[nodiscard]] std::vector<std::uint8_t> encode_padded(std::vector<std::uint8_t> message);

/// What came as data and is none: a padded check of the peer's, or its answer to ours.
struct PaddedCheck {
    bool question = false;
    stun::TransactionId id{};
};

/// Nothing: \a datagram is no such message, or not one of this peer's. \a username: "ours:theirs".
[[nodiscard]] std::optional<PaddedCheck> read_padded_check(ByteView datagram,
                                                           std::string_view username,
                                                           const std::string& our_password,
                                                           const std::string& their_password);

/// A Binding indication: means nothing and is answered by nobody (RFC 8489 section 6.3.2), yet
/// opens NATs on its way.
[[nodiscard]] std::vector<std::uint8_t> encode_opener(const stun::TransactionId& id);

/// The id of a Binding success or error response, from its first stun::kHeaderSize bytes; nothing
/// for all else.
[[nodiscard]] std::optional<stun::TransactionId> response_id(ByteView head) noexcept;

} // namespace natterjack::ice
