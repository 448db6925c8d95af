// SPDX-License-Identifier: MIT
/// \file
/// \brief `nat-lab recipe` and `nat-lab presets`: what labs are made of, for people. Pure text.
#pragma once

#include <string>
#include <string_view>

#include "spec.hpp"

namespace natterjack::lab {

/// The rulesets of all routers of \a site, for `nft -f` on a router without nat-lab; comments say
/// what else it takes. \a spec: as the user wrote it.
[[nodiscard]] std::string recipe(std::string_view spec, const SiteSpec& site);

/// All presets: a table for people, or one JSON object.
[[nodiscard]] std::string presets_table();
[[nodiscard]] std::string presets_json();

} // namespace natterjack::lab
