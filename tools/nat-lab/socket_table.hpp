// SPDX-License-Identifier: MIT
/// \file
/// \brief Reads the kernel's tables of open sockets, /proc/net/udp and /proc/net/tcp. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "topology.hpp"

namespace natterjack::lab {

/// True when \a table (the contents of /proc/net/udp, or of /proc/net/tcp for a TCP socket; for an
/// IPv6 address those of udp6 and tcp6) lists a socket that receives what \a wanted says; for TCP:
/// one that listens.
[[nodiscard]] bool is_open(std::string_view table, const AwaitedSocket& wanted);

} // namespace natterjack::lab
