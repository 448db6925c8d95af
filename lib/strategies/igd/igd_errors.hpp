// SPDX-License-Identifier: MIT
/// \file
/// \brief UPnP error codes in words.
#pragma once

#include <string_view>

#include <natterjack/result.hpp>

namespace natterjack::igd {

/// UPnP error codes on which we act (WANIPConnection:1 section 2.4, :2 section 2.5, UDA 2.0
/// section 3.2.2).
inline constexpr int kInvalidAction = 401;
inline constexpr int kInvalidArgs = 402;
inline constexpr int kActionFailed = 501;
inline constexpr int kOptionalActionNotImplemented = 602;
inline constexpr int kNotAuthorized = 606;
inline constexpr int kNoSuchPinhole = 704; // WANIPv6FirewallControl:1 section 2.5
inline constexpr int kNoTrafficYet = 709;
inline constexpr int kArrayIndexInvalid = 713;
inline constexpr int kNoSuchEntry = 714;
inline constexpr int kConflict = 718;
inline constexpr int kSamePortRequired = 724;
inline constexpr int kOnlyPermanentLeases = 725;
inline constexpr int kOnlyAnyRemoteHost = 726;
inline constexpr int kConflictWithOther = 729;
inline constexpr int kPortMappingNotFound = 730;

/// What the gateway's error means and what a person can do about it. Error::detail is \a code.
/// \a action is what was asked; \a said is the gateway's own description, used for codes that are
/// not the standard's.
[[nodiscard]] Error upnp_error(int code, std::string_view action, std::string_view said);

} // namespace natterjack::igd
