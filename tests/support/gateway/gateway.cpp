// SPDX-License-Identifier: MIT
#include "tests/support/gateway/gateway.hpp"

#include <cstdio>
#include <iostream>

#include "net/network.hpp"

namespace natterjack::gateway {

namespace {

constexpr Duration kExpiryCheck = std::chrono::seconds(1);

std::string protocol_of(Transport transport) {
    return std::string(to_string(transport));
}

std::string internal_of(const Mapping& mapping) {
    return mapping.internal.address.to_string() + " . " + std::to_string(mapping.internal.port);
}

/// An element of the set of those who get in.
std::string element_of(const Mapping& mapping, const pcp::Filter& filter) {
    constexpr unsigned kMappedPrefix = 96; // IPv4 in the 128-bit form
    const auto port = filter.remote_port == 0 ? "0-65535" : std::to_string(filter.remote_port);
    return protocol_of(mapping.transport) + " . " + internal_of(mapping) + " . " +
           filter.remote.to_string() + "/" + std::to_string(filter.prefix_length - kMappedPrefix) +
           " . " + port;
}

/// Three statements that fill one set or map anew.
std::string fill(const std::string& kind, const std::string& name, const std::string& elements) {
    auto out = "flush " + kind + " " + name + "\n";
    if (!elements.empty()) out += "add element " + name + " { " + elements + " }\n";
    return out;
}

} // namespace

Gateway::Gateway(const Loop& loop, Settings settings)
    : loop_(loop),
      settings_(std::move(settings)),
      table_(settings_.capacity),
      start_(net::now()),
      timer_(loop) {
    timer_.start_after(kExpiryCheck, [this] { expire(); });
}

IpAddress Gateway::external() const {
    if (!settings_.external.empty()) {
        return IpAddress::parse(settings_.external).value_or(IpAddress());
    }
    const auto network = net::read_network();
    const auto* wan = network ? network->find(settings_.wan) : nullptr;
    if (wan == nullptr) return {};
    for (const auto& assigned : wan->addresses) {
        if (assigned.address.is_v4()) return assigned.address;
    }
    return {};
}

Lifetime Gateway::epoch() const {
    return std::chrono::duration_cast<Lifetime>(net::now() - start_);
}

void Gateway::expire() {
    if (table_.expire(net::now())) is_programmed_ = false;
    if (!is_programmed_) is_programmed_ = program();
    timer_.start_after(kExpiryCheck, [this] { expire(); });
}

/// All of it in one transaction: there are few mappings, and no difference to get wrong. What fails
/// changes nothing.
bool Gateway::program() const {
    if (settings_.liar) return true;
    std::string in;
    std::string out;
    std::string hosts;
    std::string from;
    for (const auto& mapping : table_.all()) {
        const auto protocol = protocol_of(mapping.transport);
        const auto port = std::to_string(mapping.external_port);
        const auto internal = internal_of(mapping);
        in += (in.empty() ? "" : ", ") + protocol + " . " + port + " : " + internal;
        // Its own packets leave by the first of its external ports.
        if (table_.of(mapping.transport, mapping.internal) != &mapping) continue;
        out += (out.empty() ? "" : ", ") + protocol + " . " + internal + " : " + port;
        if (mapping.filters.empty()) {
            hosts += (hosts.empty() ? "" : ", ") + protocol + " . " + internal;
        }
        for (const auto& filter : mapping.filters) {
            from += (from.empty() ? "" : ", ") + element_of(mapping, filter);
        }
    }
    const auto name = "inet " + settings_.table + " ";
    const auto script =
        fill("map", name + "mapped_in", in) + fill("map", name + "mapped_out", out) +
        fill("set", name + "mapped_hosts", hosts) + fill("set", name + "mapped_from", from);
    auto* nft = ::popen("nft -f -", "w"); // NOLINT(cert-env33-c): a lab's PATH is its user's
    const bool written = nft != nullptr && std::fputs(script.c_str(), nft) >= 0;
    if (nft != nullptr && ::pclose(nft) == 0 && written) return true;
    std::cerr << "nft refused:\n" << script << std::endl;
    return false;
}

} // namespace natterjack::gateway
