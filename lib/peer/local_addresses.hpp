// SPDX-License-Identifier: MIT
/// \file
/// \brief At which of the host's addresses a session listens.
#pragma once

#include <vector>

#include <natterjack/traversal.hpp>

#include "net/network.hpp"

namespace natterjack::peer {

/// More addresses are not used: each is a socket, and makes a pair with each of the peer's.
inline constexpr std::size_t kMaxAddresses = 16;

struct AddressChoice {
    NetworkChoice network;
    bool ipv6 = true;
    bool loopback = false;
};

/// Those towards the default routes first. Link-local, deprecated and tentative ones are left out,
/// and so are the bridges of virtual machines and containers, unless there is nothing else or the
/// choice names them.
/// \retval Errc::InvalidArgument  no such interface, or the source is no address of this host
/// \retval Errc::NoNetwork        there is no address that fits
[[nodiscard]] Result<std::vector<IpAddress>> choose_addresses(const net::Network& network,
                                                              const AddressChoice& choice);

} // namespace natterjack::peer
