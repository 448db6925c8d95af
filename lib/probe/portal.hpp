// SPDX-License-Identifier: MIT
/// \file
/// \brief Whether a captive portal stands between us and the internet: what points to it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <natterjack/probe_report.hpp>

#include "net/connectivity.hpp"

namespace natterjack {

/// What came of the page that the settings name for this.
enum class PortalCheck : std::uint8_t {
    NotMade,
    AsExpected, ///< What its server says to whoever reaches it.
    Redirected, ///< Status 3xx: somebody answers in its name.
    SignIn,     ///< Status 511 (RFC 6585 section 6).
    OtherPage,  ///< Something else than was expected.
    NoAnswer
};

/// A name that was looked up.
struct LookedUp {
    std::string host;
    IpAddress address; ///< The first.
};

struct PortalEvidence {
    PortalCheck check = PortalCheck::NotMade;
    std::optional<net::Connectivity> connectivity;
    std::vector<LookedUp> names;
    /// Somebody took a TCP connection to a STUN server's port who does not speak STUN.
    bool stranger_answers = false;
};

/// The page says it for certain; NetworkManager's word is likely; that all names lead to one
/// address of the local network, or that somebody answers for a server, makes one suspect it.
[[nodiscard]] Finding<Truth> judge_portal(const PortalEvidence& evidence);

/// How a page with \a status and \a body compares with the one that is expected: that begins with
/// \a expected, or, where that is empty, status 204 and no page.
[[nodiscard]] PortalCheck judge_page(int status, const std::string& body,
                                     const std::string& expected);

} // namespace natterjack
