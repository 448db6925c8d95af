// SPDX-License-Identifier: MIT
#include "wire/stun.hpp"

#include <algorithm>

namespace natterjack::stun {

namespace {

constexpr std::uint32_t kCookie = 0x2112A442; // RFC 8489 section 5
constexpr std::uint16_t kRequest = 0x0001;    // Binding, section 18.2
constexpr std::uint16_t kIndication = 0x0011;
constexpr std::uint16_t kSuccess = 0x0101;
constexpr std::uint16_t kFailure = 0x0111;

// Sections 18.3 of RFC 8489 and 20.2 of RFC 8445.
constexpr std::uint16_t kMappedAddress = 0x0001;
constexpr std::uint16_t kUsername = 0x0006;
constexpr std::uint16_t kMessageIntegrity = 0x0008;
constexpr std::uint16_t kErrorCode = 0x0009;
constexpr std::uint16_t kXorMappedAddress = 0x0020;
constexpr std::uint16_t kPriority = 0x0024;
constexpr std::uint16_t kFingerprint = 0x8028;
constexpr std::uint16_t kIceControlled = 0x8029;
constexpr std::uint16_t kIceControlling = 0x802A;

constexpr std::uint8_t kFamilyV4 = 1;
constexpr std::uint8_t kFamilyV6 = 2;
constexpr std::size_t kAttributeHeader = 4;
constexpr std::size_t kIntegritySize = kAttributeHeader + 20;
constexpr std::size_t kFingerprintSize = kAttributeHeader + 4;

std::size_t padding(std::size_t length) {
    return (4 - length % 4) % 4;
}

// ITU V.42, as section 14.7 wants it.
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

/// A message whose length field is right at every moment.
class Message {
public:
    Message(std::uint16_t type, const TransactionId& id) {
        ByteWriter header;
        header.write(type).write(std::uint16_t{0}).write(kCookie).write_bytes(id);
        bytes_ = std::move(header).take();
    }

    void add(std::uint16_t type, ByteView value) {
        ByteWriter attribute;
        attribute.write(type).write(static_cast<std::uint16_t>(value.size()));
        attribute.write_bytes(value).write_zeros(padding(value.size()));
        const auto encoded = std::move(attribute).take();
        bytes_.insert(bytes_.end(), encoded.begin(), encoded.end());
        set_length(bytes_.size());
    }

    // Both are computed over a header that counts them already (sections 14.5 and 14.7).
    void add_integrity(const Hmac& hmac) {
        set_length(bytes_.size() + kIntegritySize);
        add(kMessageIntegrity, hmac(bytes_));
    }
    void add_fingerprint() {
        set_length(bytes_.size() + kFingerprintSize);
        ByteWriter value;
        value.write(crc32(bytes_) ^ 0x5354554eU);
        add(kFingerprint, std::move(value).take());
    }

    [[nodiscard]] std::vector<std::uint8_t> take() && { return std::move(bytes_); }

private:
    void set_length(std::size_t total) {
        const std::size_t length = total - kHeaderSize;
        bytes_[2] = static_cast<std::uint8_t>(length >> 8U);
        bytes_[3] = static_cast<std::uint8_t>(length);
    }

    std::vector<std::uint8_t> bytes_;
};

template<class T>
std::vector<std::uint8_t> as_bytes(T value) {
    ByteWriter out;
    out.write(value);
    return std::move(out).take();
}

// XOR-ing twice gives back what was there: the same for both directions (section 14.2).
void mask(IpAddress::Bytes& address, bool v4, const TransactionId& id) {
    const auto key = [&] {
        ByteWriter out;
        out.write(kCookie).write_bytes(id);
        return std::move(out).take();
    }();
    const std::size_t first = v4 ? 12 : 0;
    for (std::size_t i = first; i < address.size(); ++i) {
        address[i] = static_cast<std::uint8_t>(address[i] ^ key[i - first]);
    }
}

std::optional<Endpoint> read_address(ByteView value, const TransactionId* key) {
    ByteReader in(value);
    in.skip(1);
    const auto family = in.read<std::uint8_t>();
    auto port = in.read<std::uint16_t>();
    const bool v4 = family == kFamilyV4;
    if (!v4 && family != kFamilyV6) return std::nullopt;
    IpAddress::Bytes bytes{};
    if (v4) {
        const auto read = in.read_array<4>();
        std::copy(read.begin(), read.end(), bytes.begin() + 12);
    } else {
        bytes = in.read_array<16>();
    }
    if (!in.ok()) return std::nullopt;
    if (key != nullptr) {
        port = static_cast<std::uint16_t>(port ^ (kCookie >> 16U));
        mask(bytes, v4, *key);
    }
    if (port == 0) return std::nullopt;
    if (!v4) return Endpoint{IpAddress::v6(bytes), port};
    std::uint32_t address = 0;
    for (std::size_t i = 12; i < 16; ++i) address = (address << 8U) | bytes[i];
    return Endpoint{IpAddress::v4(address), port};
}

std::optional<TransactionId> id_of(ByteView head, std::uint16_t& type) noexcept {
    ByteReader in(head.first(std::min(head.size(), kHeaderSize)));
    type = in.read<std::uint16_t>();
    in.skip(2);
    const auto cookie = in.read<std::uint32_t>();
    const auto id = in.read_array<12>();
    if (!in.ok() || cookie != kCookie) return std::nullopt;
    return id;
}

Error malformed(const char* what) {
    return {Errc::Malformed, std::string("STUN response: ") + what};
}

} // namespace

std::vector<std::uint8_t> encode_binding_request(const TransactionId& id,
                                                 const std::optional<IceAttributes>& ice) {
    Message out(kRequest, id);
    if (ice) {
        const auto& name = ice->username;
        out.add(kUsername, std::vector<std::uint8_t>(name.begin(), name.end()));
        out.add(kPriority, as_bytes(ice->priority));
        out.add(ice->controlling ? kIceControlling : kIceControlled, as_bytes(ice->tie_breaker));
        out.add_integrity(ice->hmac);
        out.add_fingerprint();
    }
    return std::move(out).take();
}

std::vector<std::uint8_t> encode_binding_indication(const TransactionId& id) {
    Message out(kIndication, id);
    out.add_fingerprint();
    return std::move(out).take();
}

std::vector<std::uint8_t> encode_binding_response(const TransactionId& id, const Endpoint& mapped) {
    Message out(kSuccess, id);
    const bool v4 = mapped.address.is_v4();
    auto bytes = mapped.address.mapped_bytes();
    mask(bytes, v4, id);
    ByteWriter value;
    value.write(std::uint8_t{0}).write(v4 ? kFamilyV4 : kFamilyV6);
    value.write(static_cast<std::uint16_t>(mapped.port ^ (kCookie >> 16U)));
    value.write_bytes(ByteView(bytes).subspan(v4 ? 12 : 0));
    out.add(kXorMappedAddress, std::move(value).take());
    return std::move(out).take();
}

std::optional<TransactionId> response_id(ByteView head) noexcept {
    std::uint16_t type = 0;
    const auto id = id_of(head, type);
    return type == kSuccess || type == kFailure ? id : std::nullopt;
}

std::optional<TransactionId> request_id(ByteView datagram) noexcept {
    std::uint16_t type = 0;
    const auto id = id_of(datagram, type);
    return type == kRequest ? id : std::nullopt;
}

Result<Endpoint> decode_binding_response(ByteView datagram, const TransactionId& id) {
    if (datagram.size() < kHeaderSize) return Error{Errc::Truncated, "STUN response: no header"};
    std::uint16_t type = 0;
    const auto found = id_of(datagram, type);
    if (!found || (type != kSuccess && type != kFailure)) return malformed("of no known kind");
    if (*found != id) return Error{Errc::Mismatch, "STUN response to another request"};
    const std::size_t length = std::size_t{datagram[2]} << 8U | datagram[3];
    if (length % 4 != 0) return malformed("its length is no multiple of 4");
    if (datagram.size() - kHeaderSize < length) {
        return Error{Errc::Truncated, "STUN response: shorter than it says"};
    }
    ByteView rest = datagram.subspan(kHeaderSize, length);
    std::optional<Endpoint> plain;
    int code = 0;
    while (!rest.empty()) {
        ByteReader in(rest);
        const auto name = in.read<std::uint16_t>();
        const std::size_t size = in.read<std::uint16_t>();
        const std::size_t whole = kAttributeHeader + size + padding(size);
        if (!in.ok() || whole > rest.size()) return malformed("an attribute is cut off");
        const ByteView value = rest.subspan(kAttributeHeader, size);
        rest = rest.subspan(whole);
        if (type == kSuccess && name == kXorMappedAddress) {
            if (const auto address = read_address(value, &id)) return *address;
            return malformed("a bad XOR-MAPPED-ADDRESS");
        }
        if (name == kMappedAddress && !plain) plain = read_address(value, nullptr);
        if (name == kErrorCode && value.size() >= 4) code = (value[2] & 7) * 100 + value[3] % 100;
    }
    if (type == kFailure) {
        return Error{Errc::Refused, "the STUN server answers with error " + std::to_string(code),
                     code};
    }
    if (!plain) return malformed("no address in it");
    return *plain;
}

} // namespace natterjack::stun
