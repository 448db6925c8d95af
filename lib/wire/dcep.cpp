// SPDX-License-Identifier: MIT
#include "wire/dcep.hpp"

#include <algorithm>

namespace natterjack::dcep {

namespace {

constexpr std::uint8_t kAck = 0x02;          // RFC 8832 section 8.2.1
constexpr std::uint8_t kOpen = 0x03;         // RFC 8832 section 8.2.1
constexpr std::uint8_t kUnorderedBit = 0x80; // RFC 8832 section 8.2.2

void write_text(ByteWriter& out, const std::string& text, std::size_t length) {
    for (std::size_t i = 0; i < length; ++i) out.write(static_cast<std::uint8_t>(text[i]));
}

std::string read_text(ByteReader& in, std::size_t length) {
    std::string out;
    out.reserve(length);
    for (std::size_t i = 0; i < length && in.ok(); ++i) {
        out.push_back(static_cast<char>(in.read<std::uint8_t>()));
    }
    return out;
}

} // namespace

std::vector<std::uint8_t> encode_ack() {
    return {kAck};
}

std::vector<std::uint8_t> encode(const Open& open) {
    const auto label = std::min(open.label.size(), kMaxText);
    const auto protocol = std::min(open.protocol.size(), kMaxText);
    const auto type = static_cast<std::uint8_t>(static_cast<unsigned>(open.reliability) |
                                                (open.ordered ? 0U : kUnorderedBit));
    const bool reliable = open.reliability == Reliability::Reliable;
    ByteWriter out;
    out.write(kOpen)
        .write(type)
        .write(open.priority)
        .write(reliable ? std::uint32_t{0} : open.reliability_parameter)
        .write(static_cast<std::uint16_t>(label))
        .write(static_cast<std::uint16_t>(protocol));
    write_text(out, open.label, label);
    write_text(out, open.protocol, protocol);
    return std::move(out).take();
}

bool is_ack(ByteView message) noexcept {
    return message.size() == 1 && message.front() == kAck;
}

Result<Open> decode_open(ByteView message) {
    ByteReader in(message);
    const auto message_type = in.read<std::uint8_t>();
    const auto type = in.read<std::uint8_t>();
    Open open;
    open.priority = in.read<std::uint16_t>();
    open.reliability_parameter = in.read<std::uint32_t>();
    const auto label = in.read<std::uint16_t>();
    const auto protocol = in.read<std::uint16_t>();
    if (!in.ok()) return Error{Errc::Truncated, "data channel OPEN"};
    if (message_type != kOpen) {
        return Error{Errc::Malformed, "data channel message type", message_type};
    }
    if (label > kMaxText || protocol > kMaxText) {
        return Error{Errc::TooLarge, "label or protocol of a data channel OPEN"};
    }
    open.label = read_text(in, label);
    open.protocol = read_text(in, protocol);
    if (!in.ok()) return Error{Errc::Truncated, "data channel OPEN"};
    if (in.remaining() != 0)
        return Error{Errc::Malformed, "data channel OPEN with bytes left over"};
    const auto reliability = static_cast<std::uint8_t>(type & ~kUnorderedBit);
    if (reliability > static_cast<std::uint8_t>(Reliability::MaxLifetime)) {
        return Error{Errc::Unsupported, "data channel type", type};
    }
    open.reliability = static_cast<Reliability>(reliability);
    open.ordered = (type & kUnorderedBit) == 0;
    // RFC 8832 section 5.1: the parameter of a reliable channel is ignored on receipt.
    if (open.reliability == Reliability::Reliable) open.reliability_parameter = 0;
    return open;
}

} // namespace natterjack::dcep
