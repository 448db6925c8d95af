// SPDX-License-Identifier: MIT
#include "traversal/appraisal.hpp"

namespace natterjack {

namespace {

// What stands between the gateway and the internet, in words.
std::string another_nat(const IpAddress& external, const std::optional<IpAddress>& seen) {
    const auto address = external.to_string();
    if (external.is_unspecified()) {
        return "the gateway does not know its external address: its connection is down, or it "
               "stands "
               "behind another NAT";
    }
    if (external.is_shared()) {
        return "the gateway's external address " + address +
               " is shared by many customers (carrier-grade NAT): nobody outside can reach it; ask "
               "the "
               "provider for an address of your own, or use IPv6 or a relay";
    }
    if (!external.is_public()) {
        return "the gateway's external address " + address +
               " is private: another router stands in front of it and must forward the port too";
    }
    return "the gateway says its external address is " + address + ", but the outside sees " +
           seen->to_string() + ": another NAT stands in between";
}

void add_note(std::string& note, const std::string& more) {
    if (more.empty()) return;
    if (!note.empty()) note += "; ";
    note += more;
}

} // namespace

Reach reach_of(const IpAddress& external, const std::optional<IpAddress>& seen) {
    if (!external.is_public()) return Reach::BehindAnotherNat;
    return seen && *seen != external ? Reach::BehindAnotherNat : Reach::Anyone;
}

void appraise(const Mapping& mapping, const std::optional<IpAddress>& seen, OpeningInfo& info) {
    info.external = mapping.external;
    info.lifetime = mapping.lifetime;
    info.reach = reach_of(mapping.external.address, seen);
    info.note.clear();
    if (info.reach == Reach::BehindAnotherNat) {
        info.note = another_nat(mapping.external.address, seen);
    }
    add_note(info.note, mapping.note);
}

} // namespace natterjack
