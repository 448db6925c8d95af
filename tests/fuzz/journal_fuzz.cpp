// SPDX-License-Identifier: MIT
// Anybody who is this user may write the journal's file, and a power cut may cut it.
#include <cstdlib>
#include <string>

#include "traversal/journal_text.hpp"

using namespace natterjack;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto contents = parse_journal({reinterpret_cast<const char*>(data), size});
    if (!contents) return 0;
    // What was understood is written so that it is understood again, to the letter.
    const auto text = to_text(*contents);
    const auto again = parse_journal(text);
    if (!again || to_text(*again) != text) std::abort();
    return 0;
}
