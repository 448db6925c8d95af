// SPDX-License-Identifier: MIT
#include "wire/natpmp.hpp"

#include <string>

namespace natterjack::natpmp {

namespace {

std::uint8_t code_of(Opcode opcode) {
    return static_cast<std::uint8_t>(opcode);
}

std::uint8_t response_code_of(Opcode opcode) {
    return static_cast<std::uint8_t>(code_of(opcode) | kResponseBit);
}

std::uint16_t code_of(ResultCode result) {
    return static_cast<std::uint16_t>(result);
}

Error wrong_version(std::uint8_t version) {
    return Error{Errc::Malformed, "NAT-PMP version", version};
}

Error wrong_opcode(std::uint8_t opcode) {
    return Error{Errc::Malformed, "NAT-PMP opcode", opcode};
}

std::string_view words_of(ResultCode code) {
    switch (code) {
    case ResultCode::Success: break;
    case ResultCode::UnsupportedVersion: return "the gateway does not speak NAT-PMP";
    case ResultCode::NotAuthorized:
        return "the gateway speaks NAT-PMP but does not allow this host to open the port: allow "
               "NAT-PMP (port mapping) in the gateway's settings, or ask for another port";
    case ResultCode::NetworkFailure:
        return "the gateway has no public address to map from: check its uplink, or see whether it "
               "stands behind another NAT";
    case ResultCode::OutOfResources:
        return "the gateway has no room for another mapping: remove unused ones";
    case ResultCode::UnsupportedOpcode:
        return "the gateway speaks NAT-PMP but cannot do what was asked: try another protocol";
    }
    return "the gateway refused with a NAT-PMP result code that no standard defines";
}

} // namespace

Opcode map_opcode(Transport transport) noexcept {
    return transport == Transport::Udp ? Opcode::MapUdp : Opcode::MapTcp;
}

Error to_error(ResultCode code) {
    const auto number = static_cast<int>(code);
    Errc errc = Errc::Refused;
    if (code == ResultCode::UnsupportedVersion) errc = Errc::NotFound;
    if (code == ResultCode::UnsupportedOpcode) errc = Errc::Unsupported;
    return Error{errc,
                 std::string(words_of(code)) + " (NAT-PMP result " + std::to_string(number) + ")",
                 number};
}

std::vector<std::uint8_t> encode(const AddressRequest& /*request*/) {
    ByteWriter out;
    out.write(kVersion).write(code_of(Opcode::Address));
    return std::move(out).take();
}

std::vector<std::uint8_t> encode(const AddressResponse& response) {
    ByteWriter out;
    out.write(kVersion)
        .write(response_code_of(Opcode::Address))
        .write(code_of(response.result))
        .write(response.epoch.count())
        .write(response.external.to_v4());
    return std::move(out).take();
}

std::vector<std::uint8_t> encode(const MapRequest& request) {
    ByteWriter out;
    out.write(kVersion)
        .write(code_of(map_opcode(request.transport)))
        .write_zeros(2) // reserved
        .write(request.internal_port)
        .write(request.suggested_external_port)
        .write(request.lifetime.count());
    return std::move(out).take();
}

std::vector<std::uint8_t> encode(const MapResponse& response) {
    ByteWriter out;
    out.write(kVersion)
        .write(response_code_of(map_opcode(response.transport)))
        .write(code_of(response.result))
        .write(response.epoch.count())
        .write(response.internal_port)
        .write(response.external_port)
        .write(response.lifetime.count());
    return std::move(out).take();
}

std::vector<std::uint8_t> encode(const ErrorResponse& response) {
    const bool bare = response.result == ResultCode::UnsupportedVersion && response.opcode == 0;
    ByteWriter out;
    out.write(kVersion)
        .write(static_cast<std::uint8_t>(bare ? 0 : response.opcode | kResponseBit))
        .write(code_of(response.result))
        .write(response.epoch.count());
    return std::move(out).take();
}

Result<AddressRequest> decode_address_request(ByteView datagram) {
    ByteReader in(datagram);
    const auto version = in.read<std::uint8_t>();
    const auto opcode = in.read<std::uint8_t>();
    if (!in.ok()) return Error{Errc::Truncated, "NAT-PMP address request"};
    if (version != kVersion) return wrong_version(version);
    if (opcode != code_of(Opcode::Address)) return wrong_opcode(opcode);
    return AddressRequest{};
}

Result<AddressResponse> decode_address_response(ByteView datagram) {
    ByteReader in(datagram);
    const auto version = in.read<std::uint8_t>();
    const auto opcode = in.read<std::uint8_t>();
    AddressResponse response;
    response.result = static_cast<ResultCode>(in.read<std::uint16_t>());
    response.epoch = Lifetime(in.read<std::uint32_t>());
    response.external = IpAddress::v4(in.read<std::uint32_t>());
    if (!in.ok()) return Error{Errc::Truncated, "NAT-PMP address response"};
    if (version != kVersion) return wrong_version(version);
    if (opcode != response_code_of(Opcode::Address)) return wrong_opcode(opcode);
    return response;
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
    if (version != kVersion) return wrong_version(version);
    if (opcode != code_of(Opcode::MapUdp) && opcode != code_of(Opcode::MapTcp)) {
        return wrong_opcode(opcode);
    }
    request.transport = opcode == code_of(Opcode::MapUdp) ? Transport::Udp : Transport::Tcp;
    return request;
}

Result<MapResponse> decode_map_response(ByteView datagram) {
    ByteReader in(datagram);
    const auto version = in.read<std::uint8_t>();
    const auto opcode = in.read<std::uint8_t>();
    MapResponse response;
    response.result = static_cast<ResultCode>(in.read<std::uint16_t>());
    response.epoch = Lifetime(in.read<std::uint32_t>());
    response.internal_port = in.read<std::uint16_t>();
    response.external_port = in.read<std::uint16_t>();
    response.lifetime = Lifetime(in.read<std::uint32_t>());
    if (!in.ok()) return Error{Errc::Truncated, "NAT-PMP map response"};
    if (version != kVersion) return wrong_version(version);
    if (opcode != response_code_of(Opcode::MapUdp) && opcode != response_code_of(Opcode::MapTcp)) {
        return wrong_opcode(opcode);
    }
    const bool udp = opcode == response_code_of(Opcode::MapUdp);
    response.transport = udp ? Transport::Udp : Transport::Tcp;
    return response;
}

Result<ErrorResponse> decode_error_response(ByteView datagram) {
    ByteReader in(datagram);
    const auto version = in.read<std::uint8_t>();
    const auto opcode = in.read<std::uint8_t>();
    ErrorResponse response;
    response.opcode = static_cast<std::uint8_t>(opcode & ~unsigned{kResponseBit});
    response.result = static_cast<ResultCode>(in.read<std::uint16_t>());
    response.epoch = Lifetime(in.read<std::uint32_t>());
    if (!in.ok()) return Error{Errc::Truncated, "NAT-PMP error response"};
    if (version != kVersion) return wrong_version(version);
    if (response.result == ResultCode::Success) {
        return Error{Errc::Malformed, "NAT-PMP success where a refusal was expected"};
    }
    const bool bare = opcode == 0 && response.result == ResultCode::UnsupportedVersion;
    if ((opcode & kResponseBit) == 0 && !bare) return wrong_opcode(opcode);
    return response;
}

} // namespace natterjack::natpmp
