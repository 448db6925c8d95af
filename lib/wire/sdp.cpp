// SPDX-License-Identifier: MIT
#include "wire/sdp.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/number.hpp"
#include "base/text.hpp"
#include "wire/tokens.hpp"

namespace natterjack::sdp {

namespace {

constexpr std::size_t kShown = 80;          // bytes of a peer's text that an error message repeats
constexpr std::size_t kMinUfrag = 4;        // RFC 8839 section 5.4
constexpr std::size_t kMinPassword = 22;    // RFC 8839 section 5.4
constexpr std::size_t kMaxCredential = 256; // RFC 8839 section 5.4
constexpr std::size_t kMaxMid = 64;         // ours; browsers use one or two characters
constexpr std::uint64_t kDefaultMaxMessage = 65536; // RFC 8841 section 6.1: when it is absent
constexpr std::uint16_t kDiscardPort = 9;           // RFC 8840 section 4.1.1: no candidate yet
constexpr std::size_t kMaxCodecLines = 4;           // ours; rtpmap and fmtp are two
constexpr std::string_view kFormat = "webrtc-datachannel";
constexpr std::size_t kMinTlsId = 20;  // RFC 8842 section 4
constexpr std::size_t kMaxTlsId = 255; // RFC 8842 section 4
// Streams that the other side may use; Chrome and Firefox wrote the same. Nobody reads it.
constexpr std::string_view kSctpmapStreams = "1024";

constexpr std::array<std::string_view, 3> kProtocols = {"UDP/DTLS/SCTP", "TCP/DTLS/SCTP",
                                                        "DTLS/SCTP"};

struct HashName {
    std::string_view name; // RFC 8122 section 5
    std::size_t size;      // of the digest, in bytes
};
constexpr std::array<HashName, 3> kHashes = {{{"sha-256", 32}, {"sha-384", 48}, {"sha-512", 64}}};

Error malformed(std::string_view what) {
    return {Errc::Malformed, "description with a bad or missing " + std::string(what)};
}

// ----- decoding -----

// What a session or an m-section says. Empty optionals: nothing.
struct Section {
    std::string media;
    std::uint16_t port = 0;
    std::string protocol;
    std::string formats;
    std::string mid;
    std::vector<std::string> codec; // of OtherMedia
    bool bundle_only = false;
    bool trickle = false;
    bool other_fingerprint = false; // of a hash that we do not take
    std::optional<Setup> setup;
    std::optional<std::string> ufrag;
    std::optional<std::string> password;
    std::vector<Fingerprint> fingerprints;
    std::string tls_id;
    std::optional<std::uint16_t> sctp_port;
    std::optional<std::uint16_t> sctpmap; // the port that a=sctpmap gives data channels
    std::optional<std::uint64_t> max_message_size;
    std::vector<Candidate> candidates;
    bool end_of_candidates = false;
};

struct Parsed {
    std::uint64_t session_id = 0;
    std::uint64_t version = 0;
    bool ice_lite = false;
    std::vector<std::string> bundle;
    Section session;
    std::vector<Section> sections;
};

// ASCII with spaces, nothing that ends a line or steers a terminal.
bool is_text(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < '\x7f'; });
}

std::optional<unsigned> hex_digit(char c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    const char lower = ascii_lower(c);
    if (lower >= 'a' && lower <= 'f') return static_cast<unsigned>(lower - 'a' + 10);
    return std::nullopt;
}

// "AB:CD:..." (RFC 8122 section 5); lower case is tolerated.
std::optional<std::vector<std::uint8_t>> parse_digest(std::string_view text, std::size_t size) {
    if (text.size() != size * 3 - 1) return std::nullopt;
    std::vector<std::uint8_t> out;
    for (std::size_t i = 0; i < size; ++i) {
        const auto high = hex_digit(text[3 * i]);
        const auto low = hex_digit(text[3 * i + 1]);
        if (!high || !low || (i + 1 < size && text[3 * i + 2] != ':')) return std::nullopt;
        out.push_back(static_cast<std::uint8_t>(*high << 4U | *low));
    }
    return out;
}

Result<void> read_fingerprint(std::string_view value, Section& section) {
    TokenReader in(value);
    const auto name = in.next();
    const auto hash = std::find_if(kHashes.begin(), kHashes.end(), [&](const HashName& each) {
        return equal_ignoring_case(name, each.name);
    });
    if (hash == kHashes.end()) {
        section.other_fingerprint = true;
        return {};
    }
    auto digest = parse_digest(in.next(), hash->size);
    if (!digest || !in.at_end()) return malformed("fingerprint");
    if (section.fingerprints.size() == kMaxFingerprints) {
        return Error{Errc::TooLarge, "description with more than " +
                                         std::to_string(kMaxFingerprints) + " fingerprints"};
    }
    section.fingerprints.push_back({static_cast<Hash>(hash - kHashes.begin()), *std::move(digest)});
    return {};
}

bool is_tls_id(std::string_view text) {
    return text.size() >= kMinTlsId && text.size() <= kMaxTlsId &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return is_alphanumeric(c) || c == '+' || c == '/' || c == '-' || c == '_';
           });
}

Result<void> read_setup(std::string_view value, Section& section) {
    if (value == "actpass") {
        section.setup = Setup::ActPass;
    } else if (value == "active") {
        section.setup = Setup::Active;
    } else if (value == "passive") {
        section.setup = Setup::Passive;
    } else {
        return malformed("setup"); // "holdconn" too: RFC 8842 section 5.2 forbids it
    }
    return {};
}

Result<void> read_candidate(std::string_view line, Section& section) {
    auto candidate = decode_candidate(line);
    if (!candidate) {
        // A kind that we do not know is no fault (RFC 8839 section 5.1).
        if (candidate.error().code == Errc::Unsupported) return {};
        return candidate.error();
    }
    if (section.candidates.size() == kMaxCandidates) {
        return Error{Errc::TooLarge, "description with more than " +
                                         std::to_string(kMaxCandidates) + " candidates"};
    }
    section.candidates.push_back(*std::move(candidate));
    return {};
}

bool lists_word(std::string_view words, std::string_view word) {
    TokenReader in(words);
    while (!in.at_end()) {
        if (in.next() == word) return true;
    }
    return false;
}

// libdatachannel separates options by commas; RFC 8839 section 5.6 by spaces.
bool lists_option(std::string_view options, std::string_view option) {
    while (!options.empty()) {
        if (lists_word(take_until(options, ','), option)) return true;
    }
    return false;
}

// Attributes of the data channel itself.
Result<void> read_channel_attribute(std::string_view name, std::string_view value,
                                    Section& section) {
    if (name == "mid") {
        if (value.empty() || value.size() > kMaxMid || !is_visible(value)) return malformed("mid");
        section.mid = value;
    } else if (name == "bundle-only") {
        section.bundle_only = true;
    } else if (name == "sctp-port") {
        section.sctp_port = parse_number<std::uint16_t>(value);
        if (!section.sctp_port || *section.sctp_port == 0) return malformed("sctp-port");
    } else if (name == "sctpmap") { // "5000 webrtc-datachannel 1024"
        TokenReader in(value);
        const auto port = parse_number<std::uint16_t>(in.next());
        if (port && in.next() == kFormat) section.sctpmap = port;
    } else if (name == "max-message-size") {
        section.max_message_size = parse_number<std::uint64_t>(value);
        if (!section.max_message_size) return malformed("max-message-size");
    }
    return {};
}

// "rtpmap:111 opus/48000/2", if it is about the first format of the m-line.
void read_codec(std::string_view attribute, std::string_view value, Section& section) {
    std::string_view formats = section.formats;
    if (is_text(value) && take_until(value, ' ') == take_until(formats, ' ') &&
        section.codec.size() < kMaxCodecLines) {
        section.codec.emplace_back(attribute);
    }
}

Result<void> read_attribute(std::string_view line, Parsed& parsed, Section& section) {
    auto value = line.substr(2);
    const auto name = take_until(value, ':');
    if (name == "ice-ufrag") {
        if (!is_ice_text(value, kMinUfrag, kMaxCredential)) return malformed("ice-ufrag");
        section.ufrag = value;
    } else if (name == "ice-pwd") {
        if (!is_ice_text(value, kMinPassword, kMaxCredential)) return malformed("ice-pwd");
        section.password = value;
    } else if (name == "ice-options") {
        section.trickle = section.trickle || lists_option(value, "trickle");
    } else if (name == "ice-lite") {
        // Of the whole session (RFC 8839 section 5.3); elsewhere it means nothing.
        if (parsed.sections.empty()) parsed.ice_lite = true;
    } else if (name == "fingerprint") {
        return read_fingerprint(value, section);
    } else if (name == "setup") {
        return read_setup(value, section);
    } else if (name == "tls-id") {
        if (!is_tls_id(value)) return malformed("tls-id");
        section.tls_id = value;
    } else if (name == "candidate") {
        return read_candidate(line, section);
    } else if (name == "end-of-candidates") {
        section.end_of_candidates = true;
    } else if (name == "rtpmap" || name == "fmtp") {
        read_codec(line.substr(2), value, section);
    } else if (name == "group") {
        TokenReader in(value);
        if (in.next() != "BUNDLE" || !parsed.bundle.empty()) return {};
        while (!in.at_end() && parsed.bundle.size() < kMaxSections) {
            parsed.bundle.emplace_back(in.next());
        }
    } else {
        return read_channel_attribute(name, value, section);
    }
    return {};
}

Result<Section> read_media_line(std::string_view line) {
    auto rest = line.substr(2);
    Section section;
    section.media = take_until(rest, ' ');
    auto ports = take_until(rest, ' ');
    const auto port = parse_number<std::uint16_t>(take_until(ports, '/'));
    section.protocol = take_until(rest, ' ');
    section.formats = rest;
    if (section.media.empty() || !is_visible(section.media) || !port || section.protocol.empty() ||
        !is_visible(section.protocol) || section.formats.empty() || !is_text(rest)) {
        return malformed("m-line");
    }
    section.port = *port;
    return section;
}

Result<void> read_origin(std::string_view line, Parsed& parsed) {
    TokenReader in(line.substr(2));
    const auto user = in.next();
    const auto id = parse_number<std::uint64_t>(in.next());
    const auto version = parse_number<std::uint64_t>(in.next());
    if (user.empty() || !id || !version || in.at_end()) return malformed("o-line");
    parsed.session_id = *id;
    parsed.version = *version;
    return {};
}

Result<void> read_line(std::string_view line, Parsed& parsed) {
    switch (line[0]) {
    case 'a':
        return read_attribute(line, parsed,
                              parsed.sections.empty() ? parsed.session : parsed.sections.back());
    case 'm': {
        if (parsed.sections.size() == kMaxSections) {
            return Error{Errc::TooLarge,
                         "description with more than " + std::to_string(kMaxSections) + " m-lines"};
        }
        auto section = read_media_line(line);
        if (!section) return section.error();
        parsed.sections.push_back(*std::move(section));
        return {};
    }
    default: return {}; // s=, t=, c=, b= and the like say nothing that we need
    }
}

Result<Parsed> read_lines(std::string_view text) {
    if (text.size() > kMaxDescription) {
        return Error{Errc::TooLarge, "description of " + std::to_string(text.size()) + " bytes"};
    }
    Parsed parsed;
    for (std::size_t number = 0; !text.empty(); ++number) {
        auto line = take_until(text, '\n');
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        if (line.empty() && text.empty()) break; // one empty line at the end does no harm
        if (line.size() > kMaxLine) return Error{Errc::TooLarge, "line of a description"};
        // RFC 8866 section 9, byte-string.
        if (line.find_first_of(std::string_view("\0\r", 2)) != std::string_view::npos) {
            return Error{Errc::Malformed, "description with a NUL or CR inside a line"};
        }
        if (line.size() < 2 || line[1] != '=') {
            return Error{Errc::Malformed,
                         "description: \"" + printable(line, kShown) + "\" is no SDP line"};
        }
        if (number == 0 && line != "v=0") return malformed("v-line");
        if (number == 1) {
            if (line[0] != 'o') return malformed("o-line");
            if (auto read = read_origin(line, parsed); !read) return read.error();
        } else if (auto read = read_line(line, parsed); !read) {
            return read.error();
        }
    }
    return parsed;
}

// What the m-line and its a=sctpmap say; nothing: it is no data channel's.
std::optional<Protocol> protocol_of(const Section& section) {
    const auto found = std::find(kProtocols.begin(), kProtocols.end(), section.protocol);
    if (section.media != "application" || found == kProtocols.end()) return std::nullopt;
    const auto protocol = static_cast<Protocol>(found - kProtocols.begin());
    const bool ours = protocol == Protocol::DtlsSctp
                          ? section.sctpmap && *section.sctpmap != 0 &&
                                parse_number<std::uint16_t>(section.formats) == section.sctpmap
                          : lists_word(section.formats, kFormat);
    return ours ? std::optional(protocol) : std::nullopt;
}

bool is_data_channel(const Section& section) {
    return protocol_of(section).has_value();
}

bool is_bundled(const Parsed& parsed, const Section& section) {
    return !section.mid.empty() && std::find(parsed.bundle.begin(), parsed.bundle.end(),
                                             section.mid) != parsed.bundle.end();
}

// The m-section whose transport the data channel shares (RFC 9143 section 7.1): the first of its
// BUNDLE group, or itself.
const Section& tagged_section(const Parsed& parsed, const Section& channel) {
    if (!is_bundled(parsed, channel)) return channel;
    const auto found =
        std::find_if(parsed.sections.begin(), parsed.sections.end(),
                     [&](const Section& each) { return each.mid == parsed.bundle.front(); });
    return found == parsed.sections.end() ? channel : *found;
}

// Fills the transport's part in from the channel's own section, the tagged one, or the session.
Result<void> resolve_transport(const Parsed& parsed, const Section& channel, Description& out) {
    const std::array<const Section*, 3> levels = {&channel, &tagged_section(parsed, channel),
                                                  &parsed.session};
    // A ufrag and its password come from one level.
    const auto credentials = std::find_if(levels.begin(), levels.end(), [](const Section* each) {
        return each->ufrag || each->password;
    });
    if (credentials == levels.end() || !(*credentials)->ufrag) return malformed("ice-ufrag");
    if (!(*credentials)->password) return malformed("ice-pwd");
    out.ufrag = *(*credentials)->ufrag;
    out.password = *(*credentials)->password;

    std::optional<Setup> setup;
    bool other_fingerprint = false;
    out.trickle = false;
    for (const auto* const level : levels) {
        if (!setup) setup = level->setup;
        if (out.tls_id.empty()) out.tls_id = level->tls_id;
        out.trickle = out.trickle || level->trickle;
        if (out.fingerprints.empty()) out.fingerprints = level->fingerprints;
        if (out.candidates.empty()) out.candidates = level->candidates;
        out.end_of_candidates = out.end_of_candidates || level->end_of_candidates;
        other_fingerprint = other_fingerprint || level->other_fingerprint;
    }
    if (out.fingerprints.empty()) {
        if (!other_fingerprint) return malformed("fingerprint");
        return Error{Errc::Unsupported,
                     "description without a fingerprint by sha-256, sha-384 or sha-512"};
    }
    if (!setup) return malformed("setup"); // RFC 8842 section 5.2 demands it
    if (*setup == Setup::ActPass && out.kind == Kind::Answer) {
        return Error{Errc::Malformed,
                     "answer with setup actpass: it must choose active or passive"};
    }
    out.setup = *setup;
    return {};
}

// ----- encoding -----

const char* to_text(Setup setup) {
    switch (setup) {
    case Setup::ActPass: return "actpass";
    case Setup::Active: return "active";
    case Setup::Passive: return "passive";
    }
    return "actpass";
}

// RFC 8829 section 5.2.1 and RFC 8445 section 5.1.4: the most likely to work without ICE.
const Candidate* default_candidate(const Description& description) {
    const Candidate* best = nullptr;
    const auto rank = [](const Candidate& each) {
        const int type = each.type == CandidateType::Relayed           ? 4
                         : each.type == CandidateType::ServerReflexive ? 2
                                                                       : 0;
        return type + (each.address.is_v4() ? 1 : 0);
    };
    for (const auto& each : description.candidates) {
        if (each.transport != Transport::Udp || each.is_name()) continue;
        if (!best || rank(each) > rank(*best)) best = &each;
    }
    return best;
}

// An m-line that is not turned down, and all about its transport.
void write_transport(std::string& out, const Description& description, std::string_view media,
                     std::string_view protocol, std::string_view formats) {
    const auto* const first = default_candidate(description);
    const auto address = first ? first->address : IpAddress();
    out.append("m=").append(media).append(" ");
    out.append(std::to_string(first ? first->port : kDiscardPort)).append(" ");
    out.append(protocol).append(" ").append(formats).append("\r\n");
    out +=
        std::string("c=IN ") + (address.is_v4() ? "IP4 " : "IP6 ") + address.to_string() + "\r\n";
    for (const auto& candidate : description.candidates) out += "a=" + encode(candidate) + "\r\n";
    if (description.end_of_candidates) out += "a=end-of-candidates\r\n";
    out += "a=ice-ufrag:" + description.ufrag + "\r\n";
    out += "a=ice-pwd:" + description.password + "\r\n";
    for (const auto& fingerprint : description.fingerprints) {
        out += "a=fingerprint:" + to_string(fingerprint) + "\r\n";
    }
    out += std::string("a=setup:") + to_text(description.setup) + "\r\n";
    if (!description.tls_id.empty()) out += "a=tls-id:" + description.tls_id + "\r\n";
}

void write_other_media(std::string& out, const OtherMedia& other, const Description& description) {
    if (other.carries_bundle) {
        std::string_view formats = other.formats;
        write_transport(out, description, other.media, other.protocol, take_until(formats, ' '));
        for (const auto& line : other.codec) out += "a=" + line + "\r\n";
        out += "a=rtcp-mux\r\n";
    } else {
        out += "m=" + other.media + " 0 " + other.protocol + " " + other.formats +
               "\r\nc=IN IP4 0.0.0.0\r\n";
    }
    if (!other.mid.empty()) out += "a=mid:" + other.mid + "\r\n";
    out += "a=inactive\r\n";
}

void write_data_channel(std::string& out, const Description& description) {
    const bool old = description.protocol == Protocol::DtlsSctp;
    const auto sctp_port = std::to_string(description.sctp_port);
    write_transport(out, description, "application",
                    kProtocols[static_cast<std::size_t>(description.protocol)],
                    old ? sctp_port : kFormat);
    if (!description.mid.empty()) out += "a=mid:" + description.mid + "\r\n";
    if (old) {
        out.append("a=sctpmap:").append(sctp_port).append(" ").append(kFormat);
        out.append(" ").append(kSctpmapStreams).append("\r\n");
    } else {
        out += "a=sctp-port:" + sctp_port + "\r\n";
    }
    out += "a=max-message-size:" + std::to_string(description.max_message_size) + "\r\n";
}

} // namespace

std::size_t digest_size(Hash hash) noexcept {
    return kHashes[static_cast<std::size_t>(hash)].size;
}

std::string to_string(const Fingerprint& fingerprint) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string out(kHashes[static_cast<std::size_t>(fingerprint.hash)].name);
    char separator = ' ';
    for (const auto byte : fingerprint.digest) {
        out += std::exchange(separator, ':');
        out += kDigits[byte >> 4U];
        out += kDigits[byte & 0xfU];
    }
    return out;
}

std::string encode(const Description& description) {
    // The address of the o-line must tell nothing (RFC 8829 section 5.2.1).
    std::string out = "v=0\r\no=- " + std::to_string(description.session_id) + " " +
                      std::to_string(description.version) + " IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";
    if (description.bundle && !description.mid.empty()) {
        out += "a=group:BUNDLE ";
        for (const auto& other : description.other_media) {
            if (other.carries_bundle) out += other.mid + " ";
        }
        out += description.mid + "\r\n";
    }
    // Not "ice2": nomination is RFC 5245's aggressive one.
    if (description.trickle) out += "a=ice-options:trickle\r\n";
    const auto before = std::min(description.line_index, description.other_media.size());
    for (std::size_t i = 0; i < before; ++i) {
        write_other_media(out, description.other_media[i], description);
    }
    write_data_channel(out, description);
    for (std::size_t i = before; i < description.other_media.size(); ++i) {
        write_other_media(out, description.other_media[i], description);
    }
    return out;
}

Result<Description> decode_description(std::string_view text, Kind kind) {
    const auto parsed = read_lines(text);
    if (!parsed) return parsed.error();
    const auto& sections = parsed->sections;
    const auto channel = std::find_if(sections.begin(), sections.end(), is_data_channel);
    if (channel == sections.end()) {
        return Error{Errc::Unsupported,
                     "description without a data channel (m=application UDP/DTLS/SCTP " +
                         std::string(kFormat) + ")"};
    }
    // Port 0 means "no", unless it only says that another m-line's transport is used (RFC 9143).
    if (channel->port == 0 && !channel->bundle_only) {
        return Error{Errc::Refused, "the peer turned the data channel down (m-line with port 0)"};
    }
    Description out;
    out.kind = kind;
    out.session_id = parsed->session_id;
    out.version = parsed->version;
    out.ice_lite = parsed->ice_lite;
    out.mid = channel->mid;
    out.bundle = is_bundled(*parsed, *channel);
    out.protocol = protocol_of(*channel).value_or(Protocol::UdpDtlsSctp);
    out.line_index = static_cast<std::size_t>(channel - sections.begin());
    for (const auto& each : sections) {
        if (&each == &*channel) continue;
        const bool media = each.media == "audio" || each.media == "video";
        const bool first = media && each.port != 0 && &each == &tagged_section(*parsed, *channel);
        out.other_media.push_back({each.media, each.protocol, each.formats, each.mid, first,
                                   first ? each.codec : std::vector<std::string>{}});
    }
    const auto sctp_port =
        out.protocol == Protocol::DtlsSctp ? channel->sctpmap : channel->sctp_port;
    if (!sctp_port) return malformed("sctp-port");
    out.sctp_port = *sctp_port;
    out.max_message_size = channel->max_message_size.value_or(kDefaultMaxMessage);
    if (auto resolved = resolve_transport(*parsed, *channel, out); !resolved) {
        return resolved.error();
    }
    return out;
}

Description answer_to(const Description& offer) {
    Description out;
    out.kind = Kind::Answer;
    out.mid = offer.mid;
    out.bundle = offer.bundle; // no group that was not offered (RFC 9143 section 7.3)
    out.protocol = offer.protocol;
    out.trickle = offer.trickle; // RFC 8829 section 5.3.1
    out.line_index = offer.line_index;
    out.other_media = offer.other_media;
    // RFC 5763 section 5: the answerer is the client, so that its ClientHello needs no wait.
    out.setup = offer.setup == Setup::Active ? Setup::Passive : Setup::Active;
    return out;
}

} // namespace natterjack::sdp
