// SPDX-License-Identifier: MIT
#include "net/random.hpp"

#include <cassert>
#include <string_view>
#include <vector>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include <glib.h>

namespace natterjack::net {

void fill_random(std::span<std::uint8_t> out) {
    // GNUTLS_RND_RANDOM rather than _NONCE: what we draw must also be hard to guess, since nonces
    // and transaction ids are all that authenticates an answer.
    const int result = gnutls_rnd(GNUTLS_RND_RANDOM, out.data(), out.size());
    if (result < 0) g_error("the system gives no random bytes: %s", gnutls_strerror(result));
}

std::uint32_t random_between(std::uint32_t low, std::uint32_t high) {
    assert(low <= high);
    const std::uint64_t span = std::uint64_t{high} - low + 1;
    // Draws that would make some values likelier than others are thrown away.
    const std::uint64_t limit = (std::uint64_t{1} << 32U) / span * span;
    for (;;) {
        std::uint64_t draw = 0;
        for (const auto byte : random_bytes<4>()) draw = (draw << 8U) | byte;
        if (draw < limit) return static_cast<std::uint32_t>(low + draw % span);
    }
}

std::string random_text(std::size_t length) {
    constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    std::vector<std::uint8_t> bytes(length);
    fill_random(bytes);
    for (const auto byte : bytes) out += kAlphabet[byte % kAlphabet.size()];
    return out;
}

} // namespace natterjack::net
