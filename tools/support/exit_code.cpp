// SPDX-License-Identifier: MIT
#include "exit_code.hpp"

#include <iostream>

namespace tool_support {

int exit_code_of(const natterjack::Error& error) {
    using natterjack::Errc;
    switch (error.code) {
    case Errc::NotFound:
    case Errc::Timeout: return kNoWay;
    case Errc::Refused:
    case Errc::Conflict:
    case Errc::Unsupported: return kRefused;
    case Errc::InvalidArgument: return kUsage;
    case Errc::NoNetwork:
    case Errc::Network: return kNoNetwork;
    // Who answers nonsense opens nothing.
    case Errc::Truncated:
    case Errc::Malformed:
    case Errc::Mismatch:
    case Errc::TooLarge:
    case Errc::Unsafe: return kNoWay;
    case Errc::Cancelled: return kInternal;
    }
    return kInternal;
}

bool written(std::string_view tool) {
    if (std::cout.flush()) return true;
    std::cerr << tool << ": cannot write the answer: standard output is full or closed\n";
    return false;
}

} // namespace tool_support
