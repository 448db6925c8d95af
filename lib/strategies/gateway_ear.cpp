// SPDX-License-Identifier: MIT
#include "strategies/gateway_ear.hpp"

#include <utility>
#include <variant>

#include "wire/natpmp.hpp"
#include "wire/pcp.hpp"

namespace natterjack {

namespace {

constexpr IpAddress kAllHosts = IpAddress::v4(0xE0000001); // 224.0.0.1
constexpr std::array<std::uint8_t, 16> kAllNodes = {0xff, 0x02, 0, 0, 0, 0, 0, 0,
                                                    0,    0,    0, 0, 0, 0, 0, 1}; // ff02::1

} // namespace

std::optional<Announcement> announcement_of(const IpAddress& gateway, const Endpoint& from,
                                            ByteView payload) {
    const bool is_gateway = from.address.mapped_bytes() == gateway.mapped_bytes();
    const bool may_be = !gateway.is_v4() && !from.address.is_v4() && from.address.is_link_local();
    if ((!is_gateway && !may_be) || from.port != pcp::kServerPort || payload.empty())
        return std::nullopt;
    if (payload.front() == natpmp::kVersion) {
        const auto notice = natpmp::decode_address_response(payload);
        if (!notice || notice->result != natpmp::ResultCode::Success) return std::nullopt;
        if (!is_gateway) return std::nullopt; // NAT-PMP is of IPv4
        return Announcement{EpochCheck::Rule::NatPmp, notice->epoch, notice->external, false};
    }
    const auto notice = pcp::decode_response(payload);
    const bool announces = notice && notice->result == pcp::ResultCode::Success &&
                           std::holds_alternative<pcp::Announce>(notice->body);
    if (!announces) return std::nullopt;
    return Announcement{EpochCheck::Rule::Pcp, notice->epoch, std::nullopt, !is_gateway};
}

Result<std::unique_ptr<GatewayEar>> GatewayEar::open(const Loop& loop, const Path& path,
                                                     Handler handler) {
    const bool v4 = path.gateway.is_v4();
    auto socket = net::UdpSocket::open(
        loop, {.bind = {v4 ? IpAddress() : IpAddress::v6({}), pcp::kMulticastPort},
               .interface = path.interface,
               .reuse_address = true});
    if (!socket) return socket.error();
    const auto joined = (*socket)->join(v4 ? kAllHosts : IpAddress::v6(kAllNodes), path.interface);
    if (!joined) return joined.error();
    (*socket)->on_datagram([gateway = path.gateway,
                            handler = std::move(handler)](const Endpoint& from, ByteView payload) {
        if (const auto heard = announcement_of(gateway, from, payload)) handler(*heard);
    });
    return std::unique_ptr<GatewayEar>(new GatewayEar(*std::move(socket)));
}

} // namespace natterjack
