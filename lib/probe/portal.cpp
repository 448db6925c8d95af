// SPDX-License-Identifier: MIT
#include "probe/portal.hpp"

#include <algorithm>

namespace natterjack {

namespace {

// Two names of one operator may well share an address; of two operators hardly, and hardly at home.
bool names_lead_to_one_local_address(const std::vector<LookedUp>& names) {
    if (names.empty() || names.front().address.is_public()) return false;
    const bool same = std::all_of(names.begin(), names.end(), [&](const LookedUp& each) {
        return each.address == names.front().address;
    });
    return same && std::any_of(names.begin(), names.end(), [&](const LookedUp& each) {
               return each.host != names.front().host;
           });
}

} // namespace

Finding<Truth> judge_portal(const PortalEvidence& evidence) {
    using net::Connectivity;
    switch (evidence.check) {
    case PortalCheck::Redirected:
        return {Truth::Yes, Confidence::Proved,
                "the page that was to be checked leads somewhere else"};
    case PortalCheck::SignIn:
        return {Truth::Yes, Confidence::Proved, "the network itself asks for a sign-in (HTTP 511)"};
    case PortalCheck::AsExpected:
        return {Truth::No, Confidence::Proved, "the page that was checked is the expected one"};
    default: break;
    }
    if (evidence.connectivity == Connectivity::Portal)
        return {Truth::Yes, Confidence::Likely, "NetworkManager has found one"};
    if (evidence.check == PortalCheck::OtherPage) {
        return {Truth::Suspected, Confidence::Likely,
                "the page that was checked is another than the expected one"};
    }
    if (names_lead_to_one_local_address(evidence.names)) {
        return {Truth::Suspected, Confidence::Likely,
                "the names of different servers lead to one address of the local network"};
    }
    if (evidence.stranger_answers) {
        return {Truth::Suspected, Confidence::Likely,
                "somebody answers in the name of a server, and not as that server would"};
    }
    if (evidence.connectivity == Connectivity::Full)
        return {Truth::No, Confidence::Likely, "NetworkManager reaches the internet"};
    if (evidence.check == PortalCheck::NoAnswer) {
        return {Truth::Unknown, Confidence::Inconclusive,
                "the page that was to be checked does not come"};
    }
    return {};
}

PortalCheck judge_page(int status, const std::string& body, const std::string& expected) {
    constexpr int kOk = 200;
    constexpr int kNoContent = 204;
    constexpr int kSignIn = 511;
    if (status / 100 == 3) return PortalCheck::Redirected;
    if (status == kSignIn) return PortalCheck::SignIn;
    const bool fits =
        expected.empty() ? status == kNoContent : status == kOk && body.starts_with(expected);
    return fits ? PortalCheck::AsExpected : PortalCheck::OtherPage;
}

} // namespace natterjack
