// SPDX-License-Identifier: MIT
#include "strategies/ice/ice_check.hpp"

#include <algorithm>

#include "net/hmac.hpp"

namespace natterjack::ice {

namespace {

// RFC 8445 section 20.2.
constexpr std::uint16_t kPriority = 0x0024;
constexpr std::uint16_t kIceControlled = 0x8029;
constexpr std::uint16_t kIceControlling = 0x802A;

constexpr std::uint16_t kSuccessResponse = 0x0101;
constexpr std::uint16_t kErrorResponse = 0x0111;

template<class T>
std::vector<std::uint8_t> as_bytes(T value) {
    ByteWriter out;
    out.write(value);
    return std::move(out).take();
}

void add_integrity(stun::Message& message, const std::string& key) {
    const std::vector<std::uint8_t> bytes(key.begin(), key.end());
    stun::add_integrity(message, bytes, net::hmac_sha1);
}

} // namespace

std::vector<std::uint8_t> encode_check(const stun::TransactionId& id, const IceCheck& check) {
    stun::Message message;
    message.transaction = id;
    const auto& name = check.username;
    message.add(stun::AttributeType::Username, {name.begin(), name.end()});
    message.attributes.push_back({kPriority, as_bytes(check.priority)});
    message.attributes.push_back(
        {check.controlling ? kIceControlling : kIceControlled, as_bytes(check.tie_breaker)});
    add_integrity(message, check.password);
    stun::add_fingerprint(message);
    return stun::encode(message);
}

std::vector<std::uint8_t> encode_check_answer(const stun::TransactionId& id, const Endpoint& seen,
                                              const std::string& password) {
    stun::Message message{.kind = stun::Class::Success, .transaction = id};
    message.add(stun::AttributeType::XorMappedAddress, stun::xor_address(seen, id));
    add_integrity(message, password);
    stun::add_fingerprint(message);
    return stun::encode(message);
}

std::vector<std::uint8_t> encode_padded(std::vector<std::uint8_t> message) {
    message.push_back(0);
    return message;
}

std::optional<PaddedCheck> read_padded_check(ByteView datagram, std::string_view username,
                                             const std::string& our_password,
                                             const std::string& their_password) {
    if (datagram.size() <= stun::kHeaderSize || datagram.back() != 0) return std::nullopt;
    const auto inner = datagram.first(datagram.size() - 1);
    const auto message = stun::decode(inner);
    if (!message || message->method != stun::kBinding) return std::nullopt;
    const bool question = message->kind == stun::Class::Request;
    if (!question && message->kind != stun::Class::Success) return std::nullopt;
    const auto& password = question ? our_password : their_password;
    const std::vector<std::uint8_t> key(password.begin(), password.end());
    if (!stun::has_integrity(inner, key, net::hmac_sha1)) return std::nullopt;
    if (question) {
        const auto* const name = message->find(stun::AttributeType::Username);
        if (name == nullptr ||
            !std::equal(name->value.begin(), name->value.end(), username.begin(), username.end())) {
            return std::nullopt;
        }
    }
    return PaddedCheck{question, message->transaction};
}

std::vector<std::uint8_t> encode_opener(const stun::TransactionId& id) {
    stun::Message message;
    message.kind = stun::Class::Indication;
    message.transaction = id;
    stun::add_fingerprint(message);
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
