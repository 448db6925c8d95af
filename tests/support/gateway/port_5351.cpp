// SPDX-License-Identifier: MIT
#include "tests/support/gateway/port_5351.hpp"

#include <algorithm>

#include "net/loop.hpp"

namespace natterjack::gateway {

namespace {

constexpr Lifetime kMaxLifetime(86400);
constexpr Duration kAddressCheck = std::chrono::milliseconds(500);
/// 224.0.0.1, all hosts of the LAN.
constexpr IpAddress kAllHosts = IpAddress::v4(0xE0000001);

std::optional<Transport> transport_of(std::uint8_t protocol) {
    for (const auto transport : {Transport::Udp, Transport::Tcp}) {
        if (pcp::protocol_of(transport) == protocol) return transport;
    }
    return std::nullopt;
}

constexpr std::uint8_t kMappedPrefix = 96; // IPv4 in the 128-bit form
constexpr std::uint8_t kWholeAddress = 128;

/// Changes \a filters as the options of \a request say (RFC 6887 section 13.3).
pcp::ResultCode apply(const pcp::Request& request, std::vector<pcp::Filter>& filters) {
    for (const auto& filter : request.options.filters) {
        if (request.lifetime.count() == 0) return pcp::ResultCode::MalformedOption;
        if (filter.prefix_length == 0) {
            filters.clear();
        } else if (filter.prefix_length <= kMappedPrefix || !filter.remote.is_v4()) {
            return pcp::ResultCode::MalformedOption;
        } else {
            filters.push_back(filter);
        }
    }
    return pcp::ResultCode::Success;
}

} // namespace

Result<std::unique_ptr<Port5351>> Port5351::open(Gateway& gateway, unsigned lan_index) {
    std::unique_ptr<Port5351> server(new Port5351(gateway));
    auto socket = net::UdpSocket::open(
        gateway.loop(),
        {.bind = {gateway.settings().address, pcp::kServerPort}, .interface = lan_index});
    if (!socket) return socket.error();
    server->socket_ = *std::move(socket);
    server->socket_->on_datagram([self = server.get()](const Endpoint& from, ByteView request) {
        const auto answer = self->answer(from, request);
        if (answer) static_cast<void>(self->socket_->send(from, *answer)); // it may be gone by now
    });
    server->watch_address();
    return server;
}

void Port5351::watch_address() {
    const auto external = gateway_.external();
    if (external != announced_) {
        announced_ = external;
        announce();
    }
    timer_.start_after(kAddressCheck, [this] { watch_address(); });
}

void Port5351::announce() {
    const Endpoint hosts{kAllHosts, pcp::kMulticastPort};
    if (gateway_.settings().pcp) {
        const pcp::Response announcement{.epoch = gateway_.epoch(), .body = pcp::Announce{}};
        static_cast<void>(socket_->send(hosts, pcp::encode(announcement))); // nobody may listen
    }
    if (gateway_.settings().natpmp) {
        const natpmp::AddressResponse address{natpmp::ResultCode::Success, gateway_.epoch(),
                                              announced_};
        static_cast<void>(socket_->send(hosts, natpmp::encode(address)));
    }
}

std::optional<Port5351::Bytes> Port5351::answer(const Endpoint& from, ByteView request) {
    if (request.size() < 2 || (request[1] & natpmp::kResponseBit) != 0) return std::nullopt;
    const auto& settings = gateway_.settings();
    if (request[0] == natpmp::kVersion && settings.natpmp) return answer_natpmp(from, request);
    if (request[0] != natpmp::kVersion && settings.pcp) return answer_pcp(from, request);
    if (settings.natpmp) {
        return encode(
            natpmp::ErrorResponse{0, natpmp::ResultCode::UnsupportedVersion, gateway_.epoch()});
    }
    return pcp::encode(pcp::Response{.result = pcp::ResultCode::UnsuppVersion,
                                     .epoch = gateway_.epoch(),
                                     .body = pcp::Announce{}});
}

std::optional<Port5351::Bytes> Port5351::answer_pcp(const Endpoint& from, ByteView request) {
    const auto asked = pcp::decode_request(request);
    pcp::Response response{.epoch = gateway_.epoch(), .body = pcp::Announce{}};
    if (!asked) {
        if (asked.error().code != Errc::Unsupported) return std::nullopt;
        const bool version = request[0] != pcp::kVersion;
        response.result = version ? pcp::ResultCode::UnsuppVersion : pcp::ResultCode::UnsuppOpcode;
        return pcp::encode(response);
    }
    response.body = asked->body;
    if (asked->client != from.address) {
        response.result = pcp::ResultCode::AddressMismatch;
    } else if (pcp::flow_of(asked->body) != nullptr) {
        response.result = map(*asked, response);
    }
    return pcp::encode(response);
}

// A host's port has one mapping here, of a MAP or of one PEER: a flow of a port that has a MAP's
// goes by that.
pcp::ResultCode Port5351::map(const pcp::Request& request, pcp::Response& response) {
    auto* peer = std::get_if<pcp::Peer>(&response.body);
    auto& map = peer ? peer->flow : std::get<pcp::Map>(response.body);
    const auto transport = transport_of(map.protocol);
    if (!transport || map.internal_port == 0) return pcp::ResultCode::UnsuppProtocol;
    if (request.options.third_party || (peer && !request.options.filters.empty())) {
        return pcp::ResultCode::UnsuppOption;
    }
    const Endpoint internal{request.client, map.internal_port};
    const auto* known = gateway_.table().of(*transport, internal);
    auto filters = known ? known->filters : std::vector<pcp::Filter>{};
    const auto filtered = apply(request, filters);
    if (filtered != pcp::ResultCode::Success) return filtered;
    response.options.filters = request.options.filters;
    if (peer) filters = {{kWholeAddress, peer->remote_port, peer->remote}};
    if (peer && known && !known->is_flow) {
        map.external = gateway_.external();
        map.external_port = known->external_port;
        response.lifetime = std::min(request.lifetime, kMaxLifetime);
        return pcp::ResultCode::Success;
    }
    if (known && known->nonce && known->nonce != map.nonce) {
        return pcp::ResultCode::NotAuthorized; // RFC 6887 section 11.3
    }
    map.external = gateway_.external();
    if (map.external.is_unspecified()) return pcp::ResultCode::NetworkFailure;
    if (request.lifetime.count() == 0) {
        if (!known) return pcp::ResultCode::Success;
        const auto port = known->external_port;
        const auto gone =
            gateway_.update([&](MappingTable& table) { return table.erase(*transport, port); });
        return gone ? pcp::ResultCode::Success : pcp::ResultCode::NetworkFailure;
    }
    const auto suggested = map.external_port;
    const bool taken = suggested != 0 && gateway_.table().at(*transport, suggested) != nullptr;
    if (request.options.prefer_failure && (known ? known->external_port != suggested : taken)) {
        return pcp::ResultCode::CannotProvideExternal;
    }
    response.lifetime = std::min(request.lifetime, kMaxLifetime);
    const auto port = gateway_.update([&](MappingTable& table) {
        return table.put_anywhere({*transport, suggested, internal, net::now() + response.lifetime,
                                   "PCP", map.nonce, filters, peer != nullptr});
    });
    if (!port) {
        return port.error().code == Errc::Refused ? pcp::ResultCode::NoResources
                                                  : pcp::ResultCode::NetworkFailure;
    }
    map.external_port = *port;
    return pcp::ResultCode::Success;
}

std::optional<Port5351::Bytes> Port5351::answer_natpmp(const Endpoint& from, ByteView request) {
    const auto external = gateway_.external();
    if (natpmp::decode_address_request(request)) {
        const auto result = external.is_unspecified() ? natpmp::ResultCode::NetworkFailure
                                                      : natpmp::ResultCode::Success;
        return encode(natpmp::AddressResponse{result, gateway_.epoch(), external});
    }
    const auto asked = natpmp::decode_map_request(request);
    if (asked) return encode(map(from.address, *asked));
    return encode(
        natpmp::ErrorResponse{request[1], natpmp::ResultCode::UnsupportedOpcode, gateway_.epoch()});
}

natpmp::MapResponse Port5351::map(const IpAddress& host, const natpmp::MapRequest& request) {
    natpmp::MapResponse response{.transport = request.transport,
                                 .result = natpmp::ResultCode::Success,
                                 .epoch = gateway_.epoch(),
                                 .internal_port = request.internal_port,
                                 .external_port = 0,
                                 .lifetime = Lifetime(0)};
    const Endpoint internal{host, request.internal_port};
    if (request.lifetime.count() == 0) {
        const auto gone = gateway_.update([&](MappingTable& table) -> Result<void> {
            // RFC 6886 section 3.4: internal port 0 means all that this host has.
            if (request.internal_port == 0) return table.erase_all(request.transport, host);
            const auto* known = table.of(request.transport, internal);
            if (known == nullptr) return {};
            return table.erase(request.transport, known->external_port);
        });
        if (!gone) response.result = natpmp::ResultCode::NetworkFailure;
        return response;
    }
    response.lifetime = std::min(request.lifetime, kMaxLifetime);
    const auto port = gateway_.update([&](MappingTable& table) {
        return table.put_anywhere({request.transport, request.suggested_external_port, internal,
                                   net::now() + response.lifetime, "NAT-PMP", std::nullopt});
    });
    if (port) {
        response.external_port = *port;
    } else {
        response.result = port.error().code == Errc::Refused ? natpmp::ResultCode::OutOfResources
                                                             : natpmp::ResultCode::NetworkFailure;
        response.lifetime = Lifetime(0);
    }
    return response;
}

} // namespace natterjack::gateway
