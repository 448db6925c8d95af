// SPDX-License-Identifier: MIT
#include <cstdlib>

#include "wire/dcep.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace natterjack;
    const auto open = dcep::decode_open({data, size});
    if (!open) return 0;
    if (dcep::is_ack({data, size})) std::abort();
    const auto again = dcep::decode_open(dcep::encode(*open));
    if (!again || !(*again == *open)) std::abort();
    return 0;
}
