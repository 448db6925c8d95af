// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <tuple>

#include "wire/sdp.hpp"

using namespace natterjack;

namespace {

void check(const std::string& text, sdp::Kind kind) {
    auto description = sdp::decode_description(text, kind);
    if (!description) return;
    if (description->fingerprints.empty() || description->candidates.size() > sdp::kMaxCandidates) {
        std::abort();
    }
    std::ignore = sdp::answer_to(*description);
    description->ice_lite = false; // is read only
    const auto again = sdp::decode_description(sdp::encode(*description), kind);
    if (again && !(*again == *description)) std::abort();
    // What we write may be longer than what was read, but never of another kind of wrong.
    if (!again && again.error().code != Errc::TooLarge) std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(data, data + size);
    check(text, sdp::Kind::Offer);
    check(text, sdp::Kind::Answer);
    return 0;
}
