// SPDX-License-Identifier: MIT
/// \file
/// \brief Answers on port 5351 in the version that a gateway does not speak.
///
/// miniupnpd speaks NAT-PMP and PCP or neither. For a gateway with one of them, the rules send
/// requests of the other version here, and this says "unsupported version" as the RFCs have it, so
/// that clients can step down (or up) as they do at real gateways of that kind.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <natterjack/result.hpp>

#include "unique_fd.hpp"

namespace natterjack::lab {

/// The one protocol that a gateway speaks on port 5351.
enum class Speaks : std::uint8_t { NatPmp, Pcp };

/// The answer to \a request, of a version that the gateway does not speak. Empty: none is due (too
/// short, or itself an answer). \a uptime: becomes the epoch.
/// NAT-PMP: RFC 6886 section 3.5. PCP: RFC 6887 sections 7.2 and 8.2.
[[nodiscard]] std::vector<std::uint8_t> unsupported_version(Speaks speaks,
                                                            std::span<const std::uint8_t> request,
                                                            std::chrono::seconds uptime);

/// Opens the socket on \a address, in the current network, to which the rules send those requests.
/// \retval Errc::Unsupported  it cannot be opened; detail: errno
[[nodiscard]] Result<UniqueFd> open_version_answerer(const std::string& address);

/// Answers for as long as the process lives.
[[noreturn]] void run_version_answerer(Speaks speaks, int socket);

} // namespace natterjack::lab
