// SPDX-License-Identifier: MIT
#include "traversal/appraisal.hpp"

namespace natterjack {

namespace {

// Of an address that is not public.
const char* kind_of(const IpAddress& external) {
    return external.is_private() ? "private" : "not one that the internet routes to";
}

// What stands between the gateway and the internet, and what a person can do about it.
std::string another_nat(const IpAddress& external, const std::optional<IpAddress>& seen) {
    const auto address = external.to_string();
    if (external.is_unspecified()) {
        return "the gateway does not know its external address: its connection is down, or it "
               "stands behind another NAT";
    }
    if (external.is_shared()) {
        return "the gateway's external address " + address +
               " is shared by many customers (carrier-grade NAT): nobody outside can reach it; ask "
               "the provider for an address of your own, or use IPv6 or a relay";
    }
    if (!external.is_public()) {
        return "the gateway's external address " + address + " is " + kind_of(external) +
               ": another router stands in front of it and must forward the port too; "
               "switch on UPnP or PCP there or forward the port by hand, or make one of the two a "
               "bridge";
    }
    return "the gateway says its external address is " + address + ", but the outside sees " +
           seen->to_string() + ": another NAT stands in between";
}

std::vector<std::string> evidence_of(const IpAddress& external, const Surroundings& around) {
    std::vector<std::string> out;
    const auto address = "the gateway's external address " + external.to_string();
    if (external.is_shared()) {
        out.push_back(address + " is one that providers share among customers (100.64.0.0/10)");
    } else if (!external.is_public() && !external.is_unspecified()) {
        out.push_back(address + " is " + kind_of(external));
    }
    if (around.seen && *around.seen != external) {
        out.push_back("servers outside see us as " + around.seen->to_string());
    }
    out.insert(out.end(), around.beyond.begin(), around.beyond.end());
    return out;
}

OpeningHop to_hop(const Mapping& mapping) {
    return {.strategy = mapping.strategy,
            .gateway = mapping.gateway,
            .internal = mapping.internal,
            .external = mapping.external,
            .lifetime = mapping.lifetime};
}

std::vector<OpeningHop> hops_of(const Mapping& mapping) {
    if (mapping.strategy == Strategy::Direct || mapping.invitation) return {};
    if (mapping.hops.empty()) return {to_hop(mapping)};
    std::vector<OpeningHop> out;
    for (const Mapping& hop : mapping.hops) out.push_back(to_hop(hop));
    return out;
}

void add_note(std::string& note, const std::string& more) {
    if (more.empty()) return;
    if (!note.empty()) note += "; ";
    note += more;
}

} // namespace

void note_opened(const Mapping& mapping, StoryLine& line) {
    line.outcome = StoryLine::Outcome::Opened;
    line.message = mapping.external.to_string() + " leads to " + mapping.internal.to_string();
}

Reach reach_of(const IpAddress& external, const std::optional<IpAddress>& seen) {
    if (!external.is_public()) return Reach::BehindAnotherNat;
    return seen && *seen != external ? Reach::BehindAnotherNat : Reach::Anyone;
}

void appraise(const Mapping& mapping, const Surroundings& around, OpeningInfo& info) {
    info.external = mapping.external;
    info.lifetime = mapping.lifetime;
    info.hops = hops_of(mapping);
    info.only_from = mapping.only_from;
    info.reach = mapping.invitation ? mapping.invitation->reach
                                    : reach_of(mapping.external.address, around.seen);
    info.note.clear();
    info.evidence.clear();
    if (info.reach == Reach::BehindAnotherNat) {
        info.note = another_nat(mapping.external.address, around.seen);
        info.evidence = evidence_of(mapping.external.address, around);
    }
    add_note(info.note, mapping.note);
}

} // namespace natterjack
