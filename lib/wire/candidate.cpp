// SPDX-License-Identifier: MIT
#include "wire/candidate.hpp"

#include <algorithm>
#include <array>

#include "base/number.hpp"
#include "base/text.hpp"
#include "wire/tokens.hpp"

namespace natterjack::sdp {

namespace {

constexpr std::size_t kShown = 80; // bytes of a peer's text that an error message repeats
constexpr std::uint32_t kMaxPriority = 0x7fffffff; // RFC 8445 section 5.1.2: 2^31 - 1
constexpr std::size_t kMaxFoundation = 32;         // RFC 8839 section 5.1
constexpr std::size_t kMaxName = 253;              // RFC 1035 section 2.3.4, without the last dot
constexpr std::size_t kMaxExtensions = 16;         // browsers send up to five

constexpr std::array<std::string_view, 4> kTypes = {"host", "srflx", "prflx", "relay"};
constexpr std::array<std::string_view, 3> kTcpTypes = {"active", "passive", "so"};

Error malformed(std::string_view what, std::string_view line) {
    return {Errc::Malformed,
            "candidate with a bad " + std::string(what) + ": \"" + printable(line, kShown) + "\""};
}

bool is_host_name(std::string_view text) {
    if (text.empty() || text.size() > kMaxName) return false;
    const bool characters = std::all_of(text.begin(), text.end(), [](char c) {
        return is_alphanumeric(c) || c == '-' || c == '.' || c == '_';
    });
    const bool has_letter = std::any_of(text.begin(), text.end(), is_letter);
    return characters && has_letter && text.front() != '.' && text.front() != '-' &&
           text.find("..") == std::string_view::npos;
}

bool read_address(std::string_view text, Candidate& out) {
    if (const auto address = IpAddress::parse(text)) {
        out.address = *address;
        return true;
    }
    if (!is_host_name(text)) return false;
    out.name = text;
    return true;
}

// A related address is only ever shown, so one that is not numeric is dropped, not refused.
void read_related(std::string_view address, std::optional<std::uint16_t> port, Candidate& out) {
    const auto parsed = IpAddress::parse(address);
    if (parsed && parsed->scope_id() == 0 && port) out.related = Endpoint{*parsed, *port};
}

Result<Candidate> read_extensions(TokenReader& in, Candidate out, std::string_view line) {
    std::optional<std::string_view> related_address;
    std::optional<std::uint16_t> related_port;
    while (!in.at_end()) {
        const auto name = in.next();
        const auto value = in.next();
        if (name.empty() || value.empty() || !is_visible(name) || !is_visible(value)) {
            return malformed("extension", line);
        }
        if (name == "raddr") {
            related_address = value;
        } else if (name == "rport") {
            related_port = parse_number<std::uint16_t>(value);
            if (!related_port) return malformed("rport", line);
        } else if (name == "tcptype") {
            const auto found = std::find(kTcpTypes.begin(), kTcpTypes.end(), value);
            if (found == kTcpTypes.end()) return malformed("tcptype", line);
            out.tcp_type = static_cast<TcpType>(found - kTcpTypes.begin());
        } else if (out.extensions.size() == kMaxExtensions) {
            return malformed("number of extensions", line);
        } else {
            out.extensions.emplace_back(name, value);
        }
    }
    if (related_address) read_related(*related_address, related_port, out);
    // libnice 0.1.21 crashes on a TCP candidate without tcptype.
    if ((out.transport == Transport::Tcp) != out.tcp_type.has_value()) {
        return malformed("tcptype (TCP needs one, UDP has none)", line);
    }
    return out;
}

std::string_view strip_prefix(std::string_view line) {
    if (line.substr(0, 2) == "a=") line.remove_prefix(2);
    constexpr std::string_view kName = "candidate:";
    return line.substr(0, kName.size()) == kName ? line.substr(kName.size()) : std::string_view{};
}

} // namespace

bool Candidate::is_mdns() const noexcept {
    constexpr std::string_view kSuffix = ".local";
    return name.size() > kSuffix.size() &&
           equal_ignoring_case(std::string_view(name).substr(name.size() - kSuffix.size()),
                               kSuffix);
}

std::string_view to_string(CandidateType type) noexcept {
    return kTypes[static_cast<std::size_t>(type)];
}

bool is_ice_text(std::string_view text, std::size_t min, std::size_t max) noexcept {
    return text.size() >= min && text.size() <= max &&
           std::all_of(text.begin(), text.end(),
                       [](char c) { return is_alphanumeric(c) || c == '+' || c == '/'; });
}

std::string encode(const Candidate& candidate) {
    std::string out =
        "candidate:" + candidate.foundation + " " + std::to_string(candidate.component) + " " +
        std::string(natterjack::to_string(candidate.transport)) + " " +
        std::to_string(candidate.priority) + " " +
        (candidate.is_name() ? candidate.name : candidate.address.to_string()) + " " +
        std::to_string(candidate.port) + " typ " + std::string(to_string(candidate.type));
    if (candidate.related) {
        out += " raddr " + candidate.related->address.to_string() + " rport " +
               std::to_string(candidate.related->port);
    }
    if (candidate.tcp_type) {
        out += " tcptype " + std::string(kTcpTypes[static_cast<std::size_t>(*candidate.tcp_type)]);
    }
    for (const auto& [name, value] : candidate.extensions) {
        out.append(" ").append(name).append(" ").append(value);
    }
    return out;
}

Result<Candidate> decode_candidate(std::string_view line) {
    if (line.size() > kMaxCandidateLine) return Error{Errc::TooLarge, "candidate line"};
    TokenReader in(strip_prefix(line));
    Candidate out;
    out.foundation = in.next();
    if (!is_ice_text(out.foundation, 1, kMaxFoundation)) return malformed("foundation", line);
    const auto component = parse_number<std::uint16_t>(in.next());
    if (!component || *component == 0 || *component > 256) return malformed("component", line);
    const auto transport = in.next();
    const auto priority = parse_number<std::uint32_t>(in.next());
    if (!priority || *priority == 0 || *priority > kMaxPriority) return malformed("priority", line);
    out.priority = *priority;
    auto zone = in.next(); // what stands behind the '%' of a link-local address, if it has one
    const auto address = take_until(zone, '%');
    if (!read_address(address, out) || (!zone.empty() && out.address.is_v4())) {
        return malformed("address", line);
    }
    const auto port = parse_number<std::uint16_t>(in.next());
    if (!port || *port == 0) return malformed("port", line);
    out.port = *port;
    if (in.next() != "typ") return malformed("type", line);
    const auto type = in.next();
    if (type.empty() || !is_visible(type)) return malformed("type", line);
    const auto known_type = std::find(kTypes.begin(), kTypes.end(), type);
    out.type = static_cast<CandidateType>(known_type - kTypes.begin());

    if (*component != 1) {
        return Error{Errc::Unsupported, "candidate of component " + std::to_string(*component) +
                                            ": data channels have one component only"};
    }
    if (equal_ignoring_case(transport, "tcp")) {
        out.transport = Transport::Tcp;
    } else if (!equal_ignoring_case(transport, "udp")) {
        return Error{Errc::Unsupported,
                     "candidate of transport \"" + printable(transport, kShown) + "\""};
    }
    if (known_type == kTypes.end()) {
        return Error{Errc::Unsupported, "candidate of type \"" + printable(type, kShown) + "\""};
    }
    if (!zone.empty()) {
        return Error{Errc::Unsupported,
                     "candidate with a zone, which means nothing on another host"};
    }
    return read_extensions(in, std::move(out), line);
}

Result<void> check_candidate(const Candidate& candidate, const CandidatePolicy& policy) {
    if (candidate.is_name()) return {};
    const auto& address = candidate.address;
    const auto refuse = [&](std::string_view why) {
        return Error{Errc::Unsafe, "candidate " + address.to_string() + " is " + std::string(why) +
                                       ": no peer can be there"};
    };
    if (address.is_unspecified()) return refuse("unspecified");
    if (address.is_multicast()) return refuse("multicast");
    if (address.is_v4() && address.to_v4() == 0xffffffff) return refuse("broadcast");
    if (address.is_loopback() && !policy.allow_loopback) return refuse("loopback");
    return {};
}

} // namespace natterjack::sdp
