// SPDX-License-Identifier: MIT
#include "base/server_url.hpp"

#include <algorithm>
#include <optional>

#include "base/text.hpp"

namespace natterjack {

namespace {

constexpr std::size_t kMaxName = 253;   // RFC 1035 section 2.3.4
constexpr std::size_t kMaxSecret = 508; // bytes of USERNAME (RFC 8489 section 14.3)

constexpr std::uint16_t kDefaultPort = 3478; // RFC 8489 section 8.1, RFC 8656 section 16

bool take_prefix(std::string_view& text, std::string_view prefix) {
    if (text.size() < prefix.size() ||
        !equal_ignoring_case(text.substr(0, prefix.size()), prefix)) {
        return false;
    }
    text.remove_prefix(prefix.size());
    return true;
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

Result<HostPort> parse_stun_server(std::string_view text) {
    const auto shown = printable(text, kMaxName);
    if (take_prefix(text, "stuns:")) {
        return Error{Errc::Unsupported,
                     "STUN over TLS (\"" + shown + "\") is not there: use stun:"};
    }
    take_prefix(text, "stun:");
    auto parsed = parse_host_port(text, kDefaultPort);
    if (!parsed) return invalid("\"" + shown + "\" is no STUN server: write HOST:PORT");
    return parsed;
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
    auto server = parse_host_port(text.substr(at + 1), kDefaultPort);
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
    out.server = *std::move(server);
    out.user = *user;
    out.password = *password;
    return out;
}

} // namespace natterjack
