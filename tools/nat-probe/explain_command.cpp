// SPDX-License-Identifier: MIT
#include <iostream>

#include "commands.hpp"
#include "glossary.hpp"
#include "options.hpp"
#include "text_report.hpp"

namespace nat_probe {

int explain(const Options& options, Runner&) {
    std::string word;
    for (const auto& part : options.words) word += (word.empty() ? "" : " ") + part;
    if (word.empty()) {
        for (const Term& term : glossary())
            std::cout << term.word << "\n  " << wrap(std::string(term.text), 2) << '\n';
        return tool_support::kDone;
    }
    const auto* term = find_term(word);
    if (term == nullptr) {
        std::cerr << "nat-probe: \"" << word
                  << "\" is no word of a report; 'nat-probe explain' lists them\n";
        return tool_support::kUsage;
    }
    std::cout << wrap(std::string(term->word) + ": " + std::string(term->text), 0) << '\n';
    return tool_support::kDone;
}

} // namespace nat_probe
