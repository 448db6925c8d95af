// SPDX-License-Identifier: MIT
#include "base/check_url.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace natterjack {

Result<CheckUrl> parse_check_url(std::string_view text) {
    constexpr std::string_view kScheme = "http://";
    constexpr std::uint16_t kPort = 80;
    constexpr std::size_t kLongest = 1024;
    const Error error{Errc::InvalidArgument, "\"" + std::string(text) +
                                                 "\" is not http://HOST/PATH, a space and how the "
                                                 "page begins if there is to be one"};
    if (!text.starts_with(kScheme) || text.size() > kLongest) return error;
    const auto space = text.find_first_of(" \t");
    const auto url = text.substr(0, space).substr(kScheme.size());
    const auto slash = std::min(url.find('/'), url.size());
    CheckUrl out;
    out.authority = url.substr(0, slash);
    out.target = slash == url.size() ? "/" : url.substr(slash);
    if (space != std::string_view::npos) out.expected = trim(text.substr(space));
    const auto server = parse_host_port(out.authority, kPort);
    const bool printable = std::all_of(out.target.begin(), out.target.end(),
                                       [](char c) { return c > ' ' && c < '\x7f' && c != '#'; });
    if (!server || !printable) return error;
    out.server = *server;
    return out;
}

} // namespace natterjack
