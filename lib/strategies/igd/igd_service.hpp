// SPDX-License-Identifier: MIT
/// \file
/// \brief One WAN service of one gateway: its SOAP actions as functions.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <natterjack/remote_peers.hpp>

#include "net/http_client.hpp"
#include "strategies/igd/upnp_parse.hpp"

namespace natterjack::igd {

/// What AddPortMapping and AddAnyPortMapping take. The entry is always enabled.
struct NewMapping {
    Transport transport = Transport::Udp;
    std::uint16_t external_port = 0; ///< Never 0: that would open every port.
    Endpoint internal;
    std::string description;
    Lifetime lease{0};         ///< 0: until it is deleted.
    std::string remote_host{}; ///< Who may use it; empty: anyone.
};

/// UPnP's remote host for \a only_from: "" for anyone. Empty where it cannot say it: it knows one
/// whole host.
[[nodiscard]] std::optional<std::string> remote_host_of(const std::vector<RemotePeers>& only_from);

/// The actions of WANIPConnection and WANPPPConnection, versions 1 and 2. A value: copies are the
/// same service. Belongs to the loop's thread. Handlers are called once; not at all once the HTTP
/// client, which is borrowed, is gone.
///
/// An answer counts only if it is a UPnP error, or comes with status 200 and is the response to the
/// very action. Errors besides those of net::HttpClient:
/// \retval Errc::Mismatch   another HTTP status without a UPnP error (detail: the status)
/// \retval Errc::Malformed, Errc::Truncated, Errc::TooLarge  as parse_reply()
class IgdService {
public:
    using Answer = std::variant<Reply, soap::Fault>;
    template<class T>
    using Handler = std::function<void(Result<T>)>;

    IgdService(const std::shared_ptr<net::HttpClient>& http, WanService service, IpAddress host)
        : http_(http), service_(std::move(service)), host_(host) {}

    [[nodiscard]] const WanService& service() const { return service_; }
    /// The gateway's address on our network.
    [[nodiscard]] const IpAddress& host() const { return host_; }

    /// Another call follows the ones made: connects meanwhile, which saves it a round trip.
    void prepare() const;
    void add(const NewMapping& mapping, TimePoint deadline, Handler<Answer> handler) const;
    /// WANIPConnection:2. The answer holds NewReservedPort.
    void add_any(const NewMapping& mapping, TimePoint deadline, Handler<Answer> handler) const;
    void remove(const EntryKey& key, TimePoint deadline, Handler<Answer> handler) const;
    /// The answer's NewExternalIPAddress, as it was sent.
    void external_address(TimePoint deadline, const Handler<std::string>& handler) const;
    /// True when it says that it is connected.
    void is_connected(TimePoint deadline, const Handler<bool>& handler) const;
    /// The entry of that port, or nothing. Looks through the whole table where the gateway does not
    /// answer the direct question.
    void find_entry(const EntryKey& key, TimePoint deadline,
                    const Handler<std::optional<PortEntry>>& handler) const;
    /// By index, from 0. A fault: there is none of that number. Errc::NotFound: a place holder.
    void entry_at(std::size_t index, TimePoint deadline,
                  const Handler<std::variant<PortEntry, soap::Fault>>& handler) const;
    /// WANIPConnection:2. Up to \a limit entries with external ports from \a first to \a last.
    void entries_between(Transport transport, std::uint16_t first, std::uint16_t last,
                         std::size_t limit, TimePoint deadline, Handler<Answer> handler) const;

    // WANIPv6FirewallControl:1.

    /// True where the router has a firewall and lets us open it; the error says which it lacks.
    /// \retval Errc::Refused, Errc::NotFound
    void firewall_status(TimePoint deadline, const Handler<bool>& handler) const;
    /// For \a remote, or anybody outside. The answer holds UniqueID. \a lease is 1 to 86400 s.
    void add_pinhole(Transport transport, const Endpoint& internal,
                     const std::optional<RemotePeers>& remote, Lifetime lease, TimePoint deadline,
                     Handler<Answer> handler) const;
    void update_pinhole(std::uint16_t id, Lifetime lease, TimePoint deadline,
                        Handler<Answer> handler) const;
    void delete_pinhole(std::uint16_t id, TimePoint deadline, Handler<Answer> handler) const;
    /// How many packets came through. The answer holds PinholePackets.
    void count_packets(std::uint16_t id, TimePoint deadline, Handler<Answer> handler) const;
    /// Whether anything came through, where the router counts that. The answer holds IsWorking.
    void check_pinhole(std::uint16_t id, TimePoint deadline, Handler<Answer> handler) const;

private:
    void call(const std::string& action, soap::Arguments arguments, TimePoint deadline,
              Handler<Answer> handler) const;

    std::weak_ptr<net::HttpClient> http_;
    WanService service_;
    IpAddress host_;
};

/// Reads a gateway's whole table by index, a few questions at a time, until \a done says that it
/// has seen enough, the table ends, or kMaxEntries were read.
void walk_entries(const IgdService& service, TimePoint deadline,
                  std::function<bool(const PortEntry&)> done,
                  IgdService::Handler<std::vector<PortEntry>> handler);

/// "UDP" or "TCP": some routers know capitals only.
[[nodiscard]] std::string protocol_name(Transport transport);

} // namespace natterjack::igd
