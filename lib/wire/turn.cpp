// SPDX-License-Identifier: MIT
#include "wire/turn.hpp"

#include <utility>

namespace natterjack::turn {

namespace {

constexpr std::uint8_t kFamilyV4 = 1; // RFC 8489 section 14.1
constexpr std::uint8_t kFamilyV6 = 2;
constexpr std::uint8_t kProtocolTcp = 6; // RFC 6062 section 6.2.2, IANA's protocol numbers
constexpr std::uint8_t kProtocolUdp = 17;

/// Four bytes as a number, as LIFETIME and CONNECTION-ID hold them.
Result<std::uint32_t> read_number(const stun::Message& message, stun::AttributeType type,
                                  const char* name) {
    const auto* attribute = message.find(type);
    if (attribute == nullptr) {
        return Error{Errc::NotFound, std::string("the TURN message has no ") + name};
    }
    ByteReader in(attribute->value);
    const auto value = in.read<std::uint32_t>();
    if (!in.ok() || in.remaining() != 0) {
        return Error{Errc::Malformed, std::string(name) + " of odd length"};
    }
    return value;
}

std::vector<std::uint8_t> number_value(std::uint32_t value) {
    ByteWriter out;
    out.write(value);
    return std::move(out).take();
}

} // namespace

std::vector<std::uint8_t> requested_transport_value(Transport transport) {
    return {transport == Transport::Tcp ? kProtocolTcp : kProtocolUdp, 0, 0, 0};
}

std::vector<std::uint8_t> requested_family_value(bool v4) {
    return {v4 ? kFamilyV4 : kFamilyV6, 0, 0, 0};
}

Result<bool> requested_family_is_v4(const stun::Message& message) {
    const auto value = read_number(message, stun::AttributeType::RequestedAddressFamily,
                                   "REQUESTED-ADDRESS-FAMILY");
    if (!value) return value.error();
    switch (*value >> 24U) { // the other three bytes are reserved
    case kFamilyV4: return true;
    case kFamilyV6: return false;
    default: return Error{Errc::Unsupported, "REQUESTED-ADDRESS-FAMILY: neither IPv4 nor IPv6"};
    }
}

Result<Transport> requested_transport(const stun::Message& message) {
    const auto value =
        read_number(message, stun::AttributeType::RequestedTransport, "REQUESTED-TRANSPORT");
    if (!value) return value.error();
    switch (*value >> 24U) { // the other three bytes are reserved
    case kProtocolUdp: return Transport::Udp;
    case kProtocolTcp: return Transport::Tcp;
    default: return Error{Errc::Unsupported, "REQUESTED-TRANSPORT is neither UDP nor TCP"};
    }
}

std::vector<std::uint8_t> lifetime_value(Lifetime lifetime) {
    return number_value(lifetime.count());
}

Result<Lifetime> lifetime(const stun::Message& message) {
    const auto value = read_number(message, stun::AttributeType::Lifetime, "LIFETIME");
    if (!value) return value.error();
    return Lifetime(*value);
}

std::vector<std::uint8_t> connection_id_value(ConnectionId id) {
    return number_value(id);
}

Result<ConnectionId> connection_id(const stun::Message& message) {
    return read_number(message, stun::AttributeType::ConnectionId, "CONNECTION-ID");
}

Result<Endpoint> peer_address(const stun::Message& message) {
    return stun::read_xor_address(message, stun::AttributeType::XorPeerAddress);
}

Result<Endpoint> relayed_address(const stun::Message& message) {
    return stun::read_xor_address(message, stun::AttributeType::XorRelayedAddress);
}

Result<Challenge> challenge(const stun::Message& message) {
    const auto* realm = message.find(stun::AttributeType::Realm);
    const auto* nonce = message.find(stun::AttributeType::Nonce);
    if (realm == nullptr || nonce == nullptr) {
        return Error{Errc::NotFound, "the server wants a login but names no realm or nonce"};
    }
    if (realm->value.size() > kLongestText || nonce->value.size() > kLongestText) {
        return Error{Errc::TooLarge, "the server's realm or nonce is too long"};
    }
    return Challenge{{realm->value.begin(), realm->value.end()},
                     {nonce->value.begin(), nonce->value.end()}};
}

std::vector<std::uint8_t> long_term_key(std::string_view user, std::string_view realm,
                                        std::string_view password, Md5 md5) {
    std::vector<std::uint8_t> text(user.begin(), user.end());
    for (const auto part : {realm, password}) {
        text.push_back(':');
        text.insert(text.end(), part.begin(), part.end());
    }
    const auto digest = md5(text);
    return {digest.begin(), digest.end()};
}

Result<std::optional<std::vector<std::uint8_t>>> StreamSplitter::next() {
    if (buffer_.size() < stun::kHeaderSize) return std::optional<std::vector<std::uint8_t>>();
    ByteReader in(buffer_);
    const auto type = in.read<std::uint16_t>();
    const std::size_t length = in.read<std::uint16_t>();
    const auto cookie = in.read<std::uint32_t>();
    if ((type & 0xc000U) != 0 || cookie != stun::kMagicCookie || length % 4 != 0) {
        return Error{Errc::Malformed, "the stream is not STUN"};
    }
    const std::size_t size = stun::kHeaderSize + length;
    if (size > kLimit) return Error{Errc::TooLarge, "a STUN message in a stream"};
    if (buffer_.size() < size) return std::optional<std::vector<std::uint8_t>>();
    const auto end = buffer_.begin() + static_cast<std::ptrdiff_t>(size);
    std::optional<std::vector<std::uint8_t>> message(std::in_place, buffer_.begin(), end);
    buffer_.erase(buffer_.begin(), end);
    return message;
}

} // namespace natterjack::turn
