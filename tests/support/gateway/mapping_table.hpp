// SPDX-License-Identifier: MIT
/// \file
/// \brief The mappings of a gateway, whichever protocol asked for them. Pure: time is an argument.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <natterjack/endpoint.hpp>
#include <natterjack/result.hpp>

#include "base/time.hpp"
#include "wire/pcp.hpp"

namespace natterjack::gateway {

/// One mapping.
struct Mapping {
    Transport transport = Transport::Udp;
    std::uint16_t external_port = 0;
    Endpoint internal;
    std::optional<TimePoint> end;       ///< Empty: it has none.
    std::string description;            ///< UPnP's.
    std::optional<pcp::Nonce> nonce;    ///< Of PCP; empty: NAT-PMP or UPnP made it.
    std::vector<pcp::Filter> filters{}; ///< Who may send to it; empty: anyone.
    bool is_flow = false;               ///< Of PEER: the one filter is its remote peer.
};

/// External ports and their owners. Nobody is given another host's port.
class MappingTable {
public:
    /// More than any test asks for, and less than what slows a router down.
    static constexpr std::size_t kCapacity = 2000;

    explicit MappingTable(std::size_t capacity = kCapacity) : capacity_(capacity) {}

    /// Makes or renews \a wanted at exactly its external port.
    /// \retval Errc::Conflict  the port is another host's, or its mapping has another nonce
    /// \retval Errc::Refused   the table is full
    Result<void> put(const Mapping& wanted);

    /// As put(), but at the external port that the internal endpoint has already, or at the first
    /// free one from \a wanted's on (0: from the internal port on). Returns the port.
    Result<std::uint16_t> put_anywhere(Mapping wanted);

    [[nodiscard]] const Mapping* at(Transport transport, std::uint16_t external_port) const;
    /// The first mapping of an internal endpoint.
    [[nodiscard]] const Mapping* of(Transport transport, const Endpoint& internal) const;

    /// \retval Errc::NotFound  there is none
    Result<void> erase(Transport transport, std::uint16_t external_port);
    /// All of \a host's, of one transport; always succeeds.
    Result<void> erase_all(Transport transport, const IpAddress& host);
    /// Removes what has ended by \a now. True: something has.
    bool expire(TimePoint now);

    [[nodiscard]] const std::vector<Mapping>& all() const { return mappings_; }

private:
    std::size_t capacity_;
    std::vector<Mapping> mappings_;
};

/// What is left of \a mapping at \a now; 0: it does not end.
[[nodiscard]] Lifetime time_left(const Mapping& mapping, TimePoint now);

} // namespace natterjack::gateway
