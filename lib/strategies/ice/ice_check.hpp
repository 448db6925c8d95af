// SPDX-License-Identifier: MIT
/// \file
/// \brief The STUN messages that a session sends beside libnice's own. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
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

/// A Binding indication: means nothing and is answered by nobody (RFC 8489 section 6.3.2), yet
/// opens NATs on its way.
[[nodiscard]] std::vector<std::uint8_t> encode_opener(const stun::TransactionId& id);

/// The id of a Binding success or error response, from its first stun::kHeaderSize bytes; nothing
/// for all else.
[[nodiscard]] std::optional<stun::TransactionId> response_id(ByteView head) noexcept;

} // namespace natterjack::ice
