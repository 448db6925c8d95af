// SPDX-License-Identifier: MIT
/// \file
/// \brief Data channel establishment messages (RFC 8832): bytes to structs and back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <natterjack/result.hpp>

#include "base/bytes.hpp"

namespace natterjack::dcep {

/// Longest label, and longest protocol, that is read or written, in bytes. The field could hold
/// 65535; a peer may open hundreds of channels, so what it can make us keep is bounded.
inline constexpr std::size_t kMaxText = 4096;

/// What SCTP does for messages that get lost (RFC 8832 section 5.1, "Channel Type").
enum class Reliability : std::uint8_t {
    Reliable = 0,       ///< Repeated until it arrives.
    MaxRetransmits = 1, ///< Given up after \a reliability_parameter retransmissions.
    MaxLifetime = 2     ///< Given up after \a reliability_parameter milliseconds.
};

/// DATA_CHANNEL_OPEN (RFC 8832 section 5.1).
struct Open {
    Reliability reliability = Reliability::Reliable;
    bool ordered = true;
    std::uint16_t priority = 256; ///< Normal (RFC 8831 section 6.4).
    /// Retransmissions, or milliseconds, or nothing; 0 when reliable.
    std::uint32_t reliability_parameter = 0;
    std::string label;    ///< UTF-8, at most kMaxText bytes; whatever the peer sent.
    std::string protocol; ///< Likewise; names from IANA's WebSocket registry, or empty.

    friend bool operator==(const Open&, const Open&) = default;
};

/// DATA_CHANNEL_ACK (RFC 8832 section 5.2) has no fields.
[[nodiscard]] std::vector<std::uint8_t> encode_ack();
/// Label and protocol beyond kMaxText are cut.
[[nodiscard]] std::vector<std::uint8_t> encode(const Open& open);

/// True for the one byte of DATA_CHANNEL_ACK.
[[nodiscard]] bool is_ack(ByteView message) noexcept;

/// \retval Errc::Truncated    shorter than its own length fields say
/// \retval Errc::Malformed    not DATA_CHANNEL_OPEN, or bytes left over
/// \retval Errc::Unsupported  an unknown channel type
/// \retval Errc::TooLarge     label or protocol longer than kMaxText
[[nodiscard]] Result<Open> decode_open(ByteView message);

} // namespace natterjack::dcep
