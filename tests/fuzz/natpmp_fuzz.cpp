// SPDX-License-Identifier: MIT
#include <cstdlib>

#include "proto/natpmp_guard.hpp"

using namespace natterjack;

namespace {

/// Whatever is accepted must survive a round trip.
template<class Message>
void check_round_trip(const Result<Message>& message, Result<Message> (*decode)(ByteView)) {
    if (!message) return;
    const auto again = decode(natpmp::encode(*message));
    if (!again || !(*again == *message)) std::abort();
}

/// What the guard lets through must be whole: libnatpmp reads it without looking.
void check_guard(natpmp::Opcode opcode, std::size_t success_size, ByteView datagram) {
    const NatPmpQuestion question{{IpAddress::v4(0xC0A80101), natpmp::kServerPort}, opcode, 1234};
    if (judge(question, question.gateway, datagram, datagram.size()) != NatPmpVerdict::Accept) {
        return;
    }
    const bool refusal = natpmp::decode_error_response(datagram).has_value();
    if (datagram.size() < (refusal ? natpmp::kErrorSize : success_size)) std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView datagram(data, size);
    check_round_trip(natpmp::decode_address_request(datagram), &natpmp::decode_address_request);
    check_round_trip(natpmp::decode_address_response(datagram), &natpmp::decode_address_response);
    check_round_trip(natpmp::decode_map_request(datagram), &natpmp::decode_map_request);
    check_round_trip(natpmp::decode_map_response(datagram), &natpmp::decode_map_response);
    check_round_trip(natpmp::decode_error_response(datagram), &natpmp::decode_error_response);
    check_guard(natpmp::Opcode::Address, natpmp::kAddressResponseSize, datagram);
    check_guard(natpmp::Opcode::MapUdp, natpmp::kMapResponseSize, datagram);
    return 0;
}
