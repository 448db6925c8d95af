// SPDX-License-Identifier: MIT
#include <natterjack/result.hpp>

namespace natterjack {

std::string_view to_string(Errc code) noexcept {
    switch (code) {
    case Errc::Truncated: return "truncated";
    case Errc::Malformed: return "malformed";
    case Errc::Mismatch: return "mismatch";
    case Errc::Unsupported: return "unsupported";
    case Errc::Refused: return "refused";
    case Errc::Conflict: return "conflict";
    case Errc::NotFound: return "not found";
    case Errc::Timeout: return "timeout";
    case Errc::Network: return "network error";
    case Errc::NoNetwork: return "no network";
    case Errc::InvalidArgument: return "invalid argument";
    case Errc::Cancelled: return "cancelled";
    case Errc::TooLarge: return "too large";
    case Errc::Unsafe: return "unsafe";
    }
    return "unknown";
}

} // namespace natterjack
