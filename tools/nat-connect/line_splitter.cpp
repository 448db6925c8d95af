// SPDX-License-Identifier: MIT
#include "line_splitter.hpp"

#include <utility>

#include "base/text.hpp"

namespace nat_connect {

void LineSplitter::feed(std::string_view bytes) {
    if (skipping_) {
        const auto end = bytes.find('\n');
        if (end == std::string_view::npos) return;
        skipping_ = false;
        bytes.remove_prefix(end + 1);
    }
    buffer_ += bytes;
}

std::optional<std::string> LineSplitter::next() {
    for (;;) {
        const auto end = buffer_.find('\n', searched_);
        if (end == std::string::npos) {
            searched_ = buffer_.size();
            if (buffer_.size() > kMaxLine) {
                buffer_.clear();
                searched_ = 0;
                skipping_ = too_long_ = true;
            }
            return std::nullopt;
        }
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        searched_ = 0;
        if (line.size() > kMaxLine) {
            too_long_ = true;
            continue;
        }
        if (line.ends_with('\r')) line.pop_back();
        return line;
    }
}

std::optional<std::string> LineSplitter::rest() {
    if (buffer_.empty()) return std::nullopt;
    searched_ = 0;
    return std::exchange(buffer_, {});
}

bool looks_like_signal(std::string_view line) {
    return natterjack::trim(line).starts_with('{');
}

} // namespace nat_connect
