// SPDX-License-Identifier: MIT
/// \file
/// \brief Judges datagrams before libnatpmp reads them. Pure.
#pragma once

#include <cstddef>
#include <cstdint>

#include <natterjack/endpoint.hpp>

#include "base/bytes.hpp"
#include "wire/natpmp.hpp"

namespace natterjack {

/// The outstanding NAT-PMP request, as far as its answer repeats it.
struct NatPmpQuestion {
    Endpoint gateway;
    natpmp::Opcode opcode = natpmp::Opcode::Address;
    std::uint16_t internal_port = 0; ///< Of a map request.
};

enum class NatPmpVerdict : std::uint8_t {
    Accept,         ///< The answer, a grant or a refusal, whole enough to be read.
    Ignore,         ///< Not the answer. Drop it and go on waiting.
    VersionMismatch ///< Whoever listens there does not speak NAT-PMP (PCP only, say).
};

/// Tells whether \a payload, which came from \a from, answers \a question.
///
/// libnatpmp checks neither the length of an answer (four bytes pass for a success, and the rest is
/// read from the stack) nor, in the versions that distributions ship, whether it answers this
/// request or a former one. NAT-PMP has no nonce: source, opcode and internal port are all there is
/// (RFC 6886 section 3.1 has the source checked).
///
/// \a payload may be the head of a longer datagram of \a full_size bytes; the first 16 suffice.
[[nodiscard]] NatPmpVerdict judge(const NatPmpQuestion& question, const Endpoint& from,
                                  ByteView payload, std::size_t full_size);

} // namespace natterjack
