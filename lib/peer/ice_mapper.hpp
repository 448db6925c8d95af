// SPDX-License-Identifier: MIT
/// \file
/// \brief The chain's `ice` stage: an invitation in the place of a mapping.
#pragma once

#include <memory>

#include <natterjack/peer_session.hpp>

#include "strategies/mapper.hpp"

namespace natterjack::peer {

/// Gathers a session's addresses when it is probed; nobody is told, and no gateway is asked for a
/// port, before the session is taken out of the opening. One that nobody took ends with the mapper.
///
/// Errors of probe() and map(): as PeerSession::create(); NotFound: no server showed an address
/// that the outside could send to.
[[nodiscard]] std::unique_ptr<Mapper> make_ice_mapper(const Loop& loop, PeerOptions options,
                                                      const OpenRequest& request);

} // namespace natterjack::peer
