// SPDX-License-Identifier: MIT
#include "text_report.hpp"

#include <algorithm>

namespace nat_probe {

namespace {

constexpr std::size_t kWidth = 100;
constexpr std::size_t kLabel = 18; // two of indent, the longest label, and one
constexpr const char* kLink = "------";
constexpr const char* kCut = "--//--";

std::string pad(std::string text, std::size_t width) {
    if (text.size() < width) text.append(width - text.size(), ' ');
    return text;
}

std::string labelled(const std::string& label, const std::string& text) {
    return pad(label, kLabel) + wrap(text, kLabel) + "\n";
}

std::string line_text(const Line& line) {
    auto out = line.value;
    if (!line.confidence.empty()) out += " [" + line.confidence + "]";
    if (!line.evidence.empty()) out += " - " + line.evidence;
    return out;
}

} // namespace

std::string wrap(const std::string& text, std::size_t indent) {
    std::string out;
    std::size_t column = indent;
    std::size_t at = 0;
    while (at < text.size()) {
        const auto end = std::min(text.find(' ', at), text.size());
        const auto word = text.substr(at, end - at);
        if (column > indent && column + 1 + word.size() > kWidth) {
            out += "\n" + std::string(indent, ' ');
            column = indent;
        } else if (column > indent) {
            out += ' ';
            ++column;
        }
        out += word;
        column += word.size();
        at = end + 1;
    }
    return out;
}

std::string draw_path(const std::vector<Station>& path) {
    std::vector<std::size_t> widths;
    std::size_t rows = 0;
    for (const auto& station : path) {
        auto width = station.title.size() + 2;
        for (const auto& note : station.notes) width = std::max(width, note.size());
        widths.push_back(width);
        rows = std::max(rows, station.notes.size());
    }
    std::string out = "  ";
    for (std::size_t i = 0; i < path.size(); ++i) {
        if (i > 0) out += path[i].barrier || path[i - 1].barrier ? kCut : kLink;
        auto box = "[" + path[i].title + "]";
        if (i + 1 < path.size()) box.append(widths[i] - box.size(), '-');
        out += box;
    }
    out += "\n";
    for (std::size_t row = 0; row < rows; ++row) {
        std::string line = "  ";
        for (std::size_t i = 0; i < path.size(); ++i) {
            if (i > 0) line += std::string(6, ' ');
            line += pad(row < path[i].notes.size() ? path[i].notes[row] : "", widths[i]);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out += line + "\n";
    }
    return out;
}

std::string to_text(const Outline& outline) {
    std::string out = labelled(outline.verdict, outline.summary);
    out += labelled("Why", outline.why);
    for (std::size_t i = 0; i < outline.advice.size(); ++i)
        out += labelled(i == 0 ? "What to do" : "", outline.advice[i]);
    if (!outline.consoles.empty())
        out += labelled("Consoles", "such a network is: " + outline.consoles);
    out += "\n" + draw_path(outline.path);
    for (const auto& section : outline.sections) {
        out += "\n" + section.term + "\n";
        for (const auto& line : section.lines) out += labelled("  " + line.term, line_text(line));
    }
    out += "\n";
    out += labelled("peers", "direct UDP with a peer behind:");
    for (const auto& peer : outline.peers)
        out += labelled("  " + peer.term, pad(peer.direct, 9) + peer.how);
    for (const auto& warning : outline.warnings) out += labelled("Note", warning);
    out += "\n" + outline.footer + "; nat-probe explain WORD tells what a word here means\n";
    return out;
}

std::string to_text(const Outline& outline, const std::vector<std::string>& terms) {
    std::string out;
    for (const auto& section : outline.sections) {
        for (const auto& line : section.lines) {
            const bool wanted = std::find(terms.begin(), terms.end(), line.term) != terms.end();
            if (wanted) out += labelled(line.term, line_text(line));
        }
    }
    return out.empty() ? outline.why + "\n" : out;
}

} // namespace nat_probe
