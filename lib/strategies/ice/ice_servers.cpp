// SPDX-License-Identifier: MIT
#include "strategies/ice/ice_servers.hpp"

#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "wire/tokens.hpp"

namespace natterjack::ice {

namespace {

constexpr std::size_t kMaxName = 253;   // RFC 1035 section 2.3.4
constexpr std::size_t kMaxSecret = 508; // bytes of USERNAME (RFC 8489 section 14.3)

struct HostPort {
    std::string host;
    std::uint16_t port = 3478;
};

bool take_prefix(std::string_view& text, std::string_view prefix) {
    if (text.size() < prefix.size() ||
        !equal_ignoring_case(text.substr(0, prefix.size()), prefix)) {
        return false;
    }
    text.remove_prefix(prefix.size());
    return true;
}

bool is_host(std::string_view text) {
    return !text.empty() && text.size() <= kMaxName &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return is_alphanumeric(c) || c == '-' || c == '.' || c == '_';
           });
}

std::optional<HostPort> parse_host_port(std::string_view text) {
    HostPort out;
    std::string_view rest;
    if (!text.empty() && text.front() == '[') {
        const auto end = text.find(']');
        if (end == std::string_view::npos) return std::nullopt;
        const auto address = IpAddress::parse(text.substr(1, end - 1));
        if (!address || address->is_v4()) return std::nullopt;
        out.host = text.substr(1, end - 1);
        rest = text.substr(end + 1);
    } else {
        const auto colon = text.find(':');
        out.host = text.substr(0, colon);
        if (!is_host(out.host)) return std::nullopt;
        if (colon != std::string_view::npos) rest = text.substr(colon);
    }
    if (rest.empty()) return out;
    const auto port = parse_decimal<std::uint16_t>(rest.substr(1));
    if (rest.front() != ':' || !port || *port == 0) return std::nullopt;
    out.port = *port;
    return out;
}

std::optional<std::string> unquote(std::string_view text) {
    const auto nibble = [](char c) {
        if (c >= '0' && c <= '9') return c - '0';
        const char lower = ascii_lower(c);
        return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
    };
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        const int high = i + 2 < text.size() ? nibble(text[i + 1]) : -1;
        const int low = i + 2 < text.size() ? nibble(text[i + 2]) : -1;
        if (high < 0 || low < 0) return std::nullopt;
        out += static_cast<char>(high * 16 + low);
        i += 2;
    }
    // libnice takes C strings.
    if (out.empty() || out.size() > kMaxSecret || out.find('\0') != std::string::npos) {
        return std::nullopt;
    }
    return out;
}

Error invalid(std::string message) {
    return {Errc::InvalidArgument, std::move(message)};
}

} // namespace

Result<StunServer> parse_stun_server(std::string_view text) {
    const auto shown = printable(text, kMaxName);
    if (take_prefix(text, "stuns:")) {
        return Error{Errc::Unsupported,
                     "STUN over TLS (\"" + shown + "\") is not there: use stun:"};
    }
    take_prefix(text, "stun:");
    const auto parsed = parse_host_port(text);
    if (!parsed) return invalid("\"" + shown + "\" is no STUN server: write HOST:PORT");
    return StunServer{parsed->host, parsed->port};
}

Result<TurnServer> parse_turn_server(std::string_view text) {
    constexpr const char* kForm = "write turn:USER:PASSWORD@HOST:PORT?transport=udp or tcp";
    if (take_prefix(text, "turns:")) {
        return Error{Errc::Unsupported,
                     "TURN over TLS (\"turns:\") is not there: use turn: with transport=tcp; "
                     "what goes through the relay is encrypted anyhow"};
    }
    if (!take_prefix(text, "turn:")) return invalid(std::string("a TURN server: ") + kForm);
    TurnServer out;
    if (const auto question = text.find('?'); question != std::string_view::npos) {
        const auto query = text.substr(question + 1);
        // A password may hold a '?' of its own, the host and port cannot.
        if (text.find('@', question) == std::string_view::npos) {
            if (equal_ignoring_case(query, "transport=tcp")) {
                out.transport = Transport::Tcp;
            } else if (!equal_ignoring_case(query, "transport=udp")) {
                return invalid(std::string("a TURN server's transport is udp or tcp: ") + kForm);
            }
            text = text.substr(0, question);
        }
    }
    const auto at = text.rfind('@');
    if (at == std::string_view::npos) {
        return invalid(std::string("a TURN server without user and password: ") + kForm);
    }
    const auto credentials = text.substr(0, at);
    const auto colon = credentials.find(':');
    const auto server = parse_host_port(text.substr(at + 1));
    if (!server || colon == std::string_view::npos) {
        return invalid("the TURN server at \"" + printable(text.substr(at + 1), kMaxName) +
                       "\": " + kForm);
    }
    const auto user = unquote(credentials.substr(0, colon));
    const auto password = unquote(credentials.substr(colon + 1));
    if (!user || !password) {
        return invalid("the TURN server " + server->host +
                       ": user and password are 1 to 508 bytes, '%' is written %25");
    }
    out.host = server->host;
    out.port = server->port;
    out.user = *user;
    out.password = *password;
    return out;
}

} // namespace natterjack::ice
