// SPDX-License-Identifier: MIT
#include "labelled_output.hpp"

namespace natterjack::lab {

namespace {
constexpr std::size_t kLongestLine = 65536;
} // namespace

std::string LabelledOutput::add(std::string_view bytes) {
    std::string out;
    for (const char c : bytes) {
        if (c != '\n') line_ += c;
        if (c != '\n' && line_.size() < kLongestLine) continue;
        out += label_ + line_ + "\n";
        line_.clear();
    }
    return out;
}

std::string LabelledOutput::finish() {
    if (line_.empty()) return {};
    return add("\n");
}

} // namespace natterjack::lab
