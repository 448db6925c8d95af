// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdlib>
#include <tuple>

#include "strategies/ice/ice_check.hpp"

// What comes as data and may be a check of the peer's, or its answer.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace natterjack;
    using namespace natterjack::ice;
    const ByteView bytes(data, size);
    const auto read = [](ByteView datagram) {
        return read_padded_check(datagram, "ours:theirs", "secret of ours", "secret of theirs");
    };
    // Nobody guesses a password; so what is read has to be one of ours, below.
    if (read(bytes)) std::abort();
    if (size >= stun::kHeaderSize) static_cast<void>(response_id(bytes.first(stun::kHeaderSize)));
    if (size < std::tuple_size_v<stun::TransactionId>) return 0;
    stun::TransactionId id{};
    std::copy_n(data, id.size(), id.begin());
    auto check = encode_padded(encode_check(id, {.username = "ours:theirs",
                                                 .password = "secret of ours",
                                                 .priority = 1,
                                                 .controlling = (data[0] & 1U) != 0,
                                                 .tie_breaker = 7}));
    const auto again = read(check);
    if (!again || !again->question || again->id != id) std::abort();
    for (const auto byte : bytes.subspan(id.size())) { // damaged, it is nothing
        check[byte % check.size()] ^= 1U;
    }
    static_cast<void>(read(check));
    return 0;
}
