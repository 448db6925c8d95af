// SPDX-License-Identifier: MIT
#include "wire/dial_back.hpp"

#include <algorithm>

namespace natterjack {

std::vector<std::uint8_t> dial_back_value(const DialBack& dial) {
    constexpr Duration::rep kMost = 255;
    const auto limit = std::clamp<Duration::rep>(dial.limit / DialBack::kLimitUnit, 0, kMost);
    const auto answer = static_cast<unsigned>(dial.answer);
    ByteWriter out;
    out.write(static_cast<std::uint8_t>(limit))
        .write(static_cast<std::uint8_t>(answer << 4U | (dial.silent ? 1U : 0U)))
        .write(dial.port);
    return std::move(out).take();
}

Result<DialBack> dial_back(const stun::Message& message) {
    const auto* attribute = message.find(static_cast<stun::AttributeType>(DialBack::kType));
    if (attribute == nullptr) return Error{Errc::NotFound, "the STUN message has no DIAL-BACK"};
    ByteReader in(attribute->value);
    const auto limit = in.read<std::uint8_t>();
    const auto flags = in.read<std::uint8_t>();
    const auto port = in.read<std::uint16_t>();
    const unsigned answer = flags >> 4U;
    if (!in.ok() || in.remaining() != 0 || port == 0 ||
        answer > static_cast<unsigned>(UnsolicitedSyn::Accepted)) {
        return Error{Errc::Malformed, "DIAL-BACK"};
    }
    return DialBack{port, (flags & 1U) != 0, DialBack::kLimitUnit * limit,
                    static_cast<UnsolicitedSyn>(answer)};
}

} // namespace natterjack
