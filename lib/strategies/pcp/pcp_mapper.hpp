// SPDX-License-Identifier: MIT
/// \file
/// \brief The Mapper that speaks PCP (RFC 6887).
#pragma once

#include <memory>

#include "strategies/mapper.hpp"

namespace natterjack {

/// Opens ports by PCP at \a path's gateway, which may be an IPv4 or an IPv6 one.
///
/// - probe() sends an ANNOUNCE. Service::external stays unspecified: PCP tells it with a mapping
///   only.
/// - map() keeps a nonce for the mapping's life. `exact` is asked for by PREFER_FAILURE and
/// checked.
///   Another internal host is named by THIRD_PARTY, which gateways rarely allow.
/// - unmap() answers Errc::NotFound where the gateway says that it has no such mapping; the RFC
/// lets
///   it call that a success.
/// - list() and external_address() are Errc::Unsupported: PCP has no such question, and asking by
///   way of a short mapping would open a port.
[[nodiscard]] std::unique_ptr<Mapper> make_pcp_mapper(const Loop& loop, const Path& path);

} // namespace natterjack
