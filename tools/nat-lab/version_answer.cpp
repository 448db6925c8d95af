// SPDX-License-Identifier: MIT
#include "version_answerer.hpp"

namespace natterjack::lab {

std::vector<std::uint8_t> unsupported_version(Speaks speaks, std::span<const std::uint8_t> request,
                                              std::chrono::seconds uptime) {
    constexpr std::uint8_t kAnswer = 0x80; // the highest bit of the opcode, in both protocols
    constexpr std::uint8_t kUnsupportedVersion = 1; // as well in both
    constexpr std::size_t kNatPmpSize = 8;
    constexpr std::size_t kPcpSize = 24;
    if (request.size() < 2 || (request[1] & kAnswer) != 0) return {};

    const bool pcp = speaks == Speaks::Pcp;
    std::vector<std::uint8_t> answer(pcp ? kPcpSize : kNatPmpSize, 0);
    answer[0] = pcp ? 2 : 0;
    answer[1] = static_cast<std::uint8_t>(request[1] | kAnswer);
    answer[3] = kUnsupportedVersion; // PCP: one byte; NAT-PMP: the lower half of two
    const auto epoch = static_cast<std::uint32_t>(uptime.count());
    const std::size_t at = pcp ? 8 : 4;
    for (unsigned i = 0; i < 4; ++i) {
        answer[at + i] = static_cast<std::uint8_t>(epoch >> (24 - 8 * i));
    }
    return answer;
}

} // namespace natterjack::lab
