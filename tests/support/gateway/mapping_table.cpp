// SPDX-License-Identifier: MIT
#include "tests/support/gateway/mapping_table.hpp"

#include <algorithm>

namespace natterjack::gateway {

Result<void> MappingTable::put(const Mapping& wanted) {
    for (auto& mapping : mappings_) {
        if (mapping.transport != wanted.transport ||
            mapping.external_port != wanted.external_port) {
            continue;
        }
        const bool foreign = mapping.internal.address != wanted.internal.address;
        if (foreign || (mapping.nonce && wanted.nonce && mapping.nonce != wanted.nonce)) {
            return Error{Errc::Conflict, "the port is somebody else's"};
        }
        mapping = wanted;
        return {};
    }
    if (mappings_.size() >= capacity_) return Error{Errc::Refused, "the table is full"};
    mappings_.push_back(wanted);
    return {};
}

Result<std::uint16_t> MappingTable::put_anywhere(Mapping wanted) {
    if (const auto* known = of(wanted.transport, wanted.internal)) {
        wanted.external_port = known->external_port;
    } else {
        if (wanted.external_port == 0) wanted.external_port = wanted.internal.port;
        while (wanted.external_port == 0 || at(wanted.transport, wanted.external_port)) {
            ++wanted.external_port;
        }
    }
    const auto done = put(wanted);
    if (!done) return done.error();
    return wanted.external_port;
}

const Mapping* MappingTable::at(Transport transport, std::uint16_t external_port) const {
    const auto found = std::find_if(mappings_.begin(), mappings_.end(), [&](const auto& mapping) {
        return mapping.transport == transport && mapping.external_port == external_port;
    });
    return found == mappings_.end() ? nullptr : &*found;
}

const Mapping* MappingTable::of(Transport transport, const Endpoint& internal) const {
    const auto found = std::find_if(mappings_.begin(), mappings_.end(), [&](const auto& mapping) {
        return mapping.transport == transport && mapping.internal == internal;
    });
    return found == mappings_.end() ? nullptr : &*found;
}

Result<void> MappingTable::erase(Transport transport, std::uint16_t external_port) {
    const auto gone = std::erase_if(mappings_, [&](const auto& mapping) {
        return mapping.transport == transport && mapping.external_port == external_port;
    });
    if (gone == 0) return Error{Errc::NotFound, "nobody has that port"};
    return {};
}

Result<void> MappingTable::erase_all(Transport transport, const IpAddress& host) {
    std::erase_if(mappings_, [&](const auto& mapping) {
        return mapping.transport == transport && mapping.internal.address == host;
    });
    return {};
}

bool MappingTable::expire(TimePoint now) {
    return std::erase_if(mappings_, [&](const auto& mapping) {
               return mapping.end && *mapping.end <= now;
           }) != 0;
}

Lifetime time_left(const Mapping& mapping, TimePoint now) {
    if (!mapping.end) return Lifetime(0);
    const auto left = std::chrono::ceil<std::chrono::seconds>(*mapping.end - now).count();
    return Lifetime(static_cast<std::uint32_t>(std::max<std::int64_t>(left, 1)));
}

} // namespace natterjack::gateway
