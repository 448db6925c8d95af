// SPDX-License-Identifier: MIT
/// \file
/// \brief Session descriptions as browsers write them for a data channel (RFC 8829, 8839, 8841,
/// 8842, 8122, 9143): text to struct and back.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <natterjack/result.hpp>

#include "wire/candidate.hpp"

namespace natterjack::sdp {

inline constexpr std::size_t kMaxDescription = std::size_t{64} * 1024; ///< Bytes read at most.
inline constexpr std::size_t kMaxLine = 4096;                          ///< Bytes of one line.
inline constexpr std::size_t kMaxCandidates = 150;                     ///< In one description.
inline constexpr std::size_t kMaxSections = 16;                        ///< m-lines.
inline constexpr std::size_t kMaxFingerprints = 8;

/// Which side of RFC 3264's exchange a description is.
enum class Kind : std::uint8_t { Offer, Answer };

/// Who sends the DTLS ClientHello (RFC 8842 section 5.2).
enum class Setup : std::uint8_t {
    ActPass, ///< The answer decides; only in offers.
    Active,  ///< This side is the DTLS client.
    Passive  ///< This side is the DTLS server.
};

/// SHA-256 of a DER certificate (RFC 8122 section 5).
using Fingerprint = std::array<std::uint8_t, 32>;

/// "AB:CD:...", 32 bytes in upper case.
[[nodiscard]] std::string to_string(const Fingerprint& fingerprint);

/// An m-line that is not the data channel's. In an answer it is turned down with port 0, because an
/// answer must have the offer's m-lines in their order (RFC 3264 section 6).
struct OtherMedia {
    std::string media;    ///< "audio", "video", ...
    std::string protocol; ///< "UDP/TLS/RTP/SAVPF", ...
    std::string formats;  ///< The rest of the m-line.
    std::string mid;      ///< May be empty.

    friend bool operator==(const OtherMedia&, const OtherMedia&) = default;
};

/// One side's part of setting up a session with data channels.
struct Description {
    Kind kind = Kind::Offer;
    std::uint64_t session_id = 0; ///< Random, below 2^63 (RFC 8829 section 5.2.1).
    std::uint64_t version = 0;    ///< One more with each new description of a session.
    std::string mid = "0";        ///< Names the data channel's m-line (RFC 5888).
    std::string ufrag;            ///< 4 to 256 ICE characters.
    std::string password;         ///< 22 to 256 ICE characters.
    bool trickle = true;          ///< More candidates may follow outside (RFC 8838).
    bool ice_lite = false;        ///< Only answers checks (RFC 8445 section 2.5).
    /// At least one; the certificate must match any of them.
    std::vector<Fingerprint> fingerprints;
    Setup setup = Setup::ActPass;
    std::uint16_t sctp_port = 5000;
    /// Longest message that this side takes, in bytes; 0: any (RFC 8841 section 6).
    std::uint64_t max_message_size = std::uint64_t{256} * 1024;
    std::vector<Candidate> candidates;
    bool end_of_candidates = false;      ///< There will be no more (RFC 8840 section 4.1).
    std::size_t line_index = 0;          ///< Place of the data channel's m-line among all, from 0.
    std::vector<OtherMedia> other_media; ///< The other m-lines in their order.

    friend bool operator==(const Description&, const Description&) = default;
};

/// The text that setLocalDescription() of a browser would give and that its setRemoteDescription()
/// takes, lines ended by CR LF. Other m-lines are written as turned down.
[[nodiscard]] std::string encode(const Description& description);

/// Reads what a browser, or encode(), wrote. Unknown attributes are skipped; candidates of kinds
/// that we do not know are left out; what stands at session level, or in the first m-line of the
/// BUNDLE group, holds where the data channel's m-line says nothing.
/// \retval Errc::TooLarge     over one of the limits above
/// \retval Errc::Malformed    breaks the grammar, or something that must be there is not
/// \retval Errc::Refused      the data channel's m-line is turned down (port 0)
/// \retval Errc::Unsupported  no data channel in it, or no SHA-256 fingerprint
[[nodiscard]] Result<Description> decode_description(std::string_view text, Kind kind);

/// An answer's skeleton: kind, mid, m-lines and place as the \a offer wants them, setup active (or
/// passive where the offer is active). The caller fills in what is its own: session_id, ufrag,
/// password, fingerprints, sctp_port, max_message_size, candidates.
[[nodiscard]] Description answer_to(const Description& offer);

} // namespace natterjack::sdp
