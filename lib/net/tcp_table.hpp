// SPDX-License-Identifier: MIT
/// \file
/// \brief Whether this host has a certain TCP connection, whoever owns it.
#pragma once

#include <cstdint>
#include <string_view>

#include <natterjack/endpoint.hpp>

namespace natterjack::net {

/// True when a table in the format of /proc/net/tcp or tcp6 (proc(5)) has a connection between our
/// port \a local_port and \a remote, in any state but that of an unanswered SYN. \a table is text
/// as the kernel writes it: addresses as 32-bit words in this machine's byte order.
[[nodiscard]] bool table_has_connection(std::string_view table, std::uint16_t local_port,
                                        const Endpoint& remote);

/// Asks the kernel, for the network that the calling thread is in. False also when it does not say.
[[nodiscard]] bool has_connection(std::uint16_t local_port, const Endpoint& remote);

} // namespace natterjack::net
