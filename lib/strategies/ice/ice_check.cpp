// SPDX-License-Identifier: MIT
#include "strategies/ice/ice_check.hpp"

#include <algorithm>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

namespace natterjack::ice {

namespace {

// RFC 8489 section 18.3 and RFC 8445 section 20.2.
constexpr std::uint16_t kUsername = 0x0006;
constexpr std::uint16_t kMessageIntegrity = 0x0008;
constexpr std::uint16_t kPriority = 0x0024;
constexpr std::uint16_t kFingerprint = 0x8028;
constexpr std::uint16_t kIceControlled = 0x8029;
constexpr std::uint16_t kIceControlling = 0x802A;

constexpr std::size_t kAttributeHeader = 4;
constexpr std::size_t kSha1 = 20;
constexpr std::uint16_t kSuccessResponse = 0x0101;
constexpr std::uint16_t kErrorResponse = 0x0111;

template<class T>
std::vector<std::uint8_t> as_bytes(T value) {
    ByteWriter out;
    out.write(value);
    return std::move(out).take();
}

// ITU V.42, as RFC 8489 section 14.7 wants it.
std::uint32_t crc32(ByteView bytes) {
    std::uint32_t crc = 0xffffffff;
    for (const std::uint8_t byte : bytes) {
        crc ^= byte;
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
        }
    }
    return ~crc;
}

// Both cover what stands before them, under a header whose length counts them already.
void add_integrity(stun::Message& message, const std::string& key) {
    std::vector<std::uint8_t> value(kSha1);
    message.attributes.push_back({kMessageIntegrity, value});
    const auto bytes = stun::encode(message);
    gnutls_hmac_fast(GNUTLS_MAC_SHA1, key.data(), key.size(), bytes.data(),
                     bytes.size() - kAttributeHeader - kSha1, value.data());
    message.attributes.back().value = std::move(value);
}

void add_fingerprint(stun::Message& message) {
    message.attributes.push_back({kFingerprint, as_bytes(std::uint32_t{0})});
    const auto bytes = stun::encode(message);
    const auto covered = ByteView(bytes).first(bytes.size() - kAttributeHeader - 4);
    message.attributes.back().value = as_bytes(crc32(covered) ^ 0x5354554eU);
}

} // namespace

std::vector<std::uint8_t> encode_check(const stun::TransactionId& id, const IceCheck& check) {
    stun::Message message;
    message.transaction = id;
    const auto& name = check.username;
    message.attributes.push_back({kUsername, {name.begin(), name.end()}});
    message.attributes.push_back({kPriority, as_bytes(check.priority)});
    message.attributes.push_back(
        {check.controlling ? kIceControlling : kIceControlled, as_bytes(check.tie_breaker)});
    add_integrity(message, check.password);
    add_fingerprint(message);
    return stun::encode(message);
}

std::vector<std::uint8_t> encode_opener(const stun::TransactionId& id) {
    stun::Message message;
    message.kind = stun::Class::Indication;
    message.transaction = id;
    add_fingerprint(message);
    return stun::encode(message);
}

std::optional<stun::TransactionId> response_id(ByteView head) noexcept {
    ByteReader in(head.first(std::min(head.size(), stun::kHeaderSize)));
    const auto type = in.read<std::uint16_t>();
    in.skip(2);
    const auto cookie = in.read<std::uint32_t>();
    const auto id = in.read_array<12>();
    const bool response = type == kSuccessResponse || type == kErrorResponse;
    if (!in.ok() || cookie != stun::kMagicCookie || !response) return std::nullopt;
    return id;
}

} // namespace natterjack::ice
