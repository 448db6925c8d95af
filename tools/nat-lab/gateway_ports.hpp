// SPDX-License-Identifier: MIT
/// \file
/// \brief The ports on a router's LAN side.
#pragma once

#include <cstdint>

namespace natterjack::lab {

inline constexpr std::uint16_t kSsdpPort = 1900;     ///< UPnP Device Architecture 1.1, section 1.
inline constexpr std::uint16_t kIgdHttpPort = 5000;  ///< Our choice: what many home routers use.
inline constexpr std::uint16_t kPcpPort = 5351;      ///< NAT-PMP and PCP (RFC 6887 section 19.1).
inline constexpr std::uint16_t kAnnouncePort = 5350; ///< Where both announce, by multicast.
/// Where requests of a version that is not spoken go; nobody sees it.
inline constexpr std::uint16_t kVersionAnswerPort = 5352;

} // namespace natterjack::lab
