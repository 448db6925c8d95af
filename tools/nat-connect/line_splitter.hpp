// SPDX-License-Identifier: MIT
/// \file
/// \brief Cuts what a signalling transport delivers into lines. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace nat_connect {

/// Bytes in, whole lines out, of bounded length.
///
/// A line that is too long is dropped as a whole, and too_long() says so from then on.
class LineSplitter {
public:
    /// The longest line that any signalling message needs, in bytes
    /// (natterjack::signal::kMaxMessage).
    static constexpr std::size_t kMaxLine = std::size_t{128} * 1024;

    void feed(std::string_view bytes);
    /// The next line, without its line end (LF or CR LF).
    [[nodiscard]] std::optional<std::string> next();
    /// At the end of the stream: what came after the last line end, if anything did.
    [[nodiscard]] std::optional<std::string> rest();
    [[nodiscard]] bool too_long() const { return too_long_; }

private:
    std::string buffer_;
    std::size_t searched_ = 0; // no line end before this
    bool skipping_ = false;    // inside a line that is too long
    bool too_long_ = false;
};

/// True when \a line may be signalling: a JSON object. What a login shell greets with is not.
[[nodiscard]] bool looks_like_signal(std::string_view line);

} // namespace nat_connect
