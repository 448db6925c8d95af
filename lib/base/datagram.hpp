// SPDX-License-Identifier: MIT
/// \file
/// \brief One UDP payload and where it goes.
#pragma once

#include <cstdint>
#include <vector>

#include <natterjack/endpoint.hpp>

namespace natterjack {

struct Datagram {
    Endpoint to;
    std::vector<std::uint8_t> payload;
};

/// A datagram, and which of several sockets sends it.
struct LaneDatagram {
    int lane = 0; ///< From 0.
    Datagram datagram;
};

} // namespace natterjack
