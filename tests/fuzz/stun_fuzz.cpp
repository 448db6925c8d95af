// SPDX-License-Identifier: MIT
#include <cstdlib>

#include "wire/stun.hpp"

using namespace natterjack;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto message = stun::decode({data, size});
    if (!message) return 0;
    const auto again = stun::decode(stun::encode(*message));
    if (!again || !(*again == *message)) std::abort();
    (void)stun::error_code(*message);
    (void)stun::other_address(*message);
    (void)stun::response_origin(*message);
    (void)stun::change_request(*message);
    (void)stun::response_port(*message);
    (void)stun::unknown_attributes(*message);
    (void)stun::software(*message);
    (void)stun::has_integrity({data, size}, {}, [](ByteView, ByteView) {
        return std::array<std::uint8_t, stun::kSha1Size>{};
    });
    (void)stun::has_fingerprint({data, size});
    if (const auto mapped = stun::mapped_address(*message)) {
        stun::Message echo{.transaction = message->transaction};
        echo.add(stun::AttributeType::XorMappedAddress,
                 stun::xor_address(*mapped, message->transaction));
        if (*stun::mapped_address(echo) != *mapped) std::abort();
    }
    return 0;
}
