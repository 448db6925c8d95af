// SPDX-License-Identifier: MIT
#include <cstdlib>

#include "wire/dial_back.hpp"

using namespace natterjack;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    stun::Message message;
    message.attributes.push_back({DialBack::kType, {data, data + size}});
    const auto read = dial_back(message);
    if (!read) return 0;
    if (read->port == 0 || read->limit > 255 * DialBack::kLimitUnit) std::abort();
    stun::Message again;
    again.attributes.push_back({DialBack::kType, dial_back_value(*read)});
    const auto second = dial_back(again);
    if (!second || !(*second == *read)) std::abort();
    return 0;
}
