// SPDX-License-Identifier: MIT
/// \file
/// \brief Sessions from what applications say: checked, and with the configured servers.
#pragma once

#include <memory>

#include <natterjack/peer_session.hpp>

#include "peer/session.hpp"

namespace natterjack::peer {

/// Not started yet. Errors as PeerSession::create().
[[nodiscard]] Result<std::shared_ptr<Session>> make_session(const Loop& loop, PeerOptions options,
                                                            PeerHandlers handlers);

} // namespace natterjack::peer
