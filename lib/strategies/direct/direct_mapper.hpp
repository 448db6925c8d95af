// SPDX-License-Identifier: MIT
/// \file
/// \brief The host's own public address, as a strategy: nothing to ask, nothing to map.
#pragma once

#include <memory>

#include "strategies/mapper.hpp"

namespace natterjack {

/// Answers for path.source, at once and without a packet. map() claims that the outside reaches the
/// port as it is: no gateway translates it, and whether a firewall lets anybody in is not tested.
/// \retval Errc::NotFound  (probe, map) the address is not public
/// \retval Errc::Conflict  (map) `exact` asks for an external port that differs from the internal
/// one
[[nodiscard]] std::unique_ptr<Mapper> make_direct_mapper(const Loop& loop, const Path& path);

} // namespace natterjack
