// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <tuple>

#include "wire/candidate.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace natterjack;
    const std::string line(data, data + size);
    const auto candidate = sdp::decode_candidate(line);
    if (!candidate) return 0;
    // What libnice must never see.
    if (candidate->component != 1 || candidate->priority == 0 || candidate->port == 0 ||
        (candidate->transport == Transport::Tcp) != candidate->tcp_type.has_value()) {
        std::abort();
    }
    std::ignore = sdp::check_candidate(*candidate);
    const auto again = sdp::decode_candidate(sdp::encode(*candidate));
    if (!again || !(*again == *candidate)) std::abort();
    return 0;
}
