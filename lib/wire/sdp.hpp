// SPDX-License-Identifier: MIT
/// \file
/// \brief Session descriptions as browsers write them for a data channel (RFC 8829, 8839, 8841,
/// 8842, 8122, 9143): text to struct and back.
#pragma once

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

/// What certificates are hashed with, the strongest last. MD5 and SHA-1 prove nothing any more
/// (RFC 8122 section 5 forbids the first).
enum class Hash : std::uint8_t { Sha256, Sha384, Sha512 };

/// Length of a digest in bytes.
[[nodiscard]] std::size_t digest_size(Hash hash) noexcept;

/// Of a DER certificate (RFC 8122 section 5).
struct Fingerprint {
    Hash hash = Hash::Sha256;
    std::vector<std::uint8_t> digest; ///< digest_size() bytes.

    friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};

/// "sha-256 AB:CD:...", in upper case.
[[nodiscard]] std::string to_string(const Fingerprint& fingerprint);

/// The m-line's third word. An answer repeats its offer's, whatever transport ICE finds.
enum class Protocol : std::uint8_t {
    UdpDtlsSctp, ///< What offers should say (RFC 8829 section 5.2.1).
    TcpDtlsSctp,
    /// As it was before RFC 8841, and as aiortc offers still: SCTP's port stands on the m-line and
    /// a=sctpmap says what it carries (draft-ietf-mmusic-sctp-sdp-05).
    DtlsSctp
};

/// An m-line that is not the data channel's. It is turned down with port 0, because an answer must
/// have the offer's m-lines in their order (RFC 3264 section 6).
struct OtherMedia {
    std::string media;    ///< "audio", "video", ...
    std::string protocol; ///< "UDP/TLS/RTP/SAVPF", ...
    std::string formats;  ///< The rest of the m-line.
    std::string mid;      ///< May be empty.
    /// The first of the data channel's BUNDLE group, whose transport all of them use: not turned
    /// down, since the whole group would be (RFC 9143 section 7.3.3), but kept without a direction.
    bool carries_bundle = false;
    /// What a kept one repeats: the first format's a=rtpmap and a=fmtp, without "a=".
    std::vector<std::string> codec{};

    friend bool operator==(const OtherMedia&, const OtherMedia&) = default;
};

/// One side's part of setting up a session with data channels.
struct Description {
    Kind kind = Kind::Offer;
    std::uint64_t session_id = 0; ///< Random, below 2^63 (RFC 8829 section 5.2.1).
    std::uint64_t version = 0;    ///< One more with each new description of a session.
    std::string mid = "0";        ///< Names the data channel's m-line (RFC 5888); may be empty.
    std::string ufrag;            ///< 4 to 256 ICE characters.
    std::string password;         ///< 22 to 256 ICE characters.
    bool bundle = true; ///< The m-line is in a BUNDLE group; in an answer: the offer's was.
    Protocol protocol = Protocol::UdpDtlsSctp;
    bool trickle = true;   ///< More candidates may follow outside (RFC 8838).
    bool ice_lite = false; ///< Read only: it answers checks and sends none (RFC 8445 section 2.5).
    /// At least one; the certificate must match any of those with the strongest hash.
    std::vector<Fingerprint> fingerprints;
    /// Names the DTLS association: another one asks for a new association. 20 to 255 characters, or
    /// empty: not given (RFC 8842 section 4).
    std::string tls_id;
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
/// takes, lines ended by CR LF. Other m-lines are written as OtherMedia says.
[[nodiscard]] std::string encode(const Description& description);

/// Reads what a browser, or encode(), wrote. Unknown attributes are skipped; candidates of kinds
/// that we do not know are left out; what stands at session level, or in the first m-line of the
/// BUNDLE group, holds where the data channel's m-line says nothing.
/// \retval Errc::TooLarge     over one of the limits above
/// \retval Errc::Malformed    breaks the grammar, or something that must be there is not
/// \retval Errc::Refused      the data channel's m-line is turned down (port 0)
/// \retval Errc::Unsupported  no data channel in it, or no fingerprint of a hash that we take
[[nodiscard]] Result<Description> decode_description(std::string_view text, Kind kind);

/// An answer's skeleton: kind, mid, group, m-lines and place as the \a offer wants them, trickle if
/// the offer does, setup active (or passive where the offer is active). The caller fills in what is
/// its own: session_id, ufrag, password, fingerprints, sctp_port, max_message_size, candidates; and
/// tls_id, if the offer has one (RFC 8842 section 5.3).
[[nodiscard]] Description answer_to(const Description& offer);

} // namespace natterjack::sdp
