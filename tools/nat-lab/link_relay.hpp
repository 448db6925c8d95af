// SPDX-License-Identifier: MIT
/// \file
/// \brief The userspace part of impaired links: copies frames between two interfaces by AF_PACKET.
///
/// Stands in for netem, which the kernel may lack. Good for timing at some ten thousand frames a
/// second, not for throughput.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <natterjack/result.hpp>

#include "spec.hpp"

namespace natterjack::lab {

/// A link through the relay: two interfaces of the relay's namespace, and what happens between.
struct RelayedLink {
    std::string near;
    std::string far;
    Impairment impairment;
    std::uint64_t seed = 0;
};

/// Copies frames for as long as the process lives. To be called in the relay's namespace.
/// Returns only when a link could not be opened.
/// \retval Errc::Unsupported  no AF_PACKET socket, or no such interface; detail: errno
[[nodiscard]] Result<void> run_relay(const std::vector<RelayedLink>& links);

/// Makes \a interface of the current network namespace send whole packets with finished
/// checksums: a veth otherwise leaves both to a network card that a relayed frame never meets.
[[nodiscard]] Result<void> disable_offload(const std::string& interface);

} // namespace natterjack::lab
