// SPDX-License-Identifier: MIT
#include "strategies/igd/igd_errors.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "base/text.hpp"
#include "strategies/igd/upnp_parse.hpp"

namespace natterjack::igd {

namespace {

struct Meaning {
    int code;
    Errc errc;
    std::string_view words; ///< What happened, and what to do.
};

constexpr auto kMeanings = std::to_array<Meaning>({
    {401, Errc::Unsupported,
     "it does not know this action; its UPnP is incomplete or switched off"},
    {402, Errc::Refused, "it does not accept these arguments; try another lifetime or description"},
    {403, Errc::Refused, "it forbids this; allow UPnP port mapping in its settings"},
    {404, Errc::Unsupported, "it does not know this variable; its UPnP is incomplete"},
    {501, Errc::Refused,
     "it could not do it; its table may be full, the port in use or the lifetime not to its "
     "liking"},
    {600, Errc::Refused, "it finds an argument invalid; try another port or lifetime"},
    {601, Errc::Refused, "it finds an argument out of range; try another port or lifetime"},
    {602, Errc::Unsupported, "it does not implement this action"},
    {603, Errc::Refused, "it is out of memory; restart it or delete mappings"},
    {604, Errc::Refused, "it wants to be asked by a person; look at its settings page"},
    {605, Errc::Refused, "it finds a text too long; use a shorter description"},
    {606, Errc::Refused,
     "it does not authorise this; many allow only ports from 1024 up, and only the host that asks"},
    // WANIPv6FirewallControl:1 section 2.5
    {701, Errc::Refused, "it has no free pinhole, or no such one is allowed; delete some"},
    {702, Errc::Refused, "its IPv6 firewall is switched off, so there is nothing to open"},
    {703, Errc::Refused, "it allows no pinholes; allow them in its settings"},
    {704, Errc::NotFound, "it has no such pinhole"},
    {705, Errc::Unsupported, "it opens no pinholes for this protocol"},
    {706, Errc::Refused, "it does not open pinholes for an unnamed internal port; name one"},
    {707, Errc::Unsupported, "it does not open pinholes for all protocols at once"},
    {708, Errc::Refused, "it demands that a pinhole names whom it is for; it is not for anyone"},
    {709, Errc::NotFound, "nothing has come through the pinhole yet"},
    {713, Errc::NotFound, "its table has no entry of that number"},
    {714, Errc::NotFound, "it has no such mapping"},
    {715, Errc::Refused, "it does not allow mappings for any remote host"},
    {716, Errc::Refused, "it does not choose the external port itself; name one"},
    {718, Errc::Conflict, "the external port belongs to another mapping; choose another port"},
    {724, Errc::Refused, "the external port must equal the internal one"},
    {725, Errc::Refused, "it knows only mappings without an end"},
    {726, Errc::Refused, "it maps only for any remote host"},
    {727, Errc::Refused, "it maps only all external ports at once"},
    {728, Errc::Refused, "its table is full; delete mappings that are no longer used"},
    {729, Errc::Conflict,
     "the port is taken by another of its functions, such as a manual forwarding or its own "
     "remote access; choose another port"},
    {730, Errc::NotFound, "it has no mapping in that range"},
    {731, Errc::Refused, "its table cannot be changed by UPnP now; look at its settings page"},
    {732, Errc::Refused, "it does not forward to an unnamed internal port; name one"},
    {733, Errc::Refused, "it finds the arguments inconsistent; try another port"},
});

} // namespace

Error upnp_error(int code, std::string_view action, std::string_view said) {
    const auto* const known =
        std::find_if(kMeanings.begin(), kMeanings.end(),
                     [&](const Meaning& meaning) { return meaning.code == code; });
    Errc errc = Errc::Refused;
    std::string words;
    if (known != kMeanings.end()) {
        errc = known->errc;
        words = known->words;
    } else {
        constexpr std::size_t kMaxSaid = 80;
        auto name = printable(trim(said), kMaxSaid);
        if (name.empty()) name = error_name(code);
        words = "a reason of its own" + (name.empty() ? "" : " (\"" + name + "\")") +
                "; look into its log or settings page";
    }
    return {errc,
            "the gateway refused " + std::string(action) + ": " + words + " (UPnP error " +
                std::to_string(code) + ")",
            code};
}

} // namespace natterjack::igd
