// SPDX-License-Identifier: MIT
/// \file
/// \brief A page that tells whether we are on the internet, as settings name it.
#pragma once

#include <string>
#include <string_view>

#include <natterjack/result.hpp>

#include "base/host_port.hpp"

namespace natterjack {

struct CheckUrl {
    HostPort server;
    std::string authority; ///< The server as it was written.
    std::string target;    ///< Path and query; "/" when there is none.
    std::string expected;  ///< How the page begins; empty: status 204 and no page.
};

/// Reads "http://HOST[:PORT][/PATH]", and what follows after a space as the beginning of the page.
/// Plain http: a portal cannot answer for anything else.
/// \retval Errc::InvalidArgument  anything else
[[nodiscard]] Result<CheckUrl> parse_check_url(std::string_view text);

} // namespace natterjack
