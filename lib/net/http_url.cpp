// SPDX-License-Identifier: MIT
#include "net/http_url.hpp"

#include <algorithm>
#include <optional>

#include "base/number.hpp"
#include "base/text.hpp"

namespace natterjack::net {

namespace {

constexpr std::string_view kScheme = "http://";
constexpr std::string_view kZoneMark = "%25"; // RFC 6874 section 2
constexpr std::uint16_t kHttpPort = 80;

// Printable ASCII without what browsers and servers read in different ways.
bool is_url_character(char c) {
    constexpr std::string_view kAmbiguous = "\\\"<>^`{|}";
    return c > ' ' && c < '\x7f' && kAmbiguous.find(c) == std::string_view::npos;
}

std::optional<IpAddress> parse_host(std::string_view text) {
    const bool bracketed = text.size() > 2 && text.front() == '[' && text.back() == ']';
    std::string host(bracketed ? text.substr(1, text.size() - 2) : text);
    const bool v6 = host.find(':') != std::string::npos;
    if (bracketed != v6) return std::nullopt;
    if (const auto mark = host.find(kZoneMark); mark != std::string::npos) {
        host.replace(mark, kZoneMark.size(), "%");
    } else if (host.find('%') != std::string::npos) {
        return std::nullopt;
    }
    const auto address = IpAddress::parse(host);
    // To connect to "any" is to connect to ourselves.
    if (!address || address->is_unspecified() || address->is_multicast()) return std::nullopt;
    return *address;
}

std::optional<Endpoint> parse_authority(std::string_view text) {
    const auto bracket = text.rfind(']');
    const auto colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
    const auto address = parse_host(text.substr(0, colon));
    const auto port =
        colon == std::string_view::npos ? kHttpPort : parse_port(text.substr(colon + 1));
    if (!address || !port) return std::nullopt;
    return Endpoint{*address, *port};
}

} // namespace

std::string HttpUrl::to_string() const {
    auto authority = host.to_string();
    if (const auto zone = authority.find('%'); zone != std::string::npos) {
        authority.replace(zone, 1, kZoneMark);
    }
    return std::string(kScheme) + authority + target;
}

Result<HttpUrl> parse_http_url(std::string_view url) {
    const Error unsafe{Errc::Unsafe, "\"" + printable(url, 100) +
                                         "\" is not plain http to a numeric address and is not "
                                         "opened"};
    if (url.size() > kMaxUrl || !std::all_of(url.begin(), url.end(), is_url_character) ||
        !equal_ignoring_case(url.substr(0, kScheme.size()), kScheme)) {
        return unsafe;
    }
    const auto rest = url.substr(kScheme.size());
    const auto authority = rest.substr(0, rest.find_first_of("/?#"));
    const auto host = parse_authority(authority);
    if (!host) return unsafe;
    auto target = std::string(rest.substr(authority.size()));
    target.resize(std::min(target.find('#'), target.size()));
    if (target.empty() || target.front() != '/') target.insert(0, "/");
    return HttpUrl{*host, std::move(target)};
}

} // namespace natterjack::net
