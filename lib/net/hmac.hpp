// SPDX-License-Identifier: MIT
/// \file
/// \brief HMAC-SHA1 (GnuTLS), which STUN signs with.
#pragma once

#include <array>

#include "base/bytes.hpp"

namespace natterjack::net {

/// RFC 2104 with SHA-1. Aborts the process when the system's cryptography refuses (as where a
/// policy forbids SHA-1): nothing could be authenticated.
[[nodiscard]] std::array<std::uint8_t, 20> hmac_sha1(ByteView key, ByteView bytes);

} // namespace natterjack::net
