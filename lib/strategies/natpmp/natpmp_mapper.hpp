// SPDX-License-Identifier: MIT
/// \file
/// \brief The Mapper that speaks NAT-PMP (RFC 6886), by libnatpmp.
#pragma once

#include <memory>

#include "strategies/mapper.hpp"

namespace natterjack {

/// Opens ports by NAT-PMP at \a path's gateway. IPv4 only.
///
/// - probe() asks for the external address and remembers it for the mappings. A gateway that speaks
///   NAT-PMP and has no address to tell is a Service all the same.
/// - map() asks for the external address side by side with the mapping, unless a probe has. The
///   assigned port is the one reported; with `exact` another one is given back.
///   Errc::InvalidArgument for another internal host: NAT-PMP maps for whoever asks.
/// - unmap() succeeds where there was no mapping: the protocol cannot tell (RFC 6886 section 3.4).
///   NAT-PMP names a mapping by internal port and transport, not by external port.
/// - list() is Errc::Unsupported.
[[nodiscard]] std::unique_ptr<Mapper> make_natpmp_mapper(const Loop& loop, const Path& path);

} // namespace natterjack
