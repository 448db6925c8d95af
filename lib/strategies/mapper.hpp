// SPDX-License-Identifier: MIT
/// \file
/// \brief What every mapping strategy can do: ask one gateway, map, unmap, list.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <natterjack/loop.hpp>
#include <natterjack/mappings.hpp>
#include <natterjack/opening.hpp>

#include "base/time.hpp"

namespace natterjack {

/// What helps to find a gateway's services sooner. Written by mappers when they found them, tried
/// beside the ordinary discovery, with the same checks. Belongs to the loop's thread.
struct GatewayMemory {
    std::string location;           ///< URL of the IGD's description; empty: not known.
    std::vector<Strategy> answered; ///< Which protocols ever did.

    friend bool operator==(const GatewayMemory&, const GatewayMemory&) = default;
};

/// One way out of this host: a gateway, and our address on the link to it.
struct Path {
    IpAddress gateway; ///< Unspecified on a device-only route: there is nobody to ask.
    IpAddress source;
    unsigned interface = 0; ///< Index.
    std::string interface_name;
    unsigned prefix_length = 0; ///< Of the link's network: what counts as local.
    bool multicast = true;      ///< Whether the link carries it.
    /// What is remembered of the gateway; null: nothing, and nothing is to be.
    std::shared_ptr<GatewayMemory> memory;
    /// As which address the gateway sees us, where a NAT stands between it and us: the router
    /// before it translates what we send. Unspecified: as source.
    IpAddress seen_as;

    /// The address that the gateway knows us by.
    [[nodiscard]] const IpAddress& client() const {
        return seen_as.is_unspecified() ? source : seen_as;
    }
};

/// Two links may each have a 192.168.1.1.
[[nodiscard]] inline bool is_same_gateway(const Path& a, const Path& b) {
    return a.gateway == b.gateway && a.interface == b.interface;
}

/// Whether it maps a port on a gateway, which is to be asked, renewed and told of the end. Our own
/// address and an invitation are nothing that a gateway would know of.
[[nodiscard]] constexpr bool is_a_gateways(Strategy strategy) noexcept {
    return strategy != Strategy::Direct && strategy != Strategy::Ice;
}

namespace peer {
class Session;
} // namespace peer

/// What `ice` gives in the place of a gateway's mapping.
struct Invitation {
    Reach reach = Reach::InvitedPeer;
    std::shared_ptr<peer::Session> session; ///< Has not told anybody anything yet.
};

/// A mapping that a gateway granted, with all that renewing and deleting it takes.
struct Mapping {
    Strategy strategy = Strategy::Direct;
    Transport transport = Transport::Udp;
    Endpoint internal;
    Endpoint external;    ///< The address is unspecified when the gateway did not say.
    Lifetime lifetime{0}; ///< Granted; 0: until it is deleted.
    TimePoint granted_at;
    IpAddress gateway;
    std::array<std::uint8_t, 12>
        nonce{};              ///< PCP (RFC 6887 section 11.1), kept for the mapping's life.
    std::string control_url;  ///< IGD.
    std::string service_type; ///< IGD.
    std::optional<std::uint16_t> pinhole; ///< IGD by IPv6: the router's number for it (UniqueID).
    std::string description;              ///< IGD: by it we know our own entries.
    /// IGD: what the gateway's table calls our host, where it shows no addresses; else empty.
    std::string host_name;
    std::vector<RemotePeers> only_from; ///< Whom the gateway lets in; empty: anyone.
    /// PCP: it is the mapping of a flow that goes out to this remote peer (PEER), and opens
    /// nothing.
    std::optional<Endpoint> remote;
    std::string note; ///< Empty, or one line that a user should see (permanent lease, other port).
    /// PCP and NAT-PMP: seconds since the gateway's tables began, when it granted this.
    std::optional<Lifetime> epoch;
    /// A renewal that found the mapping gone and made it anew. IGD only; the others have the epoch.
    bool restored = false;
    /// Two NATs in a row: what each gateway granted, ours first. This then is the sum of them: the
    /// first one's, with the external endpoint of the last and the shortest lifetime. Empty: one
    /// NAT.
    std::vector<Mapping> hops;
    std::optional<Invitation> invitation; ///< Of `ice`, and of no other.
};

/// What to ask the gateway for.
struct MappingRequest {
    Transport transport = Transport::Udp;
    Endpoint internal;
    std::uint16_t external_port = 0; ///< Wanted; 0: the gateway's choice.
    bool exact = false;              ///< Errc::Conflict rather than another port.
    Lifetime lifetime{7200};
    std::string description;
    /// Let in these only. Errc::Unsupported rather than anybody else; empty: anyone.
    std::vector<RemotePeers> only_from;
    std::optional<Endpoint> remote; ///< As Mapping's. For PCP only.
    /// A mapping to renew in place: same nonce, same port, same control URL.
    std::optional<Mapping> renew;
};

/// Why nothing was opened: \a who, such as "NAT-PMP", lets in everybody or nobody.
[[nodiscard]] inline Error cannot_restrict(const std::string& who) {
    return {Errc::Unsupported, who + " cannot restrict who may use the port, so it was not opened: "
                                     "try another protocol, or open it to everybody"};
}

/// Who answered a probe.
struct Service {
    IpAddress external;  ///< Unspecified: not said yet.
    std::string product; ///< For people: "MiniUPnPd 2.3.1", or empty.
};

/// One mapping protocol spoken with one gateway. Belongs to the loop's thread.
///
/// Handlers are called once per call, never before the call returns, and never after destruction.
/// Destroying a mapper whose map() is under way does not leak: what may have been granted is
/// removed in the background, within kUndoLimit.
class Mapper {
public:
    virtual ~Mapper() = default;

    [[nodiscard]] virtual Strategy strategy() const = 0;
    /// Asks, without changing anything, whether the gateway speaks this protocol.
    /// \retval Errc::Timeout      nobody answered before \a deadline
    /// \retval Errc::NotFound     somebody said that there is no such service (ICMP, wrong version)
    /// \retval Errc::Refused      it is there and switched off
    virtual void probe(TimePoint deadline, std::function<void(Result<Service>)> handler) = 0;
    /// Makes or renews a mapping. Probes first, if the protocol cannot do without and nobody has.
    /// \retval Errc::Conflict  the port, and every other that was tried, belongs to somebody else
    virtual void map(const MappingRequest& request, TimePoint deadline,
                     std::function<void(Result<Mapping>)> handler) = 0;
    /// Finds out whether the mapping of \a request.renew still stands and where it leads from
    /// outside, without changing anything if the protocol can do that. Else this renews it, which
    /// shows in granted_at.
    /// \retval Errc::NotFound  the gateway has it no more (IGD)
    /// \retval Errc::Conflict  the port leads to somebody else now (IGD)
    virtual void check(const MappingRequest& request, TimePoint deadline,
                       std::function<void(Result<Mapping>)> handler) {
        map(request, deadline, std::move(handler));
    }
    /// Deletes. A mapping that does not exist is a success only where the protocol cannot tell.
    virtual void unmap(const Mapping& mapping, TimePoint deadline,
                       std::function<void(Result<void>)> handler) = 0;
    /// What is left of the mapping that the last unmap() could not delete, where the gateway at
    /// least cut its lifetime.
    [[nodiscard]] virtual std::optional<Mapping> remainder() const { return std::nullopt; }
    /// All that the gateway has. Errc::Unsupported where the protocol has no such question.
    virtual void list(TimePoint deadline,
                      std::function<void(Result<std::vector<ListedMapping>>)> handler) = 0;
    virtual void external_address(TimePoint deadline,
                                  std::function<void(Result<IpAddress>)> handler) = 0;
};

/// How long a mapper may go on in the background to take back what it asked for.
inline constexpr Duration kUndoLimit{2000};

/// Opens one mapper. Null when this build lacks the strategy.
[[nodiscard]] std::unique_ptr<Mapper> make_mapper(Strategy strategy, const Loop& loop,
                                                  const Path& path);

} // namespace natterjack
