// SPDX-License-Identifier: MIT
#include "probe/layers.hpp"

#include <algorithm>
#include <initializer_list>

namespace natterjack {

namespace {

bool holds(const std::vector<IpAddress>& addresses, const IpAddress& address) {
    return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
}

bool any_shared(const LayerEvidence& evidence) {
    const auto shared = [](const IpAddress& address) { return address.is_shared(); };
    if (evidence.local.is_shared()) return true;
    if (std::any_of(evidence.gateway_says.begin(), evidence.gateway_says.end(), shared))
        return true;
    for (const auto* way : {&evidence.to_external, &evidence.to_server}) {
        if (!*way) continue;
        if (std::any_of((*way)->hops.begin(), (*way)->hops.end(),
                        [&](const Hop& hop) { return shared(hop.router); })) {
            return true;
        }
    }
    return false;
}

Finding<int> count_layers(const LayerEvidence& evidence) {
    if (!evidence.external) return {0, Confidence::Inconclusive, "no server saw an address"};
    if (*evidence.external == evidence.local)
        return {0, Confidence::Proved, "the outside sees the host's own address"};
    const bool gateway_owns = holds(evidence.gateway_says, *evidence.external);
    const auto& way = evidence.to_external;
    const bool reached = way && way->end == HopList::End::Reached;
    const int before = way ? static_cast<int>(way->hops.size()) : 0;
    // A router that was not heard, be it that its ICMP was lost or is rationed, is no evidence of
    // another one: only one that tells of a probe's death stands before the external address.
    const bool died = way && std::any_of(way->hops.begin(), way->hops.end(), [](const Hop& hop) {
                          return !hop.router.is_unspecified();
                      });
    if (gateway_owns && (!reached || !died)) {
        return {1, Confidence::Proved,
                reached && before == 0
                    ? "hop test and port mapping agree: the gateway has the external address"
                    : "the gateway says that it has the external address"};
    }
    if (gateway_owns) {
        return {0, Confidence::Inconclusive,
                "the gateway says that it has the external address; the hop test finds it behind "
                "another router"};
    }
    const bool says_other = !evidence.gateway_says.empty();
    if (reached && before == 0) {
        if (!says_other)
            return {1, Confidence::Proved, "hop test: the gateway has the external address"};
        return {0, Confidence::Inconclusive,
                "the gateway answers at the external address and says that it has another"};
    }
    if (says_other) {
        return {2, Confidence::Proved,
                "the gateway says that its outer address is another than servers see"};
    }
    if (died) {
        // A router on the way need not be a NAT; with a private address it stands inside of one.
        const auto& first_outside = way->hops.size() > 1 ? way->hops[1] : way->hops[0];
        const bool inside = first_outside.distance > 1 && !first_outside.router.is_public() &&
                            !first_outside.router.is_unspecified();
        return {2, inside || reached ? Confidence::Likely : Confidence::Inconclusive,
                "hop test: the external address is beyond the gateway"};
    }
    return {0, Confidence::Inconclusive, "no router told where the external address is"};
}

bool starts_with_any(std::string_view name, std::initializer_list<std::string_view> beginnings) {
    return std::any_of(beginnings.begin(), beginnings.end(),
                       [&](std::string_view each) { return name.starts_with(each); });
}

} // namespace

bool is_inside(const IpAddress& address) noexcept {
    return address.is_private() || address.is_shared() || address.is_link_local() ||
           address.is_loopback();
}

Finding<Truth> judge_tunnel(std::string_view interface, bool point_to_point) {
    // PPP is how DSL comes, raw IP how modems do, and a CLAT (RFC 6877) carries IPv4 over IPv6.
    const bool provider =
        starts_with_any(interface, {"ppp", "wwan", "rmnet", "ccmni", "clat", "v4-"});
    // OpenVPN's and ZeroTier's interfaces may be Ethernet's kind: their names tell.
    const bool named = starts_with_any(interface, {"tun", "tap", "zt"});
    if (named || (point_to_point && !provider))
        return {Truth::Yes, Confidence::Likely, "the way out is a tunnel interface"};
    return {Truth::No, Confidence::Likely, "the way out is an ordinary interface"};
}

LayersReport judge_layers(const LayerEvidence& evidence) {
    LayersReport out;
    out.count = count_layers(evidence);
    if (out.count.confidence < Confidence::Likely) out.count.value = 0;
    const auto& way = evidence.to_server ? evidence.to_server : evidence.to_external;
    if (way) {
        for (const Hop& hop : way->hops) {
            HopReport& added = out.hops.emplace_back();
            added.distance = hop.distance;
            if (!hop.router.is_unspecified()) added.address = hop.router;
        }
    }
    const bool sure = out.count.confidence >= Confidence::Likely;
    if (any_shared(evidence)) {
        out.carrier = {Truth::Yes, Confidence::Proved,
                       "an address of 100.64.0.0/10, which is for carriers' NATs (RFC 6598), is "
                       "on the way"};
    } else if (sure && out.count.value <= 1) {
        out.carrier = {Truth::No, out.count.confidence, out.count.evidence};
    } else if (sure) {
        const bool own_public =
            std::any_of(evidence.gateway_says.begin(), evidence.gateway_says.end(),
                        [](const auto& each) { return each.is_public(); });
        out.carrier = {own_public ? Truth::Suspected : Truth::Unknown,
                       own_public ? Confidence::Likely : Confidence::Inconclusive,
                       "a second NAT is there: the provider's, or a router of your own"};
    } else {
        out.carrier = {Truth::Unknown, Confidence::Inconclusive, out.count.evidence};
    }
    return out;
}

} // namespace natterjack
