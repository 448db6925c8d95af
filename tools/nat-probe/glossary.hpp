// SPDX-License-Identifier: MIT
/// \file
/// \brief Every term of a report, in words for people who know nothing of NATs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nat_probe {

struct Term {
    std::string_view word; ///< Lower case, as `nat-probe explain` takes it.
    std::string_view text;
};

[[nodiscard]] const std::vector<Term>& glossary();
/// Whatever the case, with '-', '_' or a space between words; nullptr: there is no such term.
[[nodiscard]] const Term* find_term(std::string_view word);

} // namespace nat_probe
