// SPDX-License-Identifier: MIT
#include "base/host_port.hpp"

#include <algorithm>

#include <natterjack/endpoint.hpp>

#include "base/number.hpp"

namespace natterjack {

namespace {

bool is_name(std::string_view text) {
    constexpr std::size_t kLongest = 253;
    return !text.empty() && text.size() <= kLongest && text.front() != '-' &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_' || c == '.';
           });
}

} // namespace

Result<HostPort> parse_host_port(std::string_view text, std::uint16_t default_port) {
    const Error error{Errc::InvalidArgument,
                      "\"" + std::string(text) +
                          "\" is not HOST:PORT (an IPv6 address in brackets)"};
    HostPort out{.host = {}, .port = default_port};
    std::string_view rest;
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        if (end == std::string_view::npos) return error;
        out.host = text.substr(1, end - 1);
        rest = text.substr(end + 1);
        const auto address = IpAddress::parse(out.host);
        if (!address || address->is_v4()) return error;
    } else {
        const auto colon = text.find(':');
        out.host = text.substr(0, colon);
        if (colon != std::string_view::npos) rest = text.substr(colon);
        if (!is_name(out.host)) return error;
    }
    if (rest.empty()) return out;
    if (rest.front() != ':') return error;
    const auto port = parse_port(rest.substr(1));
    if (!port) return error;
    out.port = *port;
    return out;
}

} // namespace natterjack
