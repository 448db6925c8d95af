// SPDX-License-Identifier: MIT
#include "net/network.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <tuple>

#include <linux/if.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/hex.hpp"
#include "net/fd.hpp"
#include "net/rtnetlink.hpp"
#include "net/socket_address.hpp"

namespace natterjack::net {

namespace {

/// A dump that the kernel marks as inconsistent is asked for again. On a router whose tables never
/// rest the last answer has to do.
constexpr int kMaxDumps = 5;

/// The kernel answers at once. This is for the day that it does not.
constexpr timeval kReceiveLimit{1, 0};

/// A question to rtnetlink and its answers.
class RouteSocket {
public:
    RouteSocket() : fd_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) {
        if (!fd_) return;
        setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &kReceiveLimit, sizeof kReceiveLimit);
    }

    /// All messages of one kind, both families, that \a keep wants. The others are dropped as they
    /// come: a table may have a million routes.
    template<class Message, class Header, class Keep>
    Result<std::vector<Message>> dump(std::uint16_t type, const Header& header, const Keep& keep) {
        std::vector<Message> out;
        bool interrupted = true;
        for (int i = 0; interrupted && i < kMaxDumps; ++i) {
            out.clear();
            interrupted = false;
            const auto asked = ask(type, NLM_F_DUMP, header, {}, [&](NetlinkMessage& message) {
                interrupted = interrupted || message.interrupted;
                auto* body = std::get_if<Message>(&message.body);
                if (body != nullptr && keep(*body)) out.push_back(std::move(*body));
            });
            if (!asked) return asked.error();
        }
        return out;
    }

    /// Sends one question and hands each message of the answer to \a visit.
    /// \retval Errc::NoNetwork  the kernel said no (detail: errno)
    /// \retval Errc::Network    the socket failed (detail: errno)
    template<class Header, class Visit>
    Result<void> ask(std::uint16_t type, int flags, const Header& header, ByteView attributes,
                     const Visit& visit) {
        std::vector<std::uint8_t> body(sizeof header);
        std::memcpy(body.data(), &header, sizeof header);
        body.insert(body.end(), attributes.begin(), attributes.end());
        if (auto sent = send(type, flags, body); !sent) return sent;
        for (;;) {
            auto messages = receive();
            if (!messages) return messages.error();
            for (auto& message : *messages) {
                if (message.sequence != sequence_) continue; // of a question that was given up
                visit(message);
                if (const auto end = end_of(message, (flags & NLM_F_DUMP) != 0)) return *end;
            }
        }
    }

private:
    Result<void> send(std::uint16_t type, int flags, ByteView body);
    Result<std::vector<NetlinkMessage>> receive();
    static std::optional<Result<void>> end_of(const NetlinkMessage& message, bool dump);

    Fd fd_;
    std::uint32_t sequence_ = 0;
};

Result<void> RouteSocket::send(std::uint16_t type, int flags, ByteView body) {
    nlmsghdr header{};
    header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + body.size());
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    header.nlmsg_seq = ++sequence_;
    std::vector<std::uint8_t> out(sizeof header);
    std::memcpy(out.data(), &header, sizeof header);
    out.insert(out.end(), body.begin(), body.end());
    if (::send(fd_.get(), out.data(), out.size(), 0) < 0) {
        return network_error("cannot ask the kernel about the network (rtnetlink)", errno);
    }
    return {};
}

Result<std::vector<NetlinkMessage>> RouteSocket::receive() {
    for (;;) {
        // How long is it? Dumps come in pieces of up to 32 KiB, single answers in any size.
        const auto size = recv(fd_.get(), nullptr, 0, MSG_PEEK | MSG_TRUNC);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) break;
        std::vector<std::uint8_t> buffer(static_cast<std::size_t>(size));
        sockaddr_nl from{};
        socklen_t length = sizeof from;
        const auto got = recvfrom(fd_.get(), buffer.data(), buffer.size(), 0,
                                  reinterpret_cast<sockaddr*>(&from), &length);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) break;
        if (from.nl_pid != 0) continue; // any local program can write to a netlink socket
        buffer.resize(static_cast<std::size_t>(got));
        return decode_netlink(buffer);
    }
    return network_error("no answer from the kernel about the network (rtnetlink)", errno);
}

// Empty while there is more to come.
std::optional<Result<void>> RouteSocket::end_of(const NetlinkMessage& message, bool dump) {
    int error_number = 0;
    if (const auto* error = std::get_if<ErrorMessage>(&message.body)) {
        error_number = error->error_number;
    } else if (const auto* done = std::get_if<DoneMessage>(&message.body)) {
        error_number = done->error_number;
    } else {
        return dump ? std::nullopt : std::optional(Result<void>{});
    }
    if (error_number == 0) return Result<void>{};
    auto error = network_error("the kernel does not tell about the network", error_number);
    error.code = Errc::NoNetwork;
    return error;
}

Interface to_interface(const LinkMessage& link) {
    Interface out;
    out.index = link.index;
    out.name = link.name;
    out.up = (link.flags & IFF_UP) != 0 && (link.flags & IFF_LOWER_UP) != 0;
    out.loopback = (link.flags & IFF_LOOPBACK) != 0;
    out.point_to_point = (link.flags & IFF_POINTOPOINT) != 0;
    out.multicast = (link.flags & IFF_MULTICAST) != 0;
    return out;
}

InterfaceAddress to_interface_address(const AddressMessage& message) {
    InterfaceAddress out;
    out.address = message.address;
    out.prefix_length = message.prefix_length;
    const bool v6 = !message.address.is_v4();
    out.temporary = v6 && (message.flags & IFA_F_TEMPORARY) != 0; // IPv4: the flag of secondaries
    out.deprecated = (message.flags & IFA_F_DEPRECATED) != 0;
    // An optimistic address may be used while detection runs (RFC 4429).
    const bool failed = (message.flags & IFA_F_DADFAILED) != 0;
    const bool undecided = (message.flags & IFA_F_TENTATIVE) != 0;
    out.tentative = failed || (undecided && (message.flags & IFA_F_OPTIMISTIC) == 0);
    return out;
}

bool is_default(const RouteMessage& route) {
    return route.prefix_length <= 1 && route.type == RTN_UNICAST;
}

/// Which of an interface's addresses a gateway would see; unspecified: none of the family. For a
/// link-local gateway, as IPv6 has them, one that others can reach too.
IpAddress best_source(const Interface& interface, const IpAddress& gateway) {
    const auto rank = [&](const InterfaceAddress& one) {
        const bool near = !gateway.is_unspecified() && !gateway.is_link_local() &&
                          same_network(one.address, gateway, one.prefix_length);
        return std::tuple(near, !one.address.is_link_local(), !one.deprecated,
                          one.address.is_public(), !one.temporary);
    };
    const InterfaceAddress* best = nullptr;
    for (const auto& one : interface.addresses) {
        if (one.address.is_v4() != gateway.is_v4() || one.tentative) continue;
        if (best == nullptr || rank(one) > rank(*best)) best = &one;
    }
    if (best != nullptr) return best->address;
    return gateway.is_v4() ? IpAddress() : IpAddress::v6({});
}

void append_default_routes(const RouteMessage& route, Network& network) {
    for (const auto& hop : route.next_hops) {
        const auto* interface = network.find(hop.interface);
        // The link's own state too: its news reach the routes up to a second later.
        if (hop.dead || interface == nullptr || !interface->up) continue;
        DefaultRoute out;
        out.gateway = hop.gateway;
        out.interface = hop.interface;
        // An IPv4 route may lead to an IPv6 gateway (RFC 5549): then ours is IPv6, too.
        const bool preferred = route.source && route.source->is_v4() == hop.gateway.is_v4();
        out.source = preferred ? *route.source : best_source(*interface, hop.gateway);
        out.prefix_length = route.prefix_length;
        out.metric = route.metric;
        out.table = route.table;
        network.default_routes.push_back(out);
    }
}

// The halves of a VPN, and the copies that policy routing keeps in other tables, name the same next
// hop again.
void sort_and_unite(std::vector<DefaultRoute>& routes) {
    const auto order = [](const DefaultRoute& route) {
        return std::tuple(route.prefix_length, route.metric, route.table != RT_TABLE_MAIN);
    };
    std::stable_sort(routes.begin(), routes.end(), [&](const auto& left, const auto& right) {
        return order(left) < order(right);
    });
    const auto hop = [](const DefaultRoute& route) {
        return std::tie(route.gateway, route.interface, route.source);
    };
    std::vector<DefaultRoute> united;
    for (const auto& route : routes) {
        if (std::none_of(united.begin(), united.end(),
                         [&](const auto& known) { return hop(known) == hop(route); })) {
            united.push_back(route);
        }
    }
    routes = std::move(united);
}

bool same_address(const IpAddress& ours, const IpAddress& asked) {
    if (ours.mapped_bytes() != asked.mapped_bytes()) return false;
    return asked.scope_id() == 0 || asked.scope_id() == ours.scope_id();
}

/// One attribute whose value needs no padding.
void append_attribute(std::vector<std::uint8_t>& out, std::uint16_t type, ByteView value) {
    rtattr header{};
    header.rta_len = static_cast<std::uint16_t>(sizeof header + value.size());
    header.rta_type = type;
    const auto at = out.size();
    out.resize(at + sizeof header);
    std::memcpy(out.data() + at, &header, sizeof header);
    out.insert(out.end(), value.begin(), value.end());
}

} // namespace

const Interface* Network::find(unsigned index) const {
    const auto found = std::find_if(interfaces.begin(), interfaces.end(),
                                    [&](const Interface& one) { return one.index == index; });
    return found != interfaces.end() ? &*found : nullptr;
}

const Interface* Network::find(const std::string& name) const {
    const auto found = std::find_if(interfaces.begin(), interfaces.end(),
                                    [&](const Interface& one) { return one.name == name; });
    return found != interfaces.end() ? &*found : nullptr;
}

const Interface* Network::owner_of(const IpAddress& address) const {
    const auto has_it = [&](const Interface& one) {
        return std::any_of(one.addresses.begin(), one.addresses.end(),
                           [&](const auto& ours) { return same_address(ours.address, address); });
    };
    const auto found = std::find_if(interfaces.begin(), interfaces.end(), has_it);
    return found != interfaces.end() ? &*found : nullptr;
}

Network::OnLink Network::on_link(const IpAddress& address) const {
    OnLink best;
    unsigned best_length = 0;
    for (const auto& one : interfaces) {
        const bool other_zone = address.scope_id() != 0 && address.scope_id() != one.index;
        if (!one.up || other_zone) continue;
        for (const auto& ours : one.addresses) {
            const bool longer = best.interface == nullptr || ours.prefix_length > best_length;
            if (ours.tentative || !longer ||
                !same_network(ours.address, address, ours.prefix_length)) {
                continue;
            }
            best = {&one, ours.address};
            best_length = ours.prefix_length;
        }
    }
    return best;
}

Result<Network> read_network() {
    RouteSocket socket;
    const auto all = [](const auto&) { return true; };
    const auto links = socket.dump<LinkMessage>(RTM_GETLINK, ifinfomsg{}, all);
    if (!links) return links.error();
    const auto addresses = socket.dump<AddressMessage>(RTM_GETADDR, ifaddrmsg{}, all);
    if (!addresses) return addresses.error();
    const auto routes = socket.dump<RouteMessage>(RTM_GETROUTE, rtmsg{}, is_default);
    if (!routes) return routes.error();

    Network out;
    for (const auto& link : *links) out.interfaces.push_back(to_interface(link));
    for (const auto& address : *addresses) {
        for (auto& interface : out.interfaces) {
            if (interface.index != address.interface) continue;
            interface.addresses.push_back(to_interface_address(address));
        }
    }
    for (const auto& route : *routes) append_default_routes(route, out);
    sort_and_unite(out.default_routes);
    return out;
}

std::string hardware_address_of(const IpAddress& neighbour, unsigned interface) {
    ndmsg header{};
    header.ndm_family = static_cast<std::uint8_t>(family_of(neighbour));
    constexpr unsigned kUseless = NUD_INCOMPLETE | NUD_FAILED | NUD_NOARP;
    const auto found =
        RouteSocket().dump<NeighbourMessage>(RTM_GETNEIGH, header, [&](const auto& entry) {
            return entry.interface == interface && (entry.state & kUseless) == 0 &&
                   entry.address.mapped_bytes() == neighbour.mapped_bytes();
        });
    if (!found || found->empty()) return {};
    return to_hex(found->front().hardware);
}

Result<Route> route_to(const IpAddress& destination) {
    const auto mapped = destination.mapped_bytes();
    const auto address = ByteView(mapped).subspan(destination.is_v4() ? 12 : 0);
    rtmsg header{};
    header.rtm_family = static_cast<std::uint8_t>(family_of(destination));
    header.rtm_dst_len = static_cast<std::uint8_t>(8 * address.size());
    std::vector<std::uint8_t> attributes;
    append_attribute(attributes, RTA_DST, address);
    if (const std::uint32_t zone = destination.scope_id(); zone != 0) {
        std::array<std::uint8_t, sizeof zone> bytes{};
        std::memcpy(bytes.data(), &zone, sizeof zone);
        append_attribute(attributes, RTA_OIF, bytes);
    }

    std::optional<RouteMessage> route;
    const auto asked =
        RouteSocket().ask(RTM_GETROUTE, 0, header, attributes, [&](NetlinkMessage& message) {
            if (auto* body = std::get_if<RouteMessage>(&message.body)) route = std::move(*body);
        });
    if (!asked && asked.error().code != Errc::NoNetwork) return asked.error();
    if (!route || route->next_hops.empty()) {
        return Error{Errc::NoNetwork, "there is no route to " + destination.to_string(),
                     asked ? 0 : asked.error().detail};
    }
    const auto& hop = route->next_hops.front();
    Route out;
    out.source = route->source.value_or(destination.is_v4() ? IpAddress() : IpAddress::v6({}));
    out.gateway = hop.gateway;
    out.interface = hop.interface;
    return out;
}

} // namespace natterjack::net
