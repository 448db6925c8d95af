// SPDX-License-Identifier: MIT
/// \file
/// \brief Our own addition to STUN: a server that connects back over TCP. The attribute.
#pragma once

#include <cstdint>
#include <vector>

#include <natterjack/probe_report.hpp>
#include <natterjack/result.hpp>

#include "base/time.hpp"
#include "wire/stun.hpp"

namespace natterjack {

/// DIAL-BACK: a Binding request that holds it asks for one TCP connection to a port of the asking
/// address. A server that does not know the attribute answers as if it were not there
/// (comprehension-optional; not assigned by anybody). Of ours, the success response holds it too,
/// and RESPONSE-ORIGIN says where the connection came from; an error 447 says that none could be
/// made, and holds it with what came back instead; an error 500, that the server itself cannot.
///
/// Into the connection goes a Binding indication with the request's transaction, unless `silent`.
struct DialBack {
    static constexpr std::uint16_t kType = 0xC0DB;
    static constexpr Duration kLimitUnit{100};
    std::uint16_t port = 0;
    bool silent = false; ///< The application itself listens: connect, and end.
    /// How long to try, in units of kLimitUnit, up to 25.5 s. 0: as the server pleases, which is
    /// also the most that it will.
    Duration limit{0};
    /// In an answer.
    UnsolicitedSyn answer = UnsolicitedSyn::Unknown;

    friend bool operator==(const DialBack&, const DialBack&) = default;
};

/// A byte for the limit, a byte whose upper half is the answer and whose last bit is `silent`, then
/// the port.
[[nodiscard]] std::vector<std::uint8_t> dial_back_value(const DialBack& dial);
/// \retval Errc::NotFound   the message has none
/// \retval Errc::Malformed  not four bytes, port 0, or an answer that there is not
[[nodiscard]] Result<DialBack> dial_back(const stun::Message& message);

} // namespace natterjack
