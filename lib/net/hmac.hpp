// SPDX-License-Identifier: MIT
/// \file
/// \brief HMAC-SHA1 and MD5 (GnuTLS), which STUN signs with.
#pragma once

#include <array>

#include "base/bytes.hpp"

namespace natterjack::net {

/// RFC 2104 with SHA-1. Aborts the process when the system's cryptography refuses (as where a
/// policy forbids SHA-1): nothing could be authenticated.
[[nodiscard]] std::array<std::uint8_t, 20> hmac_sha1(ByteView key, ByteView bytes);

/// RFC 1321: no protection of anything, but what STUN's long-term keys are made with (RFC 8489
/// section 9.2.2). Zeros where the system's policy forbids it: then no login works.
[[nodiscard]] std::array<std::uint8_t, 16> md5(ByteView bytes);

} // namespace natterjack::net
