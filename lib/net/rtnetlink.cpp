// SPDX-License-Identifier: MIT
#include "net/rtnetlink.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

namespace natterjack::net {

namespace {

const Error kTruncated{Errc::Truncated, "rtnetlink message"};

constexpr std::size_t aligned(std::size_t length) {
    return (length + 3) & ~std::size_t{3}; // NLMSG_ALIGN, RTA_ALIGN and RTNH_ALIGN are all 4
}

/// Takes a header of type T and its \a length (header included) off the front of \a bytes; false
/// when it does not fit.
template<class T>
bool peek(ByteView bytes, T& header) {
    if (bytes.size() < sizeof header) return false;
    std::memcpy(&header, bytes.data(), sizeof header);
    return true;
}

ByteView after(ByteView bytes, std::size_t length) {
    return bytes.subspan(std::min(aligned(length), bytes.size()));
}

/// The attributes that follow a message's own header, by type.
class Attributes {
public:
    /// False when one of them is longer than what is there.
    bool read(ByteView bytes) {
        while (bytes.size() >= sizeof(rtattr)) {
            rtattr header{};
            if (!peek(bytes, header)) return false;
            if (header.rta_len < sizeof header || header.rta_len > bytes.size()) return false;
            const auto type = header.rta_type & static_cast<unsigned>(NLA_TYPE_MASK);
            if (type < values_.size()) {
                values_[type] = bytes.subspan(sizeof header, header.rta_len - sizeof header);
            }
            bytes = after(bytes, header.rta_len);
        }
        return true;
    }

    [[nodiscard]] const std::optional<ByteView>& operator[](std::size_t type) const {
        return values_[type];
    }
    /// 0 when it is not there or too short.
    [[nodiscard]] std::uint32_t number(std::size_t type) const {
        std::uint32_t value = 0;
        if (values_[type]) static_cast<void>(peek(*values_[type], value));
        return value;
    }
    /// \a interface becomes the zone of a link-local address.
    [[nodiscard]] std::optional<IpAddress> address(std::size_t type, unsigned interface) const {
        return values_[type] ? to_address(*values_[type], interface) : std::nullopt;
    }

    [[nodiscard]] static std::optional<IpAddress> to_address(ByteView bytes, unsigned interface) {
        ByteReader in(bytes);
        if (bytes.size() == 4) return IpAddress::v4(in.read<std::uint32_t>());
        if (bytes.size() != 16) return std::nullopt;
        const auto raw = in.read_array<16>();
        const auto plain = IpAddress::v6(raw);
        return plain.is_link_local() ? IpAddress::v6(raw, interface) : plain;
    }

private:
    // Above all the attributes of links, addresses and routes that are read below.
    std::array<std::optional<ByteView>, 32> values_;
};

template<class Header>
bool split(ByteView body, Header& header, Attributes& attributes) {
    return peek(body, header) && attributes.read(after(body, sizeof header));
}

IpAddress unspecified(bool v4) {
    return v4 ? IpAddress() : IpAddress::v6({});
}

IpAddress gateway_of(const Attributes& attributes, unsigned interface, bool v4) {
    if (const auto gateway = attributes.address(RTA_GATEWAY, interface)) return *gateway;
    if (const auto via = attributes[RTA_VIA]; via && via->size() > 2) { // RFC 5549: family, address
        if (const auto gateway = Attributes::to_address(via->subspan(2), interface)) {
            return *gateway;
        }
    }
    return unspecified(v4);
}

bool is_dead(unsigned flags) {
    return (flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN)) != 0;
}

bool decode_next_hops(ByteView bytes, bool v4, std::vector<NextHop>& out) {
    while (bytes.size() >= sizeof(rtnexthop)) {
        rtnexthop header{};
        if (!peek(bytes, header)) return false;
        if (header.rtnh_len < sizeof header || header.rtnh_len > bytes.size()) return false;
        Attributes attributes;
        if (!attributes.read(bytes.subspan(sizeof header, header.rtnh_len - sizeof header))) {
            return false;
        }
        const auto interface = static_cast<unsigned>(header.rtnh_ifindex);
        out.push_back(
            {gateway_of(attributes, interface, v4), interface, is_dead(header.rtnh_flags)});
        bytes = after(bytes, header.rtnh_len);
    }
    return true;
}

std::optional<LinkMessage> decode_link(ByteView body) {
    ifinfomsg header{};
    Attributes attributes;
    if (!split(body, header, attributes)) return std::nullopt;
    LinkMessage out;
    out.index = static_cast<unsigned>(header.ifi_index);
    out.flags = header.ifi_flags;
    if (const auto name = attributes[IFLA_IFNAME]) {
        out.name.assign(name->begin(), std::find(name->begin(), name->end(), 0));
    }
    return out;
}

std::optional<AddressMessage> decode_address(ByteView body) {
    ifaddrmsg header{};
    Attributes attributes;
    if (!split(body, header, attributes)) return std::nullopt;
    AddressMessage out;
    out.interface = header.ifa_index;
    out.prefix_length = header.ifa_prefixlen;
    // The attribute holds all 32 flags, the header only the first eight.
    out.flags = attributes[IFA_FLAGS] ? attributes.number(IFA_FLAGS) : header.ifa_flags;
    // On a point-to-point link IFA_ADDRESS is the far end's (rtnetlink(7)).
    auto address = attributes.address(IFA_LOCAL, out.interface);
    if (!address) address = attributes.address(IFA_ADDRESS, out.interface);
    if (!address) return std::nullopt;
    out.address = *address;
    return out;
}

std::optional<RouteMessage> decode_route(ByteView body) {
    rtmsg header{};
    Attributes attributes;
    if (!split(body, header, attributes)) return std::nullopt;
    RouteMessage out;
    out.v4 = header.rtm_family == AF_INET;
    out.prefix_length = header.rtm_dst_len;
    out.type = header.rtm_type;
    // The header's eight bits are too few for the tables of policy routing.
    out.table = attributes[RTA_TABLE] ? attributes.number(RTA_TABLE) : header.rtm_table;
    out.metric = attributes.number(RTA_PRIORITY);
    const unsigned interface = attributes.number(RTA_OIF);
    out.destination = attributes.address(RTA_DST, interface);
    out.source = attributes.address(RTA_PREFSRC, interface);
    if (const auto hops = attributes[RTA_MULTIPATH]) {
        if (!decode_next_hops(*hops, out.v4, out.next_hops)) return std::nullopt;
    } else if (interface != 0) {
        out.next_hops.push_back(
            {gateway_of(attributes, interface, out.v4), interface, is_dead(header.rtm_flags)});
    }
    return out;
}

std::optional<NeighbourMessage> decode_neighbour(ByteView body) {
    ndmsg header{};
    Attributes attributes;
    if (!split(body, header, attributes)) return std::nullopt;
    NeighbourMessage out;
    out.interface = static_cast<unsigned>(header.ndm_ifindex);
    out.state = header.ndm_state;
    out.address = attributes.address(NDA_DST, out.interface).value_or(IpAddress());
    if (const auto hardware = attributes[NDA_LLADDR]) {
        out.hardware.assign(hardware->begin(), hardware->end());
    }
    return out;
}

/// The errno at the front of NLMSG_ERROR and NLMSG_DONE, where it is negative.
std::optional<int> decode_errno(ByteView body) {
    int value = 0;
    if (!peek(body, value)) return std::nullopt;
    return -value;
}

enum class Outcome { Known, Unknown, Truncated };

template<class T>
Outcome store(std::optional<T> decoded, NetlinkMessage& out) {
    if (!decoded) return Outcome::Truncated;
    out.body = std::move(*decoded);
    return Outcome::Known;
}

Outcome decode_body(unsigned type, ByteView body, NetlinkMessage& out) {
    switch (type) {
    case RTM_NEWLINK: return store(decode_link(body), out);
    case RTM_NEWADDR: return store(decode_address(body), out);
    case RTM_NEWROUTE: {
        rtmsg header{};
        // IPv6 dumps go through the multicast tables of other families too.
        if (peek(body, header) && header.rtm_family != AF_INET && header.rtm_family != AF_INET6) {
            return Outcome::Unknown;
        }
        return store(decode_route(body), out);
    }
    case RTM_NEWNEIGH: return store(decode_neighbour(body), out);
    case NLMSG_ERROR: {
        const auto error = decode_errno(body);
        return store(error ? std::optional(ErrorMessage{*error}) : std::nullopt, out);
    }
    case NLMSG_DONE: // older kernels leave the errno out
        return store(std::optional(DoneMessage{decode_errno(body).value_or(0)}), out);
    default: return Outcome::Unknown;
    }
}

} // namespace

Result<std::vector<NetlinkMessage>> decode_netlink(ByteView datagram) {
    std::vector<NetlinkMessage> out;
    while (!datagram.empty()) {
        nlmsghdr header{};
        if (!peek(datagram, header)) return kTruncated;
        if (header.nlmsg_len < sizeof header || header.nlmsg_len > datagram.size()) {
            return kTruncated;
        }
        NetlinkMessage message;
        message.sequence = header.nlmsg_seq;
        message.interrupted = (header.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
        const auto body = datagram.subspan(sizeof header, header.nlmsg_len - sizeof header);
        switch (decode_body(header.nlmsg_type, body, message)) {
        case Outcome::Known: out.push_back(std::move(message)); break;
        case Outcome::Unknown: break;
        case Outcome::Truncated: return kTruncated;
        }
        datagram = after(datagram, header.nlmsg_len);
    }
    return out;
}

} // namespace natterjack::net
