// SPDX-License-Identifier: MIT
/// \file
/// \brief A report as one page that needs nothing else: no scripts, no files, no network.
#pragma once

#include <string>
#include <string_view>

#include "outline.hpp"

namespace nat_probe {

/// Everything of the outline is escaped: some of it comes from the network.
[[nodiscard]] std::string to_html(const Outline& outline);

/// Safe as text and as an attribute's value in double quotes.
[[nodiscard]] std::string escape_html(std::string_view text);

} // namespace nat_probe
