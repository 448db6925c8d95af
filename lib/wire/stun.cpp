// SPDX-License-Identifier: MIT
#include "wire/stun.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"

namespace natterjack::stun {

namespace {

constexpr std::uint8_t kFamilyV4 = 1; // RFC 8489 section 14.1
constexpr std::uint8_t kFamilyV6 = 2;

// RFC 8489 section 5, figure 3: the class's two bits stand among the method's twelve.
std::uint16_t message_type(Class kind, std::uint16_t method) {
    const unsigned m = method;
    const unsigned c = static_cast<unsigned>(kind);
    return static_cast<std::uint16_t>((m & 0x000fU) | ((c & 1U) << 4U) | ((m & 0x0070U) << 1U) |
                                      ((c & 2U) << 7U) | ((m & 0x0f80U) << 2U));
}

std::size_t padding(std::size_t length) {
    return (4 - length % 4) % 4;
}

// RFC 8489 section 14.2: IPv4 is XORed with the cookie, IPv6 with the cookie and the transaction
// id.
std::array<std::uint8_t, 16> address_mask(const TransactionId& transaction) {
    std::array<std::uint8_t, 16> mask{0x21, 0x12, 0xa4, 0x42};
    std::copy(transaction.begin(), transaction.end(), mask.begin() + 4);
    return mask;
}

Result<Endpoint> read_address(ByteView value, const std::array<std::uint8_t, 16>& mask) {
    ByteReader in(value);
    in.skip(1); // RFC 8489 section 14.1: ignored
    const auto family = in.read<std::uint8_t>();
    const auto port_mask = static_cast<std::uint16_t>((mask[0] << 8U) | mask[1]);
    Endpoint out;
    out.port = static_cast<std::uint16_t>(in.read<std::uint16_t>() ^ port_mask);
    if (family == kFamilyV4) {
        auto bytes = in.read_array<4>();
        std::uint32_t address = 0;
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            address = (address << 8U) | static_cast<std::uint8_t>(bytes[i] ^ mask[i]);
        }
        out.address = IpAddress::v4(address);
    } else if (family == kFamilyV6) {
        auto bytes = in.read_array<16>();
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            bytes[i] = static_cast<std::uint8_t>(bytes[i] ^ mask[i]);
        }
        out.address = IpAddress::v6(bytes);
    } else {
        return Error{Errc::Malformed, "STUN address of an unknown family", family};
    }
    if (!in.ok() || in.remaining() != 0)
        return Error{Errc::Malformed, "STUN address of odd length"};
    return out;
}

} // namespace

const Attribute* Message::find(AttributeType type) const {
    const auto found =
        std::find_if(attributes.begin(), attributes.end(), [type](const Attribute& attribute) {
            return attribute.type == static_cast<std::uint16_t>(type);
        });
    return found == attributes.end() ? nullptr : &*found;
}

void Message::add(AttributeType type, std::vector<std::uint8_t> value) {
    attributes.push_back({static_cast<std::uint16_t>(type), std::move(value)});
}

std::vector<std::uint8_t> encode(const Message& message) {
    std::size_t length = 0;
    for (const auto& attribute : message.attributes) {
        length += 4 + attribute.value.size() + padding(attribute.value.size());
    }
    ByteWriter out;
    out.write(message_type(message.kind, message.method))
        .write(static_cast<std::uint16_t>(length))
        .write(kMagicCookie)
        .write_bytes(message.transaction);
    for (const auto& attribute : message.attributes) {
        out.write(attribute.type)
            .write(static_cast<std::uint16_t>(attribute.value.size()))
            .write_bytes(attribute.value)
            .write_zeros(padding(attribute.value.size()));
    }
    return std::move(out).take();
}

Result<Message> decode(ByteView datagram) {
    if (datagram.size() > kMaxMessageSize) return Error{Errc::TooLarge, "STUN message"};
    ByteReader in(datagram);
    const auto type = in.read<std::uint16_t>();
    const auto length = in.read<std::uint16_t>();
    const auto cookie = in.read<std::uint32_t>();
    Message message;
    message.transaction = in.read_array<12>();
    if (!in.ok()) return Error{Errc::Truncated, "STUN header"};
    if ((type & 0xc000U) != 0 || cookie != kMagicCookie || length % 4 != 0) {
        return Error{Errc::Malformed, "not a STUN message"};
    }
    if (length > in.remaining()) return Error{Errc::Truncated, "STUN message"};
    if (length < in.remaining()) return Error{Errc::Malformed, "bytes after a STUN message"};
    message.kind = static_cast<Class>(((type >> 4U) & 1U) | ((type >> 7U) & 2U));
    message.method = static_cast<std::uint16_t>((type & 0x000fU) | ((type >> 1U) & 0x0070U) |
                                                ((type >> 2U) & 0x0f80U));
    while (in.remaining() > 0) {
        Attribute attribute;
        attribute.type = in.read<std::uint16_t>();
        const std::size_t size = in.read<std::uint16_t>();
        const ByteView value = in.read_bytes(size);
        in.skip(padding(size));
        if (!in.ok()) return Error{Errc::Truncated, "STUN attribute", attribute.type};
        if (message.attributes.size() == kMaxAttributes) {
            return Error{Errc::TooLarge, "STUN message with too many attributes"};
        }
        attribute.value.assign(value.begin(), value.end());
        message.attributes.push_back(std::move(attribute));
    }
    return message;
}

Result<Endpoint> mapped_address(const Message& message) {
    if (const auto* attribute = message.find(AttributeType::XorMappedAddress)) {
        return read_address(attribute->value, address_mask(message.transaction));
    }
    if (const auto* attribute = message.find(AttributeType::MappedAddress)) {
        return read_address(attribute->value, {});
    }
    return Error{Errc::NotFound, "the STUN message names no mapped address"};
}

std::vector<std::uint8_t> xor_address(const Endpoint& endpoint, const TransactionId& transaction) {
    const auto mask = address_mask(transaction);
    const auto bytes = endpoint.address.mapped_bytes();
    const std::size_t first = endpoint.address.is_v4() ? 12 : 0;
    ByteWriter out;
    out.write(std::uint8_t{0})
        .write(endpoint.address.is_v4() ? kFamilyV4 : kFamilyV6)
        .write(static_cast<std::uint16_t>(endpoint.port ^ (kMagicCookie >> 16U)));
    for (std::size_t i = first; i < bytes.size(); ++i) {
        out.write(static_cast<std::uint8_t>(bytes[i] ^ mask[i - first]));
    }
    return std::move(out).take();
}

Result<ErrorCode> error_code(const Message& message) {
    const auto* attribute = message.find(AttributeType::ErrorCode);
    if (attribute == nullptr) return Error{Errc::NotFound, "the STUN message has no error code"};
    ByteReader in(attribute->value);
    in.skip(2); // reserved
    const int hundreds = in.read<std::uint8_t>() & 7U;
    const int rest = in.read<std::uint8_t>();
    if (!in.ok() || hundreds < 3 || hundreds > 6 || rest > 99) {
        return Error{Errc::Malformed, "STUN error code"};
    }
    const std::string reason(attribute->value.begin() + 4, attribute->value.end());
    constexpr std::size_t kLongestReason = 763; // bytes (RFC 8489 section 14.8)
    return ErrorCode{hundreds * 100 + rest, printable(reason, kLongestReason)};
}

} // namespace natterjack::stun
