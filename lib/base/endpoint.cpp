// SPDX-License-Identifier: MIT
#include <algorithm>
#include <optional>
#include <vector>

#include <natterjack/endpoint.hpp>

#include "base/number.hpp"

namespace natterjack {

namespace {

constexpr IpAddress::Bytes kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct Range {
    std::uint32_t network;
    unsigned prefix_length;
};

bool within(std::uint32_t address, const Range& range) {
    return (address >> (32 - range.prefix_length)) == (range.network >> (32 - range.prefix_length));
}

// IPv4 ranges of RFC 6890 that are not globally reachable and have no predicate of their own.
constexpr auto kOtherSpecial = std::to_array<Range>({
    {0x00000000, 8},  // 0/8, "this network"
    {0xC0000000, 24}, // 192.0.0/24, protocol assignments (PCP anycast, DS-Lite)
    {0xC0000200, 24}, // 192.0.2/24, documentation
    {0xC0586300, 24}, // 192.88.99/24, 6to4 relay anycast, deprecated (RFC 7526)
    {0xC6120000, 15}, // 198.18/15, benchmarking
    {0xC6336400, 24}, // 198.51.100/24, documentation
    {0xCB007100, 24}, // 203.0.113/24, documentation
    {0xF0000000, 4},  // 240/4, reserved, and the broadcast address
});

std::optional<std::uint32_t> parse_v4(std::string_view text) {
    std::uint32_t address = 0;
    for (int i = 0; i < 4; ++i) {
        const auto dot = text.find('.');
        if ((dot == std::string_view::npos) != (i == 3)) return std::nullopt;
        const auto part = text.substr(0, dot);
        // "010" is octal to some and decimal to others, so it is neither (RFC 6943 section 3.1.1).
        if (part.size() > 3 || (part.size() > 1 && part[0] == '0')) return std::nullopt;
        const auto octet = parse_number<std::uint8_t>(part);
        if (!octet) return std::nullopt;
        address = (address << 8U) | *octet;
        if (i < 3) text.remove_prefix(dot + 1);
    }
    return address;
}

// Appends the groups of one side of "::". Where the address ends (\a last) the end may be a dotted
// quad (RFC 4291 section 2.2).
bool parse_groups(std::string_view text, bool last, std::vector<std::uint8_t>& out) {
    while (!text.empty()) {
        const auto colon = text.find(':');
        const auto group = text.substr(0, colon);
        if (colon == std::string_view::npos && group.find('.') != std::string_view::npos) {
            const auto quad = last ? parse_v4(group) : std::nullopt;
            if (!quad) return false;
            for (unsigned shift = 32; shift > 0; shift -= 8) {
                out.push_back(static_cast<std::uint8_t>(*quad >> (shift - 8)));
            }
            return true;
        }
        if (group.size() > 4) return false;
        const auto value = parse_number<std::uint16_t>(group, 16);
        if (!value) return false;
        out.push_back(static_cast<std::uint8_t>(*value >> 8U));
        out.push_back(static_cast<std::uint8_t>(*value));
        if (colon == std::string_view::npos) return true;
        text.remove_prefix(colon + 1);
        if (text.empty()) return false; // a trailing single colon
    }
    return true;
}

std::optional<IpAddress::Bytes> parse_v6(std::string_view text) {
    std::vector<std::uint8_t> head;
    std::vector<std::uint8_t> tail;
    const auto gap = text.find("::");
    if (!parse_groups(text.substr(0, gap), gap == std::string_view::npos, head)) {
        return std::nullopt;
    }
    if (gap == std::string_view::npos) {
        if (head.size() != 16) return std::nullopt;
    } else {
        if (!parse_groups(text.substr(gap + 2), true, tail)) return std::nullopt;
        if (head.size() + tail.size() > 14) return std::nullopt;
    }
    IpAddress::Bytes bytes{};
    std::copy(head.begin(), head.end(), bytes.begin());
    std::copy(tail.rbegin(), tail.rend(), bytes.rbegin());
    return bytes;
}

std::string v6_to_string(const IpAddress::Bytes& bytes) {
    std::array<std::uint16_t, 8> groups{};
    for (std::size_t i = 0; i < 8; ++i) {
        groups[i] = static_cast<std::uint16_t>((bytes[2 * i] << 8U) | bytes[2 * i + 1]);
    }
    // RFC 5952 section 4.2: "::" stands for the longest run of two or more zero groups, the first
    // of equals.
    std::size_t gap = 8;
    std::size_t gap_length = 1;
    for (std::size_t i = 0; i < 8; ++i) {
        std::size_t end = i;
        while (end < 8 && groups[end] == 0) ++end;
        if (end - i > gap_length) {
            gap = i;
            gap_length = end - i;
        }
        if (end > i) i = end - 1;
    }
    std::string out;
    for (std::size_t i = 0; i < 8; ++i) {
        if (i == gap) {
            out += "::";
            i += gap_length - 1;
            continue;
        }
        if (!out.empty() && out.back() != ':') out += ':';
        std::array<char, 4> digits{};
        const auto result =
            std::to_chars(digits.data(), digits.data() + digits.size(), groups[i], 16);
        out.append(digits.data(), result.ptr);
    }
    return out;
}

} // namespace

std::string_view to_string(Transport transport) noexcept {
    return transport == Transport::Udp ? "udp" : "tcp";
}

IpAddress IpAddress::v6(const Bytes& bytes, std::uint32_t scope_id) noexcept {
    if (std::equal(kMappedPrefix.begin(), kMappedPrefix.begin() + 12, bytes.begin())) {
        return v4(static_cast<std::uint32_t>(bytes[12]) << 24U |
                  static_cast<std::uint32_t>(bytes[13]) << 16U |
                  static_cast<std::uint32_t>(bytes[14]) << 8U | bytes[15]);
    }
    IpAddress out;
    out.bytes_ = bytes;
    out.v4_ = false;
    out.scope_id_ = scope_id;
    return out;
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
    if (const auto address = parse_v4(text)) return v4(*address);
    const auto percent = text.find('%');
    std::uint32_t scope_id = 0;
    if (percent != std::string_view::npos) {
        const auto zone = parse_number<std::uint32_t>(text.substr(percent + 1));
        if (!zone) {
            return Error{Errc::InvalidArgument,
                         "zone of \"" + std::string(text) + "\" is no number"};
        }
        scope_id = *zone;
    }
    if (const auto bytes = parse_v6(text.substr(0, percent))) return v6(*bytes, scope_id);
    return Error{Errc::InvalidArgument,
                 "\"" + std::string(text) + "\" is not a numeric IP address"};
}

std::uint32_t IpAddress::to_v4() const noexcept {
    assert(v4_);
    return static_cast<std::uint32_t>(bytes_[12]) << 24U |
           static_cast<std::uint32_t>(bytes_[13]) << 16U |
           static_cast<std::uint32_t>(bytes_[14]) << 8U | bytes_[15];
}

IpAddress::Bytes IpAddress::mapped_bytes() const noexcept {
    if (!v4_) return bytes_;
    Bytes out = kMappedPrefix;
    std::copy(bytes_.begin() + 12, bytes_.end(), out.begin() + 12);
    return out;
}

bool IpAddress::is_unspecified() const noexcept {
    return std::all_of(bytes_.begin(), bytes_.end(), [](std::uint8_t byte) { return byte == 0; });
}

bool IpAddress::is_loopback() const noexcept {
    if (v4_) return bytes_[12] == 127;
    return bytes_[15] == 1 && std::all_of(bytes_.begin(), bytes_.end() - 1,
                                          [](std::uint8_t byte) { return byte == 0; });
}

bool IpAddress::is_multicast() const noexcept {
    return v4_ ? (bytes_[12] & 0xf0U) == 0xe0 : bytes_[0] == 0xff;
}

bool IpAddress::is_link_local() const noexcept {
    return v4_ ? within(to_v4(), {0xA9FE0000, 16})
               : bytes_[0] == 0xfe && (bytes_[1] & 0xc0U) == 0x80;
}

bool IpAddress::is_private() const noexcept {
    if (!v4_) return (bytes_[0] & 0xfeU) == 0xfc;
    const auto address = to_v4();
    return within(address, {0x0A000000, 8}) || within(address, {0xAC100000, 12}) ||
           within(address, {0xC0A80000, 16});
}

bool IpAddress::is_shared() const noexcept {
    return v4_ && within(to_v4(), {0x64400000, 10});
}

bool IpAddress::is_public() const noexcept {
    if (is_unspecified() || is_loopback() || is_multicast() || is_link_local() || is_private() ||
        is_shared()) {
        return false;
    }
    if (v4_) {
        return std::none_of(std::begin(kOtherSpecial), std::end(kOtherSpecial),
                            [&](const Range& range) { return within(to_v4(), range); });
    }
    if ((bytes_[0] & 0xe0U) != 0x20)
        return false; // global unicast is 2000::/3 (RFC 4291 section 2.4)
    const bool documentation = bytes_[0] == 0x20 && bytes_[1] == 0x01 && bytes_[2] == 0x0d &&
                               bytes_[3] == 0xb8; // 2001:db8::/32 (RFC 3849)
    return !documentation;
}

std::string IpAddress::to_string() const {
    if (!v4_) {
        auto out = v6_to_string(bytes_);
        if (scope_id_ != 0) out += "%" + std::to_string(scope_id_);
        return out;
    }
    std::string out = std::to_string(bytes_[12]);
    for (std::size_t i = 13; i < 16; ++i) out += "." + std::to_string(bytes_[i]);
    return out;
}

bool same_network(const IpAddress& a, const IpAddress& b, unsigned prefix_length) noexcept {
    if (a.is_v4() != b.is_v4()) return false;
    const auto left = a.mapped_bytes();
    const auto right = b.mapped_bytes();
    const unsigned bits =
        a.is_v4() ? std::min(prefix_length, 32U) + 96 : std::min(prefix_length, 128U);
    for (unsigned i = 0; i < bits; ++i) {
        const unsigned shift = 7 - i % 8;
        const unsigned differing = left[i / 8] ^ unsigned { right[i / 8] };
        if ((differing >> shift & 1U) != 0) return false;
    }
    return true;
}

Result<Endpoint> Endpoint::parse(std::string_view text) {
    const Error error{Errc::InvalidArgument,
                      "\"" + std::string(text) + "\" is not ADDRESS:PORT with a numeric address"};
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return error;
    const auto port = parse_number<std::uint16_t>(text.substr(colon + 1));
    auto host = text.substr(0, colon);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    const auto address = IpAddress::parse(host);
    if (!port || !address || (address->is_v4() && bracketed) || (!bracketed && !address->is_v4())) {
        return error;
    }
    return Endpoint{*address, *port};
}

std::string Endpoint::to_string() const {
    const auto host = address.to_string();
    return (address.is_v4() ? host : "[" + host + "]") + ":" + std::to_string(port);
}

} // namespace natterjack
