// SPDX-License-Identifier: MIT
#include <cstdlib>

#include "wire/signal_json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace natterjack;
    const auto message = signal::decode(std::string(data, data + size));
    if (!message) return 0;
    const auto line = signal::encode(*message);
    if (line.find('\n') != std::string::npos) std::abort();
    const auto again = signal::decode(line);
    if (again && !(*again == *message)) std::abort();
    if (!again && again.error().code != Errc::TooLarge) std::abort();
    return 0;
}
