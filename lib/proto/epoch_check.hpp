// SPDX-License-Identifier: MIT
/// \file
/// \brief Whether a gateway has lost its mappings, from the seconds that it counts since its start.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.hpp"

namespace natterjack {

/// Follows the epoch of one gateway and one protocol. Sans-IO.
class EpochCheck {
public:
    enum class Rule : std::uint8_t {
        NatPmp, ///< RFC 6886 section 3.6.
        Pcp     ///< RFC 6887 section 8.5.
    };

    explicit EpochCheck(Rule rule) : rule_(rule) {}

    /// Takes the epoch of an answer that came at \a now. False: the gateway's tables began anew
    /// since the last one. The first one is always right.
    [[nodiscard]] bool goes_on(TimePoint now, Lifetime epoch);

private:
    struct Seen {
        TimePoint at;
        Lifetime epoch{0};
    };

    Rule rule_;
    std::optional<Seen> last_;
};

} // namespace natterjack
