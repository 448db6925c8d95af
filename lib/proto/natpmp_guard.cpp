// SPDX-License-Identifier: MIT
#include "proto/natpmp_guard.hpp"

#include "wire/pcp.hpp"

namespace natterjack {

namespace {

NatPmpVerdict judge_refusal(const NatPmpQuestion& question, const natpmp::ErrorResponse& refusal,
                            ByteView payload) {
    if (refusal.result == natpmp::ResultCode::UnsupportedVersion) {
        return NatPmpVerdict::VersionMismatch;
    }
    if (refusal.opcode != static_cast<std::uint8_t>(question.opcode)) return NatPmpVerdict::Ignore;
    // A refusal may be cut to eight bytes (RFC 6886 section 3.5); where the port is there it
    // counts.
    const auto map = natpmp::decode_map_response(payload);
    if (map && map->internal_port != question.internal_port) return NatPmpVerdict::Ignore;
    return NatPmpVerdict::Accept;
}

bool answers(const NatPmpQuestion& question, ByteView payload) {
    if (question.opcode == natpmp::Opcode::Address) {
        return natpmp::decode_address_response(payload).has_value();
    }
    const auto map = natpmp::decode_map_response(payload);
    return map && natpmp::map_opcode(map->transport) == question.opcode &&
           map->internal_port == question.internal_port;
}

} // namespace

NatPmpVerdict judge(const NatPmpQuestion& question, const Endpoint& from, ByteView payload,
                    std::size_t full_size) {
    // 1100 bytes is the most that anybody on this port has to say (RFC 6887 section 7).
    if (from != question.gateway || full_size > pcp::kMaxMessageSize) return NatPmpVerdict::Ignore;
    if (!payload.empty() && payload[0] != natpmp::kVersion) {
        return pcp::decode_version_mismatch(payload, natpmp::kVersion)
                   ? NatPmpVerdict::VersionMismatch
                   : NatPmpVerdict::Ignore;
    }
    if (const auto refusal = natpmp::decode_error_response(payload)) {
        return judge_refusal(question, *refusal, payload);
    }
    return answers(question, payload) ? NatPmpVerdict::Accept : NatPmpVerdict::Ignore;
}

} // namespace natterjack
