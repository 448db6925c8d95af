// SPDX-License-Identifier: MIT
/// \file
/// \brief The IGD strategy: UPnP Internet Gateway Device, versions 1 and 2.
#pragma once

#include <memory>

#include "strategies/mapper.hpp"

namespace natterjack {

/// A mapper that looks for a gateway's WAN service on \a path and speaks with it; on an IPv6 path
/// for its WANIPv6FirewallControl, whose pinholes are asked for from the very address they are for.
/// An error of the gateway has its UPnP code in Error::detail. Besides Mapper's own: \retval
/// Errc::NotFound  somebody answered and maps no ports; no such mapping (unmap); no external
///                         address (external_address)
/// \retval Errc::Unsafe    an answer names a host that it may not choose
/// \retval Errc::Mismatch  the gateway said yes, and its table says no; or an HTTP status without a
///                         UPnP error
/// \retval Errc::Malformed, Errc::Truncated, Errc::TooLarge  what it sent cannot be believed
[[nodiscard]] std::unique_ptr<Mapper> make_igd_mapper(const Loop& loop, const Path& path);

} // namespace natterjack
