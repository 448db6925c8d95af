// SPDX-License-Identifier: MIT
#include "specs.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/number.hpp"
#include "base/text.hpp"

namespace nat_connect {

namespace {

using natterjack::Endpoint;
using natterjack::Errc;
using natterjack::Error;
using natterjack::IpAddress;
using natterjack::parse_port;
using natterjack::Result;
using natterjack::Transport;

constexpr std::size_t kMaxHost = 253; // RFC 1035 section 2.3.4, without the root's dot

Error bad(std::string message) {
    return {Errc::InvalidArgument, std::move(message)};
}

std::string quoted(std::string_view text) {
    return "\"" + natterjack::printable(text) + "\"";
}

/// Cuts "REST:WORD" at the last colon outside brackets: REST, WORD. Without one: "", text.
std::pair<std::string_view, std::string_view> cut_last(std::string_view text) {
    bool inside = false;
    for (std::size_t i = text.size(); i-- > 0;) {
        if (text[i] == ']') inside = true;
        if (text[i] == '[') inside = false;
        if (text[i] == ':' && !inside) return {text.substr(0, i), text.substr(i + 1)};
    }
    return {{}, text};
}

/// A host without its brackets; nothing if it cannot be one.
std::optional<std::string> parse_host(std::string_view text) {
    if (text.starts_with('[')) {
        if (!text.ends_with(']')) return std::nullopt;
        text = text.substr(1, text.size() - 2);
        const auto address = IpAddress::parse(text);
        if (!address || text.find(':') == std::string_view::npos) return std::nullopt;
        return std::string(text);
    }
    if (text.empty() || text.size() > kMaxHost) return std::nullopt;
    const auto fits = [](char c) { return c > ' ' && c < 127 && c != ':' && c != '[' && c != ']'; };
    if (!std::all_of(text.begin(), text.end(), fits)) return std::nullopt;
    return std::string(text);
}

/// Takes "tcp:" or "udp:" off the front.
std::optional<Transport> take_transport(std::string_view& text) {
    for (const auto transport : {Transport::Tcp, Transport::Udp}) {
        const auto word = natterjack::to_string(transport);
        if (text.size() > word.size() && text.starts_with(word) && text[word.size()] == ':') {
            text.remove_prefix(word.size() + 1);
            return transport;
        }
    }
    return std::nullopt;
}

/// "[ADDRESS:]PORT", not yet understood.
struct Listen {
    std::string_view address; ///< Without brackets; empty: not given.
    std::string_view port;
};

std::optional<Listen> split_listen(std::string_view text) {
    const auto [address, port] = cut_last(text);
    if (text.starts_with(':')) return std::nullopt;
    if (!address.starts_with('[')) return Listen{address, port};
    if (!address.ends_with(']')) return std::nullopt;
    return Listen{address.substr(1, address.size() - 2), port};
}

/// True when \a text matches \a pattern, where "*" stands for any run of characters. Linear in
/// practice: falls back to the last "*" only.
bool matches(std::string_view pattern, std::string_view text) {
    std::size_t p = 0;
    std::size_t t = 0;
    std::size_t star = std::string_view::npos;
    std::size_t resume = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.size() &&
                   natterjack::ascii_lower(pattern[p]) == natterjack::ascii_lower(text[t])) {
            ++p;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

} // namespace

std::string to_string(const HostPort& value) {
    const bool v6 = value.host.find(':') != std::string::npos;
    return (v6 ? "[" + value.host + "]" : value.host) + ":" + std::to_string(value.port);
}

Result<HostPort> parse_host_port(std::string_view text) {
    const auto [host_text, port_text] = cut_last(text);
    const auto host = parse_host(host_text);
    const auto port = parse_port(port_text);
    if (!host || !port) {
        return bad(quoted(text) + " is not HOST:PORT (an IPv6 address stands in brackets)");
    }
    return HostPort{*host, *port};
}

Result<Forward> parse_forward(std::string_view text) {
    const auto whole = quoted(text);
    const auto transport = take_transport(text);
    if (!transport) return bad(whole + " begins neither with tcp: nor with udp:");

    const auto [before_port, port_text] = cut_last(text);
    const auto [listen_text, host_text] = cut_last(before_port);
    const auto target = parse_host_port(std::string(host_text) + ":" + std::string(port_text));
    const auto listen = split_listen(listen_text);
    if (listen_text.empty() || !target || !listen) {
        return bad(whole + " is not tcp:[ADDRESS:]PORT:HOST:PORT or udp:...");
    }
    Forward out{*transport, {IpAddress::v4(0x7F000001), 0}, *target};
    const auto port = natterjack::parse_number<std::uint16_t>(listen->port); // 0: any free one
    if (!port) return bad(whole + ": " + quoted(listen->port) + " is not a port to listen at");
    out.listen.port = *port;
    if (listen->address == "*") {
        out.listen.address = IpAddress();
    } else if (!listen->address.empty()) {
        const auto address = IpAddress::parse(listen->address);
        if (!address) return bad(whole + ": " + address.error().message);
        out.listen.address = *address;
    }
    return out;
}

Result<AllowRule> AllowRule::parse(std::string_view text) {
    const auto whole = quoted(text);
    AllowRule out;
    if (const auto transport = take_transport(text)) {
        out.tcp_ = *transport == Transport::Tcp;
        out.udp_ = !out.tcp_;
    }
    const auto [host_text, port_text] = cut_last(text);
    const auto host = parse_host(host_text);
    const auto port = port_text == "*" ? std::optional<std::uint16_t>(0) : parse_port(port_text);
    if (!host || !port) {
        return bad(whole + " is not HOST:PORT, with * for any host or port");
    }
    out.host_ = *host;
    out.port_ = *port;
    return out;
}

bool AllowRule::allows(Transport transport, const HostPort& target) const {
    if (!(transport == Transport::Tcp ? tcp_ : udp_)) return false;
    if (port_ != 0 && port_ != target.port) return false;
    const auto mine = IpAddress::parse(host_);
    const auto theirs = IpAddress::parse(target.host);
    if (mine && theirs) return *mine == *theirs;
    return matches(host_, target.host);
}

Result<ListenRule> ListenRule::parse(std::string_view text) {
    const auto whole = quoted(text);
    ListenRule out;
    if (const auto transport = take_transport(text)) {
        out.tcp_ = *transport == Transport::Tcp;
        out.udp_ = !out.tcp_;
    }
    const auto listen = split_listen(text);
    const auto port = listen ? parse_port(listen->port) : std::nullopt;
    if (!listen || (listen->port != "*" && !port)) {
        return bad(whole + " is not [ADDRESS:]PORT, with * for any");
    }
    out.any_port_ = listen->port == "*";
    out.any_address_ = listen->address == "*";
    out.endpoint_ = {IpAddress::v4(0x7F000001), port.value_or(0)};
    if (!out.any_address_ && !listen->address.empty()) {
        const auto address = IpAddress::parse(listen->address);
        if (!address) return bad(whole + ": " + address.error().message);
        out.endpoint_.address = *address;
    }
    return out;
}

bool ListenRule::allows(Transport transport, const Endpoint& listen) const {
    return (transport == Transport::Tcp ? tcp_ : udp_) &&
           (any_port_ || endpoint_.port == listen.port) &&
           (any_address_ || endpoint_.address == listen.address);
}

bool lacks_password(std::string_view server) {
    const auto at = server.rfind('@');
    const auto scheme = server.find(':');
    return at != std::string_view::npos && scheme < at &&
           server.substr(0, at).find(':', scheme + 1) == std::string_view::npos;
}

std::string with_password(std::string_view server, std::string_view password) {
    std::string quoted_password;
    for (const char c : password) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) {
            quoted_password += c;
            continue;
        }
        constexpr std::string_view kDigits = "0123456789ABCDEF";
        const auto byte = static_cast<unsigned char>(c);
        quoted_password += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
    const auto at = server.rfind('@');
    return std::string(server.substr(0, at)) + ":" + quoted_password +
           std::string(server.substr(at));
}

} // namespace nat_connect
