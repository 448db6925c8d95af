// SPDX-License-Identifier: MIT
#include "wire/stun.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"

namespace natterjack::stun {

namespace {

constexpr std::uint8_t kFamilyV4 = 1; // RFC 8489 section 14.1
constexpr std::uint8_t kFamilyV6 = 2;

constexpr std::size_t kLongestReason = 763;   // bytes (RFC 8489 section 14.8)
constexpr std::size_t kLongestSoftware = 763; // bytes (RFC 8489 section 14.14)

// RFC 8489 section 5, figure 3: the class's two bits stand among the method's twelve.
std::uint16_t message_type(Class kind, std::uint16_t method) {
    const unsigned m = method;
    const auto c = static_cast<unsigned>(kind);
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

constexpr std::uint32_t kChangeAddress = 4; // RFC 5780 section 7.2: bit A
constexpr std::uint32_t kChangePort = 2;    // bit B

constexpr std::size_t kAttributeHeader = 4;
constexpr std::size_t kFingerprintSize = 4;
constexpr std::uint32_t kFingerprintMask = 0x5354554e; // RFC 8489 section 14.7

Result<Endpoint> read_plain_address(const Message& message, AttributeType type, const char* what) {
    const auto* attribute = message.find(type);
    if (attribute == nullptr) {
        return Error{Errc::NotFound, std::string("the STUN message names no ") + what};
    }
    return read_address(attribute->value, {});
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

/// Where an attribute's header begins in an encoded message, or nothing.
std::optional<std::size_t> offset_of(const Message& message, AttributeType type) {
    std::size_t offset = kHeaderSize;
    for (const auto& attribute : message.attributes) {
        if (attribute.type == static_cast<std::uint16_t>(type)) return offset;
        offset += kAttributeHeader + attribute.value.size() + padding(attribute.value.size());
    }
    return std::nullopt;
}

/// The first \a size bytes, under a header that says that \a extra more follow: what
/// MESSAGE-INTEGRITY and FINGERPRINT cover when another attribute follows them.
std::vector<std::uint8_t> covered(ByteView encoded, std::size_t size, std::size_t extra) {
    std::vector<std::uint8_t> out(encoded.begin(),
                                  encoded.begin() + static_cast<std::ptrdiff_t>(size));
    const std::size_t length = size - kHeaderSize + extra;
    out[2] = static_cast<std::uint8_t>(length >> 8U);
    out[3] = static_cast<std::uint8_t>(length);
    return out;
}

bool is_equal(ByteView a, ByteView b) {
    if (a.size() != b.size()) return false;
    std::uint8_t difference = 0; // the same time whatever differs
    for (std::size_t i = 0; i < a.size(); ++i)
        difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
    return difference == 0;
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
    return plain_mapped_address(message);
}

Result<Endpoint> plain_mapped_address(const Message& message) {
    return read_plain_address(message, AttributeType::MappedAddress, "mapped address");
}

Result<Endpoint> other_address(const Message& message) {
    const bool old = message.find(AttributeType::OtherAddress) == nullptr;
    return read_plain_address(message,
                              old ? AttributeType::ChangedAddress : AttributeType::OtherAddress,
                              "other address");
}

Result<Endpoint> response_origin(const Message& message) {
    return read_plain_address(message, AttributeType::ResponseOrigin, "origin");
}

std::vector<std::uint8_t> plain_address(const Endpoint& endpoint) {
    const auto bytes = endpoint.address.mapped_bytes();
    const bool v4 = endpoint.address.is_v4();
    return std::move(ByteWriter()
                         .write(std::uint8_t{0})
                         .write(v4 ? kFamilyV4 : kFamilyV6)
                         .write(endpoint.port)
                         .write_bytes(ByteView(bytes).subspan(v4 ? 12 : 0)))
        .take();
}

Result<Endpoint> read_xor_address(const Message& message, AttributeType type) {
    const auto* attribute = message.find(type);
    if (attribute == nullptr) {
        return Error{Errc::NotFound, "the STUN message lacks an address", static_cast<int>(type)};
    }
    return read_address(attribute->value, address_mask(message.transaction));
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
    const auto hundreds = static_cast<int>(in.read<std::uint8_t>() & 7U);
    const int rest = in.read<std::uint8_t>();
    if (!in.ok() || hundreds < 3 || hundreds > 6 || rest > 99) {
        return Error{Errc::Malformed, "STUN error code"};
    }
    const std::string reason(attribute->value.begin() + 4, attribute->value.end());
    return ErrorCode{hundreds * 100 + rest, printable(reason, kLongestReason)};
}

std::vector<std::uint8_t> error_code_value(const ErrorCode& error) {
    const auto text = std::string_view(error.reason).substr(0, kLongestReason);
    const std::vector<std::uint8_t> reason(text.begin(), text.end());
    return std::move(ByteWriter()
                         .write(std::uint16_t{0})
                         .write(static_cast<std::uint8_t>(error.code / 100))
                         .write(static_cast<std::uint8_t>(error.code % 100))
                         .write_bytes(reason))
        .take();
}

Result<ChangeRequest> change_request(const Message& message) {
    const auto* attribute = message.find(AttributeType::ChangeRequest);
    if (attribute == nullptr) return Error{Errc::NotFound, "the STUN message asks for no change"};
    ByteReader in(attribute->value);
    const auto bits = in.read<std::uint32_t>();
    if (!in.ok() || in.remaining() != 0) return Error{Errc::Malformed, "STUN change request"};
    return ChangeRequest{(bits & kChangeAddress) != 0, (bits & kChangePort) != 0};
}

std::vector<std::uint8_t> change_request_value(ChangeRequest change) {
    return std::move(ByteWriter().write((change.address ? kChangeAddress : 0) |
                                        (change.port ? kChangePort : 0)))
        .take();
}

Result<std::uint16_t> response_port(const Message& message) {
    const auto* attribute = message.find(AttributeType::ResponsePort);
    if (attribute == nullptr) return Error{Errc::NotFound, "the STUN message names no port"};
    const auto size = attribute->value.size();
    if (size != 2 && size != 4) return Error{Errc::Malformed, "STUN response port"};
    return ByteReader(attribute->value).read<std::uint16_t>();
}

std::vector<std::uint8_t> response_port_value(std::uint16_t port) {
    return std::move(ByteWriter().write(port)).take();
}

std::string software(const Message& message) {
    const auto* attribute = message.find(AttributeType::Software);
    if (attribute == nullptr) return {};
    return printable(std::string(attribute->value.begin(), attribute->value.end()),
                     kLongestSoftware);
}

Result<std::vector<std::uint16_t>> unknown_attributes(const Message& message) {
    const auto* attribute = message.find(AttributeType::UnknownAttributes);
    if (attribute == nullptr) return Error{Errc::NotFound, "the STUN message names none"};
    ByteReader in(attribute->value);
    std::vector<std::uint16_t> out;
    while (in.ok() && in.remaining() > 0) out.push_back(in.read<std::uint16_t>());
    if (!in.ok()) return Error{Errc::Malformed, "STUN unknown attributes"};
    return out;
}

std::vector<std::uint8_t> unknown_attributes_value(const std::vector<std::uint16_t>& types) {
    ByteWriter out;
    for (const auto type : types) out.write(type);
    return std::move(out).take();
}

void add_integrity(Message& message, ByteView key, HmacSha1 hmac) {
    const auto encoded = encode(message);
    const auto bytes = covered(encoded, encoded.size(), kAttributeHeader + kSha1Size);
    const auto value = hmac(key, bytes);
    message.add(AttributeType::MessageIntegrity, {value.begin(), value.end()});
}

void add_fingerprint(Message& message) {
    const auto encoded = encode(message);
    const auto bytes = covered(encoded, encoded.size(), kAttributeHeader + kFingerprintSize);
    message.add(AttributeType::Fingerprint,
                std::move(ByteWriter().write(crc32(bytes) ^ kFingerprintMask)).take());
}

bool has_integrity(ByteView datagram, ByteView key, HmacSha1 hmac) {
    const auto message = decode(datagram);
    if (!message) return false;
    const auto offset = offset_of(*message, AttributeType::MessageIntegrity);
    if (!offset) return false;
    const auto& value = message->find(AttributeType::MessageIntegrity)->value;
    const auto end = *offset + kAttributeHeader + kSha1Size;
    const bool last = end == datagram.size();
    const bool before_fingerprint = offset_of(*message, AttributeType::Fingerprint) == end &&
                                    end + kAttributeHeader + kFingerprintSize == datagram.size();
    if (!last && !before_fingerprint) return false;
    return is_equal(hmac(key, covered(datagram, *offset, kAttributeHeader + kSha1Size)), value);
}

bool has_fingerprint(ByteView datagram) {
    const auto message = decode(datagram);
    if (!message || message->attributes.empty()) return false;
    const auto& last = message->attributes.back();
    if (last.type != static_cast<std::uint16_t>(AttributeType::Fingerprint) ||
        last.value.size() != kFingerprintSize) {
        return false;
    }
    const auto before = datagram.first(datagram.size() - kAttributeHeader - kFingerprintSize);
    return ByteReader(last.value).read<std::uint32_t>() == (crc32(before) ^ kFingerprintMask);
}

std::vector<std::uint8_t> padding_software() {
    // At most 128 characters (section 14.14). PADDING would say the same, but servers refuse it
    // beside RESPONSE-PORT (RFC 5780 section 7.5).
    constexpr std::string_view kText = "natterjack, which pads so as to be answered.";
    return {kText.begin(), kText.end()};
}

std::optional<std::vector<std::uint8_t>> challenging_nonce(const Message& message) {
    constexpr int kUnauthenticated = 401;
    constexpr int kStaleNonce = 438;
    constexpr std::size_t kLongest = 763; // bytes, section 14.10
    if (message.kind != Class::Error) return std::nullopt;
    const auto error = error_code(message);
    const auto* nonce = message.find(AttributeType::Nonce);
    if (!error || (error->code != kUnauthenticated && error->code != kStaleNonce)) {
        return std::nullopt;
    }
    if (nonce == nullptr || nonce->value.empty() || nonce->value.size() > kLongest) {
        return std::nullopt;
    }
    return nonce->value;
}

} // namespace natterjack::stun
