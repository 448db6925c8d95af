// SPDX-License-Identifier: MIT
#include "wire/sdp.hpp"

#include <algorithm>

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
constexpr std::string_view kFormat = "webrtc-datachannel";

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
    bool bundle_only = false;
    std::optional<std::string> ufrag;
    std::optional<std::string> password;
    std::optional<bool> trickle;
    std::optional<Setup> setup;
    std::vector<Fingerprint> fingerprints;
    bool other_fingerprint = false; // of a hash that we do not know
    std::optional<std::uint16_t> sctp_port;
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

std::optional<unsigned> hex_digit(char c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    const char lower = ascii_lower(c);
    if (lower >= 'a' && lower <= 'f') return static_cast<unsigned>(lower - 'a' + 10);
    return std::nullopt;
}

// "AB:CD:..." (RFC 8122 section 5); lower case is tolerated.
std::optional<Fingerprint> parse_fingerprint(std::string_view text) {
    Fingerprint out{};
    if (text.size() != out.size() * 3 - 1) return std::nullopt;
    for (std::size_t i = 0; i < out.size(); ++i) {
        const auto high = hex_digit(text[3 * i]);
        const auto low = hex_digit(text[3 * i + 1]);
        if (!high || !low || (i + 1 < out.size() && text[3 * i + 2] != ':')) return std::nullopt;
        out[i] = static_cast<std::uint8_t>(*high << 4U | *low);
    }
    return out;
}

Result<void> read_fingerprint(std::string_view value, Section& section) {
    TokenReader in(value);
    if (!equal_ignoring_case(in.next(), "sha-256")) {
        section.other_fingerprint = true;
        return {};
    }
    const auto fingerprint = parse_fingerprint(in.next());
    if (!fingerprint || !in.at_end()) return malformed("fingerprint");
    if (section.fingerprints.size() == kMaxFingerprints) {
        return Error{Errc::TooLarge, "description with more than " +
                                         std::to_string(kMaxFingerprints) + " fingerprints"};
    }
    section.fingerprints.push_back(*fingerprint);
    return {};
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

// Attributes of the data channel itself.
Result<void> read_channel_attribute(std::string_view name, std::string_view value,
                                    Section& section) {
    if (name == "mid") {
        if (value.empty() || value.size() > kMaxMid || !is_visible(value)) return malformed("mid");
        section.mid = value;
    } else if (name == "bundle-only") {
        section.bundle_only = true;
    } else if (name == "sctp-port") {
        section.sctp_port = parse_decimal<std::uint16_t>(value);
        if (!section.sctp_port || *section.sctp_port == 0) return malformed("sctp-port");
    } else if (name == "max-message-size") {
        section.max_message_size = parse_decimal<std::uint64_t>(value);
        if (!section.max_message_size) return malformed("max-message-size");
    }
    return {};
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
        section.trickle = lists_word(value, "trickle");
    } else if (name == "ice-lite") {
        parsed.ice_lite = true;
    } else if (name == "fingerprint") {
        return read_fingerprint(value, section);
    } else if (name == "setup") {
        return read_setup(value, section);
    } else if (name == "candidate") {
        return read_candidate(line, section);
    } else if (name == "end-of-candidates") {
        section.end_of_candidates = true;
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
    const auto port = parse_decimal<std::uint16_t>(take_until(ports, '/'));
    section.protocol = take_until(rest, ' ');
    section.formats = rest;
    const bool formats_ok =
        std::all_of(rest.begin(), rest.end(), [](char c) { return c >= ' ' && c < '\x7f'; });
    if (section.media.empty() || !is_visible(section.media) || !port || section.protocol.empty() ||
        !is_visible(section.protocol) || section.formats.empty() || !formats_ok) {
        return malformed("m-line");
    }
    section.port = *port;
    return section;
}

Result<void> read_origin(std::string_view line, Parsed& parsed) {
    TokenReader in(line.substr(2));
    const auto user = in.next();
    const auto id = parse_decimal<std::uint64_t>(in.next());
    const auto version = parse_decimal<std::uint64_t>(in.next());
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

bool is_data_channel(const Section& section) {
    return section.media == "application" &&
           (section.protocol == "UDP/DTLS/SCTP" || section.protocol == "TCP/DTLS/SCTP") &&
           lists_word(section.formats, kFormat);
}

// The m-section whose transport the data channel shares (RFC 9143 section 7.1): the first of its
// BUNDLE group, or itself.
const Section& tagged_section(const Parsed& parsed, const Section& channel) {
    const bool bundled =
        std::find(parsed.bundle.begin(), parsed.bundle.end(), channel.mid) != parsed.bundle.end();
    if (!bundled || channel.mid.empty()) return channel;
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
    std::optional<bool> trickle;
    bool other_fingerprint = false;
    for (const auto* const level : levels) {
        if (!setup) setup = level->setup;
        if (!trickle) trickle = level->trickle;
        if (out.fingerprints.empty()) out.fingerprints = level->fingerprints;
        if (out.candidates.empty()) out.candidates = level->candidates;
        out.end_of_candidates = out.end_of_candidates || level->end_of_candidates;
        other_fingerprint = other_fingerprint || level->other_fingerprint;
    }
    if (out.fingerprints.empty()) {
        if (!other_fingerprint) return malformed("fingerprint");
        return Error{Errc::Unsupported, "description without a sha-256 fingerprint"};
    }
    if (!setup) return malformed("setup"); // RFC 8842 section 5.2 demands it
    if (*setup == Setup::ActPass && out.kind == Kind::Answer) {
        return Error{Errc::Malformed,
                     "answer with setup actpass: it must choose active or passive"};
    }
    out.setup = *setup;
    out.trickle = trickle.value_or(false);
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

void write_other_media(std::string& out, const OtherMedia& other) {
    out += "m=" + other.media + " 0 " + other.protocol + " " + other.formats + "\r\n" +
           "c=IN IP4 0.0.0.0\r\n";
    if (!other.mid.empty()) out += "a=mid:" + other.mid + "\r\n";
    out += "a=inactive\r\n";
}

void write_data_channel(std::string& out, const Description& description) {
    const auto* const first = default_candidate(description);
    const auto address = first ? first->address : IpAddress();
    out += "m=application " + std::to_string(first ? first->port : kDiscardPort) +
           " UDP/DTLS/SCTP " + std::string(kFormat) + "\r\n";
    out +=
        std::string("c=IN ") + (address.is_v4() ? "IP4 " : "IP6 ") + address.to_string() + "\r\n";
    for (const auto& candidate : description.candidates) out += "a=" + encode(candidate) + "\r\n";
    if (description.end_of_candidates) out += "a=end-of-candidates\r\n";
    out += "a=ice-ufrag:" + description.ufrag + "\r\n";
    out += "a=ice-pwd:" + description.password + "\r\n";
    if (description.trickle) out += "a=ice-options:trickle\r\n";
    for (const auto& fingerprint : description.fingerprints) {
        out += "a=fingerprint:sha-256 " + to_string(fingerprint) + "\r\n";
    }
    out += std::string("a=setup:") + to_text(description.setup) + "\r\n";
    if (!description.mid.empty()) out += "a=mid:" + description.mid + "\r\n";
    out += "a=sctp-port:" + std::to_string(description.sctp_port) + "\r\n";
    out += "a=max-message-size:" + std::to_string(description.max_message_size) + "\r\n";
}

} // namespace

std::string to_string(const Fingerprint& fingerprint) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string out;
    for (const auto byte : fingerprint) {
        if (!out.empty()) out += ':';
        out += kDigits[byte >> 4U];
        out += kDigits[byte & 0xfU];
    }
    return out;
}

std::string encode(const Description& description) {
    // The address of the o-line must tell nothing (RFC 8829 section 5.2.1).
    std::string out = "v=0\r\no=- " + std::to_string(description.session_id) + " " +
                      std::to_string(description.version) + " IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";
    if (!description.mid.empty()) out += "a=group:BUNDLE " + description.mid + "\r\n";
    if (description.ice_lite) out += "a=ice-lite\r\n";
    const auto before = std::min(description.line_index, description.other_media.size());
    for (std::size_t i = 0; i < before; ++i) write_other_media(out, description.other_media[i]);
    write_data_channel(out, description);
    for (std::size_t i = before; i < description.other_media.size(); ++i) {
        write_other_media(out, description.other_media[i]);
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
    out.line_index = static_cast<std::size_t>(channel - sections.begin());
    for (const auto& each : sections) {
        if (&each == &*channel) continue;
        out.other_media.push_back({each.media, each.protocol, each.formats, each.mid});
    }
    if (!channel->sctp_port) return malformed("sctp-port");
    out.sctp_port = *channel->sctp_port;
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
    out.line_index = offer.line_index;
    out.other_media = offer.other_media;
    // RFC 5763 section 5: the answerer is the client, so that its ClientHello needs no wait.
    out.setup = offer.setup == Setup::Active ? Setup::Passive : Setup::Active;
    return out;
}

} // namespace natterjack::sdp
