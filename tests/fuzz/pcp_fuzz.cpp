// SPDX-License-Identifier: MIT
#include <cstdlib>

#include "wire/pcp.hpp"

using namespace natterjack;

namespace {

/// Whatever is accepted must survive a round trip, reserved fields and padding apart.
template<class Message>
void check_round_trip(const Result<Message>& message, Result<Message> (*decode)(ByteView)) {
    if (!message) return;
    const auto bytes = pcp::encode(*message);
    if (bytes.size() % 4 != 0 || bytes.size() > pcp::kMaxMessageSize) std::abort();
    const auto again = decode(bytes);
    if (!again || !(*again == *message)) std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView datagram(data, size);
    check_round_trip(pcp::decode_request(datagram), &pcp::decode_request);
    check_round_trip(pcp::decode_response(datagram), &pcp::decode_response);
    const auto version = pcp::decode_version_mismatch(datagram);
    if (version && (*version == pcp::kVersion || size < 8)) std::abort();
    return 0;
}
