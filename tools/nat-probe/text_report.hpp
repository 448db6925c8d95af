// SPDX-License-Identifier: MIT
/// \file
/// \brief A report on a terminal.
#pragma once

#include <string>

#include "outline.hpp"

namespace nat_probe {

/// One screen, at most 100 columns but for long names; ends with a line end.
[[nodiscard]] std::string to_text(const Outline& outline);

/// Only the lines about \a terms.
[[nodiscard]] std::string to_text(const Outline& outline, const std::vector<std::string>& terms);

/// Breaks at spaces; every line after the first begins with \a indent spaces.
[[nodiscard]] std::string wrap(const std::string& text, std::size_t indent);

/// The path alone, three or four lines.
[[nodiscard]] std::string draw_path(const std::vector<Station>& path);

} // namespace nat_probe
