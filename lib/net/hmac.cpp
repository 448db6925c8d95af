// SPDX-License-Identifier: MIT
#include "net/hmac.hpp"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include <glib.h>

namespace natterjack::net {

std::array<std::uint8_t, 20> hmac_sha1(ByteView key, ByteView bytes) {
    std::array<std::uint8_t, 20> out{};
    const int result = gnutls_hmac_fast(GNUTLS_MAC_SHA1, key.data(), key.size(), bytes.data(),
                                        bytes.size(), out.data());
    if (result < 0) g_error("no HMAC-SHA1: %s", gnutls_strerror(result));
    return out;
}

std::array<std::uint8_t, 16> md5(ByteView bytes) {
    std::array<std::uint8_t, 16> out{};
    if (gnutls_hash_fast(GNUTLS_DIG_MD5, bytes.data(), bytes.size(), out.data()) < 0) out = {};
    return out;
}

} // namespace natterjack::net
