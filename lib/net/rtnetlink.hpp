// SPDX-License-Identifier: MIT
/// \file
/// \brief Reads rtnetlink messages (rtnetlink(7)): bytes to structs. No socket in it.
///
/// Netlink is in host byte order, save for addresses.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <natterjack/endpoint.hpp>

#include "base/bytes.hpp"

namespace natterjack::net {

/// RTM_NEWLINK.
struct LinkMessage {
    unsigned index = 0;
    std::string name;
    unsigned flags = 0; ///< IFF_*.
};

/// RTM_NEWADDR.
struct AddressMessage {
    unsigned interface = 0;
    IpAddress address; ///< Ours, not the far end's. A link-local one has its zone.
    unsigned prefix_length = 0;
    unsigned flags = 0; ///< IFA_F_*.
};

struct NextHop {
    IpAddress gateway; ///< Unspecified, of the route's family: on the link. May be IPv6 for IPv4.
    unsigned interface = 0;
    bool dead = false; ///< RTNH_F_DEAD or RTNH_F_LINKDOWN.
};

/// RTM_NEWROUTE.
struct RouteMessage {
    bool v4 = true;
    std::optional<IpAddress> destination; ///< Empty: everything (prefix 0).
    unsigned prefix_length = 0;
    std::uint8_t type = 0; ///< RTN_*.
    std::uint32_t table = 0;
    std::uint32_t metric = 0;
    std::optional<IpAddress> source; ///< RTA_PREFSRC.
    std::vector<NextHop> next_hops;
};

/// RTM_NEWNEIGH.
struct NeighbourMessage {
    unsigned interface = 0;
    unsigned state = 0; ///< NUD_*.
    IpAddress address;
    std::vector<std::uint8_t> hardware; ///< Empty: not known.
};

/// NLMSG_ERROR: 0 is an acknowledgement, else a positive errno.
struct ErrorMessage {
    int error_number = 0;
};

/// NLMSG_DONE: the end of a dump, with an errno like ErrorMessage's.
struct DoneMessage {
    int error_number = 0;
};

/// One message of a kind that we know.
struct NetlinkMessage {
    std::uint32_t sequence = 0;
    bool interrupted = false; ///< NLM_F_DUMP_INTR: the tables changed in the middle; ask again.
    std::variant<LinkMessage, AddressMessage, RouteMessage, NeighbourMessage, ErrorMessage,
                 DoneMessage>
        body;
};

/// The messages of one datagram, in order; those of other kinds are left out.
/// \retval Errc::Truncated  a message or an attribute is longer than what is there
[[nodiscard]] Result<std::vector<NetlinkMessage>> decode_netlink(ByteView datagram);

} // namespace natterjack::net
