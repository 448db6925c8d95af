// SPDX-License-Identifier: MIT
/// \file
/// \brief Whom to ask, and from where.
#pragma once

#include <string>
#include <vector>

#include <natterjack/traversal.hpp>

#include "base/host_port.hpp"
#include "net/network.hpp"
#include "traversal/chain.hpp"

namespace natterjack {

/// \a named, or else those of `servers.conf`, each once.
/// \retval Errc::InvalidArgument  not HOST:PORT, or more than kMaxServers
/// \retval as read_servers()
[[nodiscard]] Result<std::vector<HostPort>> servers_to_ask(const std::vector<std::string>& named,
                                                           const ChainParts& parts);

/// Where a socket towards \a server should be bound.
struct Source {
    IpAddress address;      ///< Unspecified, of the server's family: there is none.
    unsigned interface = 0; ///< 0: the routing table decides.
};
[[nodiscard]] Source source_towards(const IpAddress& server, const net::Network& network,
                                    const NetworkChoice& choice);

} // namespace natterjack
