// SPDX-License-Identifier: MIT
#include "wire/natpmp.hpp"

namespace natterjack::natpmp {

namespace {

constexpr std::uint8_t kVersion = 0;        // RFC 6886 section 3.1
constexpr std::uint8_t kResponseBit = 0x80; // RFC 6886 section 3.2
constexpr std::uint8_t kMapUdp = 1;         // RFC 6886 section 3.3
constexpr std::uint8_t kMapTcp = 2;         // RFC 6886 section 3.3

std::uint8_t opcode_of(Transport transport) {
    return transport == Transport::Udp ? kMapUdp : kMapTcp;
}

} // namespace

std::vector<std::uint8_t> encode(const MapRequest& request) {
    ByteWriter out;
    out.write(kVersion)
        .write(opcode_of(request.transport))
        .write_zeros(2) // reserved
        .write(request.internal_port)
        .write(request.suggested_external_port)
        .write(request.lifetime.count());
    return std::move(out).take();
}

std::vector<std::uint8_t> encode(const MapResponse& response) {
    ByteWriter out;
    out.write(kVersion)
        .write(static_cast<std::uint8_t>(opcode_of(response.transport) | kResponseBit))
        .write(response.result)
        .write(response.epoch.count())
        .write(response.internal_port)
        .write(response.external_port)
        .write(response.lifetime.count());
    return std::move(out).take();
}

Result<MapRequest> decode_map_request(ByteView datagram) {
    ByteReader in(datagram);
    const auto version = in.read<std::uint8_t>();
    const auto opcode = in.read<std::uint8_t>();
    in.skip(2); // reserved
    MapRequest request;
    request.internal_port = in.read<std::uint16_t>();
    request.suggested_external_port = in.read<std::uint16_t>();
    request.lifetime = Lifetime(in.read<std::uint32_t>());
    if (!in.ok()) return Error{Errc::Truncated, "NAT-PMP map request"};
    if (version != kVersion) return Error{Errc::Malformed, "NAT-PMP version", version};
    if (opcode != kMapUdp && opcode != kMapTcp)
        return Error{Errc::Malformed, "NAT-PMP map opcode", opcode};
    request.transport = opcode == kMapUdp ? Transport::Udp : Transport::Tcp;
    return request;
}

Result<MapResponse> decode_map_response(ByteView datagram) {
    ByteReader in(datagram);
    const auto version = in.read<std::uint8_t>();
    const auto opcode = in.read<std::uint8_t>();
    MapResponse response;
    response.result = in.read<std::uint16_t>();
    response.epoch = Lifetime(in.read<std::uint32_t>());
    response.internal_port = in.read<std::uint16_t>();
    response.external_port = in.read<std::uint16_t>();
    response.lifetime = Lifetime(in.read<std::uint32_t>());
    if (!in.ok()) return Error{Errc::Truncated, "NAT-PMP map response"};
    if (version != kVersion) return Error{Errc::Malformed, "NAT-PMP version", version};
    if (opcode != (kMapUdp | kResponseBit) && opcode != (kMapTcp | kResponseBit)) {
        return Error{Errc::Malformed, "NAT-PMP map opcode", opcode};
    }
    response.transport = opcode == (kMapUdp | kResponseBit) ? Transport::Udp : Transport::Tcp;
    return response;
}

} // namespace natterjack::natpmp
