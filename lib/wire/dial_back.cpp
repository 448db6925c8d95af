// SPDX-License-Identifier: MIT
#include "wire/dial_back.hpp"

namespace natterjack {

std::vector<std::uint8_t> dial_back_value(const DialBack& dial) {
    ByteWriter out;
    out.write(static_cast<std::uint16_t>(dial.silent ? 1 : 0)).write(dial.port);
    return std::move(out).take();
}

Result<DialBack> dial_back(const stun::Message& message) {
    const auto* attribute = message.find(static_cast<stun::AttributeType>(DialBack::kType));
    if (attribute == nullptr) return Error{Errc::NotFound, "the STUN message has no DIAL-BACK"};
    ByteReader in(attribute->value);
    const auto flags = in.read<std::uint16_t>();
    const auto port = in.read<std::uint16_t>();
    if (!in.ok() || in.remaining() != 0 || port == 0) {
        return Error{Errc::Malformed, "DIAL-BACK"};
    }
    return DialBack{port, (flags & 1U) != 0};
}

} // namespace natterjack
