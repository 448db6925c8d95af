// SPDX-License-Identifier: MIT
/// \file
/// \brief What two peers tell each other while they connect, as browsers serialise it: one JSON
/// object a line (RTCSessionDescription and RTCIceCandidate, W3C WebRTC 4.3.2 and 4.8.1).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <natterjack/result.hpp>

#include "wire/sdp.hpp"

namespace natterjack::signal {

/// Longest message that is read, in bytes: a description of 64 KiB, its escapes included.
inline constexpr std::size_t kMaxMessage = std::size_t{128} * 1024;

/// {"type":"offer","sdp":"..."}
struct Description {
    sdp::Kind kind = sdp::Kind::Offer;
    std::string sdp; ///< Not yet decoded; see sdp::decode_description().

    friend bool operator==(const Description&, const Description&) = default;
};

/// {"candidate":"candidate:...","sdpMid":"0","sdpMLineIndex":0}
struct Candidate {
    std::string candidate; ///< Not yet decoded; empty: there will be no more (RFC 8838 section 14).
    std::optional<std::string> mid;          ///< The m-line that it is for, by its a=mid ...
    std::optional<std::uint16_t> line_index; ///< ... and by its place, from 0.
    std::optional<std::string> ufrag;        ///< The ICE generation that it belongs to.

    friend bool operator==(const Candidate&, const Candidate&) = default;
};

using Message = std::variant<Description, Candidate>;

/// One line of JSON without line end.
[[nodiscard]] std::string encode(const Message& message);

/// Reads one object. Keys that we do not know are ignored; white space around it is allowed.
/// \retval Errc::TooLarge     longer than kMaxMessage
/// \retval Errc::Malformed    not JSON, not an object, or a member of the wrong type
/// \retval Errc::Unsupported  neither a candidate nor an offer nor an answer
[[nodiscard]] Result<Message> decode(std::string_view line);

} // namespace natterjack::signal
