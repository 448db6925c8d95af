// SPDX-License-Identifier: MIT
#include "tests/support/fake_5351.hpp"

#include <algorithm>

#include <net/if.h>

#include <gtest/gtest.h>

namespace natterjack::test {

namespace {

/// 65 after the gateway's: 192.168.77.66.
IpAddress other_address(const Place& place) {
    return IpAddress::v4(place.address.to_v4() + 65);
}
constexpr Lifetime kUpBefore(4242); // when the test begins
constexpr IpAddress kAllHosts = IpAddress::v4(0xE0000001);

std::unique_ptr<net::UdpSocket> open_socket(const Loop& loop, const Place& place,
                                            const Endpoint& where) {
    auto socket = net::UdpSocket::open(
        loop, {.bind = where, .interface = if_nametoindex(place.link.c_str())});
    if (!socket) {
        ADD_FAILURE() << socket.error().message;
        return nullptr;
    }
    return *std::move(socket);
}

} // namespace

Fake5351::Fake5351(const Loop& loop, const Place& place)
    : loop_(loop), started_(net::now() - kUpBefore), place_(place) {
    const InNetwork inside(*place_.network);
    server_ = open_socket(loop, place_, {place_.address, pcp::kServerPort});
    other_port_ = open_socket(loop, place_, {place_.address, 0});
    if (place_.address.is_v4()) {
        ip("address add " + other_address(place_).to_string() + "/24 dev " + place_.link);
        other_address_ = open_socket(loop, place_, {other_address(place_), pcp::kServerPort});
    }
    server_->on_datagram([this](const Endpoint& from, ByteView payload) { handle(from, payload); });
}

Fake5351::~Fake5351() {
    if (!other_address_) return;
    const InNetwork inside(*place_.network);
    ip("address delete " + other_address(place_).to_string() + "/24 dev " + place_.link);
}

Lifetime Fake5351::epoch() const {
    return std::chrono::duration_cast<Lifetime>(net::now() - started_);
}

void Fake5351::reboot() {
    mappings_.clear();
    started_ = net::now();
}

void Fake5351::announce(Source from) {
    const Endpoint everybody{kAllHosts, pcp::kMulticastPort};
    auto& socket = from == Source::Server      ? server_
                   : from == Source::OtherPort ? other_port_
                                               : other_address_;
    if (behaviour.pcp) {
        EXPECT_TRUE(socket->send(everybody, pcp::encode(pcp::Response{.epoch = epoch()})));
    }
    if (behaviour.natpmp) {
        EXPECT_TRUE(
            socket->send(everybody, encode(natpmp::AddressResponse{natpmp::ResultCode::Success,
                                                                   epoch(), behaviour.external})));
    }
}

std::size_t Fake5351::count(std::uint8_t version) const {
    const auto of_version = [version](const Seen& seen) {
        return !seen.payload.empty() && seen.payload.front() == version;
    };
    return static_cast<std::size_t>(std::count_if(requests_.begin(), requests_.end(), of_version));
}

std::optional<pcp::Request> Fake5351::last_pcp() const {
    std::optional<pcp::Request> last;
    for (const Seen& seen : requests_) {
        if (auto request = pcp::decode_request(seen.payload)) last = *std::move(request);
    }
    return last;
}

std::optional<natpmp::MapRequest> Fake5351::last_natpmp_map() const {
    std::optional<natpmp::MapRequest> last;
    for (const Seen& seen : requests_) {
        if (const auto request = natpmp::decode_map_request(seen.payload)) last = *request;
    }
    return last;
}

const Fake5351::Entry* Fake5351::find(const Key& key) const {
    for (const Entry& entry : mappings_) {
        if (entry.key == key) return &entry;
    }
    return nullptr;
}

void Fake5351::put(const Entry& entry) {
    std::erase_if(mappings_, [&](const Entry& old) { return old.key == entry.key; });
    mappings_.push_back(entry);
}

void Fake5351::handle(const Endpoint& from, ByteView payload) {
    const Bytes request(payload.begin(), payload.end());
    requests_.push_back({from, request});
    if (behaviour.lose_first > 0) {
        --behaviour.lose_first;
        return;
    }
    const bool version_2 = !request.empty() && request.front() == pcp::kVersion;
    const auto answer = version_2 ? answer_pcp(from, request) : answer_natpmp(from, request);
    if (!answer) return;
    if (behaviour.lose_answers > 0) {
        --behaviour.lose_answers;
        return;
    }
    const auto replies = behaviour.spoil ? behaviour.spoil(request, *answer)
                                         : std::vector<Reply>{{*answer, Source::Server}};
    if (behaviour.delay == Duration(0)) {
        for (const Reply& reply : replies) send(from, reply);
        return;
    }
    delayed_.emplace_back(loop_);
    delayed_.back().start_after(behaviour.delay, [this, from, replies] {
        for (const Reply& reply : replies) send(from, reply);
    });
}

void Fake5351::send(const Endpoint& to, const Reply& reply) {
    auto& socket = reply.from == Source::Server      ? server_
                   : reply.from == Source::OtherPort ? other_port_
                                                     : other_address_;
    static_cast<void>(socket->send(to, reply.payload)); // the asker may be gone by now
}

std::optional<Fake5351::Bytes> Fake5351::answer_pcp(const Endpoint& from, const Bytes& request) {
    if (!behaviour.pcp) {
        if (behaviour.drops_other_version) return std::nullopt;
        return encode(natpmp::ErrorResponse{0, natpmp::ResultCode::UnsupportedVersion, epoch()});
    }
    const auto asked = pcp::decode_request(request);
    if (!asked) return std::nullopt;
    pcp::Response response{.result = pcp::ResultCode::Success,
                           .lifetime = asked->lifetime,
                           .epoch = epoch(),
                           .body = asked->body,
                           .options = {}};
    if (asked->client != from.address) {
        response.result = pcp::ResultCode::AddressMismatch;
    } else if (pcp::flow_of(asked->body) != nullptr) {
        response.result = grant(*asked, response);
    } else {
        response.result = behaviour.announce_result;
    }
    return pcp::encode(response);
}

pcp::ResultCode Fake5351::grant(const pcp::Request& request, pcp::Response& response) {
    const auto& options = request.options;
    if (behaviour.map_result != pcp::ResultCode::Success) return behaviour.map_result;
    if (options.third_party && !behaviour.knows_third_party) return pcp::ResultCode::UnsuppOption;
    if (options.prefer_failure && !behaviour.knows_prefer_failure) {
        return pcp::ResultCode::UnsuppOption;
    }
    auto* peer = std::get_if<pcp::Peer>(&response.body);
    if (peer && !behaviour.knows_peer) return pcp::ResultCode::UnsuppOpcode;
    auto& map = peer ? peer->flow : std::get<pcp::Map>(response.body);
    const Key key{options.third_party.value_or(request.client), map.protocol, map.internal_port,
                  peer ? Endpoint{peer->remote, peer->remote_port} : Endpoint{}};
    std::vector<pcp::Filter> filters;
    const auto filtered = filter(request, key, response, filters);
    if (filtered != pcp::ResultCode::Success) return filtered;
    const Entry* known = find(key);
    if (known && known->nonce != map.nonce) {
        return pcp::ResultCode::NotAuthorized; // RFC 6887 section 11.3
    }
    if (request.lifetime.count() == 0) {
        if (peer && !behaviour.ends_flows) return pcp::ResultCode::NotAuthorized;
        std::erase_if(mappings_, [&](const Entry& entry) { return entry.key == key; });
        return pcp::ResultCode::Success;
    }
    const auto wanted = map.external_port;
    // IPv6 has no NAT: the port outside is the port inside.
    const bool pinhole = !request.client.is_v4();
    const auto port = pinhole ? map.internal_port
                      : known ? known->external_port
                              : free_port(key, wanted);
    if (options.prefer_failure && port != wanted && !behaviour.ignores_prefer_failure) {
        return pcp::ResultCode::CannotProvideExternal;
    }
    response.lifetime = behaviour.lifetime.value_or(request.lifetime);
    map.external_port = port;
    map.external = pinhole ? request.client : behaviour.external;
    put({key, port, response.lifetime, map.nonce, filters});
    return pcp::ResultCode::Success;
}

// RFC 6887 section 13.3: what is asked for is added to what there is; prefix length 0 clears it.
pcp::ResultCode Fake5351::filter(const pcp::Request& request, const Key& key,
                                 pcp::Response& response, std::vector<pcp::Filter>& filters) const {
    const auto& asked = request.options.filters;
    if (const Entry* known = find(key)) filters = known->filters;
    if (asked.empty()) return pcp::ResultCode::Success;
    const bool deletes = request.lifetime.count() == 0;
    switch (behaviour.filtering) {
    case Filtering::Unknown: return pcp::ResultCode::UnsuppOption;
    case Filtering::Ignored: response.options.filters = asked; return pcp::ResultCode::Success;
    case Filtering::Promised:
        return deletes ? pcp::ResultCode::MalformedOption : pcp::ResultCode::Success;
    case Filtering::Works: break;
    }
    if (deletes) return pcp::ResultCode::MalformedOption;
    for (const pcp::Filter& one : asked) {
        if (one.prefix_length == 0) {
            filters.clear();
        } else {
            filters.push_back(one);
        }
    }
    response.options.filters = asked;
    return pcp::ResultCode::Success;
}

std::optional<Fake5351::Bytes> Fake5351::answer_natpmp(const Endpoint& from, const Bytes& request) {
    if (!behaviour.natpmp) {
        if (behaviour.drops_other_version || request.size() < 2) return std::nullopt;
        return Bytes{pcp::kVersion,
                     static_cast<std::uint8_t>(request[1] | natpmp::kResponseBit),
                     0,
                     1,
                     0,
                     0,
                     0,
                     0,
                     0,
                     0,
                     0,
                     1}; // UNSUPP_VERSION
    }
    const auto refusal = [this](natpmp::Opcode opcode, natpmp::ResultCode result) {
        return encode(natpmp::ErrorResponse{static_cast<std::uint8_t>(opcode), result, epoch()});
    };
    if (natpmp::decode_address_request(request)) {
        const auto result = behaviour.natpmp_address_result;
        const bool brief = result != natpmp::ResultCode::Success && behaviour.natpmp_short_errors;
        if (brief) return refusal(natpmp::Opcode::Address, result);
        return encode(natpmp::AddressResponse{result, epoch(), behaviour.external});
    }
    const auto asked = natpmp::decode_map_request(request);
    if (!asked) return std::nullopt;
    const auto opcode = natpmp::map_opcode(asked->transport);
    natpmp::MapResponse response{.transport = asked->transport,
                                 .result = behaviour.natpmp_map_result,
                                 .epoch = epoch(),
                                 .internal_port = asked->internal_port,
                                 .external_port = 0,
                                 .lifetime = Lifetime(0)};
    const bool deletes = asked->lifetime.count() == 0;
    if (behaviour.refuses_no_suggestion && asked->suggested_external_port == 0 && !deletes) {
        response.result = natpmp::ResultCode::OutOfResources;
    }
    if (response.result != natpmp::ResultCode::Success) {
        return behaviour.natpmp_short_errors ? refusal(opcode, response.result) : encode(response);
    }
    const Key key{from.address, pcp::protocol_of(asked->transport), asked->internal_port};
    if (asked->lifetime.count() == 0) {
        // RFC 6886 section 3.4: internal port 0 means all that this host has.
        std::erase_if(mappings_, [&](const Entry& entry) {
            return entry.key.host == key.host && (key.internal_port == 0 || entry.key == key);
        });
        return encode(response);
    }
    const Entry* known = find(key);
    response.external_port =
        known ? known->external_port : free_port(key, asked->suggested_external_port);
    response.lifetime = behaviour.lifetime.value_or(asked->lifetime);
    put({key, response.external_port, response.lifetime, {}});
    return encode(response);
}

bool Fake5351::is_free(const Key& key, std::uint16_t port) const {
    if (port == 0 || behaviour.taken.contains(port)) return false;
    return std::none_of(mappings_.begin(), mappings_.end(), [&](const Entry& entry) {
        return entry.key.protocol == key.protocol && entry.external_port == port;
    });
}

std::uint16_t Fake5351::free_port(const Key& key, std::uint16_t wanted) const {
    auto port = wanted != 0 ? wanted : key.internal_port;
    while (!is_free(key, port)) ++port;
    return port;
}

} // namespace natterjack::test
