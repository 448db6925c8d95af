// SPDX-License-Identifier: MIT
/// \file
/// \brief Our own addition to STUN: a server that connects back over TCP. The attribute.
#pragma once

#include <cstdint>
#include <vector>

#include <natterjack/result.hpp>

#include "wire/stun.hpp"

namespace natterjack {

/// DIAL-BACK: a Binding request that holds it asks for one TCP connection to a port of the asking
/// address. A server that does not know the attribute answers as if it were not there
/// (comprehension-optional; not assigned by anybody). Of ours, the success response holds it too,
/// and RESPONSE-ORIGIN says where the connection came from; an error 447 says that none could be
/// made.
///
/// Into the connection goes a Binding indication with the request's transaction, unless `silent`.
struct DialBack {
    static constexpr std::uint16_t kType = 0xC0DB;
    std::uint16_t port = 0;
    bool silent = false; ///< The application itself listens: connect, and end.

    friend bool operator==(const DialBack&, const DialBack&) = default;
};

/// Two bytes of flags, of which the last bit is `silent`, then the port.
[[nodiscard]] std::vector<std::uint8_t> dial_back_value(const DialBack& dial);
/// \retval Errc::NotFound   the message has none
/// \retval Errc::Malformed  not four bytes, or port 0
[[nodiscard]] Result<DialBack> dial_back(const stun::Message& message);

} // namespace natterjack
