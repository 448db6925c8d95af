// SPDX-License-Identifier: MIT
/// \file
/// \brief The userspace part of impaired links: copies frames between two interfaces by AF_PACKET.
///
/// Stands in for netem, which the kernel may lack. Good for timing at some ten thousand frames a
/// second, not for throughput.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <natterjack/result.hpp>

#include "delay_line.hpp"
#include "spec.hpp"
#include "unique_fd.hpp"

namespace natterjack::lab {

/// A link through the relay: two interfaces of the relay's namespace, and what happens between.
struct RelayedLink {
    std::string near;
    std::string far;
    Impairment impairment;
    std::uint64_t seed = 0;
};

/// A change of a link, as it comes from the process that forked the relay.
struct LinkUpdate {
    std::size_t link = 0; ///< Its place among those that the relay was opened with.
    Impairment impairment;
};

/// Relays a set of links. Frames that arrive from open() on are not lost.
class LinkRelay {
public:
    /// To be called in the relay's network.
    /// \retval Errc::Unsupported  no AF_PACKET socket, or no such interface; detail: errno
    [[nodiscard]] static Result<LinkRelay> open(const std::vector<RelayedLink>& links);

    /// Copies frames for as long as the process lives. \a changes: a socket on which
    /// each LinkUpdate is answered with a byte, once it is in force.
    [[noreturn]] void run(int changes);

private:
    /// From one port through a line to another.
    struct Direction {
        UniqueFd from;
        int to;
        DelayLine line;

        void receive();
        void send_due();
    };

    [[nodiscard]] std::optional<DelayLine::Time> deadline() const;
    void take_change(int changes);

    std::vector<Direction> directions_;
};

/// Makes \a interface of the current network namespace send whole packets with finished
/// checksums: a veth otherwise leaves both to a network card that a relayed frame never meets.
[[nodiscard]] Result<void> disable_offload(const std::string& interface);

} // namespace natterjack::lab
