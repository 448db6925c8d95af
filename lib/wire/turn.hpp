// SPDX-License-Identifier: MIT
/// \file
/// \brief What TURN (RFC 8656, and RFC 6062 for TCP) adds to STUN messages. No sockets, no clocks.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <natterjack/endpoint.hpp>

#include "base/time.hpp"
#include "wire/stun.hpp"

namespace natterjack::turn {

// Methods: RFC 8656 section 17, RFC 6062 section 6.1.
inline constexpr std::uint16_t kAllocate = 0x003;
inline constexpr std::uint16_t kRefresh = 0x004;
inline constexpr std::uint16_t kSend = 0x006; ///< Indication only.
inline constexpr std::uint16_t kData = 0x007; ///< Indication only.
inline constexpr std::uint16_t kCreatePermission = 0x008;
inline constexpr std::uint16_t kConnect = 0x00A;
inline constexpr std::uint16_t kConnectionBind = 0x00B;
inline constexpr std::uint16_t kConnectionAttempt = 0x00C; ///< Indication only.

// Error codes: RFC 8489 section 14.8, RFC 8656 section 19, RFC 6062 section 6.3.
inline constexpr int kBadRequest = 400;
inline constexpr int kUnauthenticated = 401;
inline constexpr int kStaleNonce = 438;
inline constexpr int kConnectionTimeoutOrFailure = 447;

/// REALM and NONCE are at most this many bytes (RFC 8489 sections 14.9 and 14.10). Longer ones are
/// not read, for we send them back.
inline constexpr std::size_t kLongestText = 763;

/// Between the server and the peer (RFC 8656 section 18.8).
[[nodiscard]] std::vector<std::uint8_t> requested_transport_value(Transport transport);
/// \retval Errc::NotFound     the message does not say
/// \retval Errc::Malformed    not four bytes
/// \retval Errc::Unsupported  neither UDP nor TCP
[[nodiscard]] Result<Transport> requested_transport(const stun::Message& message);

/// Of which family the relayed address is to be; IPv4 if nothing is said (RFC 8656 section 18.6).
[[nodiscard]] std::vector<std::uint8_t> requested_family_value(bool v4);
/// True: IPv4.
/// \retval Errc::NotFound     the message does not say
/// \retval Errc::Malformed    not four bytes
/// \retval Errc::Unsupported  neither IPv4 nor IPv6
[[nodiscard]] Result<bool> requested_family_is_v4(const stun::Message& message);

/// Seconds that an allocation lives; 0 in a Refresh request ends it (RFC 8656 section 18.2).
[[nodiscard]] std::vector<std::uint8_t> lifetime_value(Lifetime lifetime);
/// \retval Errc::NotFound   the message does not say
/// \retval Errc::Malformed  not four bytes
[[nodiscard]] Result<Lifetime> lifetime(const stun::Message& message);

/// Names one connection between the server and a peer (RFC 6062 section 6.2.1).
using ConnectionId = std::uint32_t;
[[nodiscard]] std::vector<std::uint8_t> connection_id_value(ConnectionId id);
/// \retval Errc::NotFound   the message names none
/// \retval Errc::Malformed  not four bytes
[[nodiscard]] Result<ConnectionId> connection_id(const stun::Message& message);

/// Masked as XOR-MAPPED-ADDRESS: stun::xor_address() writes them (RFC 8656 sections 18.3, 18.5).
/// \retval as stun::mapped_address()
[[nodiscard]] Result<Endpoint> peer_address(const stun::Message& message);
[[nodiscard]] Result<Endpoint> relayed_address(const stun::Message& message);

/// What a server asks to be signed with (RFC 8489 sections 9.2, 14.9 and 14.10). Bytes, not text:
/// they are sent back as they came.
struct Challenge {
    std::string realm;
    std::string nonce;

    friend bool operator==(const Challenge&, const Challenge&) = default;
};
/// \retval Errc::NotFound   REALM or NONCE is missing
/// \retval Errc::TooLarge   one of them exceeds kLongestText
[[nodiscard]] Result<Challenge> challenge(const stun::Message& message);

/// MD5, which this module does not have: net::md5.
using Md5 = std::array<std::uint8_t, 16> (*)(ByteView bytes);
/// The key of a user's MESSAGE-INTEGRITY: MD5(user ":" realm ":" password) (RFC 8489
/// section 9.2.2).
[[nodiscard]] std::vector<std::uint8_t> long_term_key(std::string_view user, std::string_view realm,
                                                      std::string_view password, Md5 md5);

/// Cuts a TCP stream into STUN messages (RFC 8656 section 3.1). A stream that holds anything else
/// is broken for good: nothing in it says where the next message begins.
class StreamSplitter {
public:
    /// At most this much waits for the rest of a message.
    static constexpr std::size_t kLimit = stun::kMaxMessageSize;

    void append(ByteView bytes) { buffer_.insert(buffer_.end(), bytes.begin(), bytes.end()); }
    /// The next whole message; nothing: more bytes must come.
    /// \retval Errc::Malformed  the stream is not STUN
    /// \retval Errc::TooLarge   the message exceeds kLimit
    [[nodiscard]] Result<std::optional<std::vector<std::uint8_t>>> next();
    /// What follows the messages taken so far: after ConnectionBind, the peer's bytes.
    [[nodiscard]] std::vector<std::uint8_t> take_rest() { return std::move(buffer_); }

private:
    std::vector<std::uint8_t> buffer_;
};

} // namespace natterjack::turn
