// SPDX-License-Identifier: MIT
#include "html_report.hpp"

#include <algorithm>

#include "glossary.hpp"

namespace nat_probe {

namespace {

// A policy that forbids everything but the page's own style: should anything of the network's ever
// get through unescaped, it does nothing.
constexpr const char* kHead = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>nat-probe report</title>
<style>
:root { --ground: #fbfbf9; --card: #ffffff; --ink: #1d2327; --soft: #5c666e; --line: #d8dcdf;
  --open: #1a7f37; --good: #1a7f37; --limited: #8a5a00; --hard: #b3261e; --blocked: #b3261e;
  --inconclusive: #5c666e; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #14181b; --card: #1d2327; --ink: #e6e9eb; --soft: #a2acb3; --line: #3a444b;
    --open: #57c975; --good: #57c975; --limited: #e3b341; --hard: #ff8a80; --blocked: #ff8a80;
    --inconclusive: #a2acb3; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1rem; }
header { border-left: .4rem solid var(--tone); padding: .2rem 0 .2rem 1rem; margin: 1rem 0; }
h1 { font-size: 1.6rem; margin: 0; color: var(--tone); }
h2 { font-size: 1.05rem; margin: 0 0 .5rem; }
p { margin: .3rem 0; }
section { background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: .8rem 1rem; margin: 1rem 0; }
dl { display: grid; grid-template-columns: 9rem 1fr; gap: .4rem 1rem; margin: 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
small, .soft { color: var(--soft); }
.tag { border: 1px solid var(--line); border-radius: .6rem; padding: 0 .5rem; font-size: .8rem;
  color: var(--soft); white-space: nowrap; }
abbr { text-decoration: underline dotted; cursor: help; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-top: 1px solid var(--line);
  vertical-align: top; }
th { color: var(--soft); font-weight: normal; border-top: 0; }
.yes, .likely { color: var(--good); } .unlikely { color: var(--limited); } .no { color: var(--hard); }
.path svg { display: block; margin: 0 auto; max-width: 100%; height: auto; }
.path .tall { display: none; }
svg text { fill: var(--ink); font: 14px system-ui, sans-serif; }
svg .note { fill: var(--soft); font-size: 12px; }
svg rect { fill: var(--card); stroke: var(--soft); stroke-width: 1.5; }
svg rect.nat { stroke: var(--limited); }
svg rect.barrier { stroke: var(--hard); stroke-dasharray: 5 4; }
svg line { stroke: var(--soft); stroke-width: 1.5; }
@media (max-width: 50rem) {
  .path .wide { display: none; } .path .tall { display: block; }
}
@media (max-width: 40rem) {
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .6rem; }
  tr { display: grid; grid-template-columns: 1fr 1fr; border-top: 1px solid var(--line); }
  td { border: 0; } td:last-child { grid-column: 1 / -1; color: var(--soft); padding-top: 0; }
  tr:first-child { border: 0; } th:last-child { display: none; }
}
</style>
</head>
)";

constexpr int kBoxHeight = 44;
constexpr int kGap = 44;
constexpr int kNoteHeight = 17;

std::string number(int value) {
    return std::to_string(value);
}

/// Wide enough for its longest text: 14 and 12 pixel letters are at most that wide on average.
int width_of(const Station& station) {
    std::size_t width = station.title.size() * 9 + 24;
    for (const auto& note : station.notes) width = std::max(width, note.size() * 7 + 8);
    return static_cast<int>(width);
}

std::string element(int x, int y, int width, const Station& station) {
    const auto middle = number(x + width / 2);
    const char* kind = station.barrier ? "barrier" : station.translates ? "nat" : "plain";
    std::string out = "<rect class=\"" + std::string(kind) + "\" x=\"" + number(x) + "\" y=\"" +
                      number(y) + "\" width=\"" + number(width) + "\" height=\"" +
                      number(kBoxHeight) + R"(" rx="8"/><text text-anchor="middle" x=")" + middle +
                      "\" y=\"" + number(y + 27) + "\">" + escape_html(station.title) + "</text>";
    int at = y + kBoxHeight + kNoteHeight;
    for (const auto& note : station.notes) {
        out += R"(<text class="note" text-anchor="middle" x=")" + middle + "\" y=\"" + number(at) +
               "\">" + escape_html(note) + "</text>";
        at += kNoteHeight;
    }
    return out;
}

std::string line(int x1, int y1, int x2, int y2) {
    return "<line x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) +
           "\" y2=\"" + number(y2) + "\"/>";
}

int notes_height(const Station& station) {
    return static_cast<int>(station.notes.size()) * kNoteHeight;
}

std::string svg(const char* kind, int width, int height, const std::string& body) {
    return "<svg class=\"" + std::string(kind) +
           "\" role=\"img\" aria-label=\"the way from this "
           "host to the internet\" width=\"" +
           number(width) + "\" height=\"" + number(height) + "\" viewBox=\"0 0 " + number(width) +
           " " + number(height) + "\">" + body + "</svg>\n";
}

std::string wide_path(const std::vector<Station>& path) {
    std::string body;
    int x = 2;
    int notes = 0;
    for (std::size_t i = 0; i < path.size(); ++i) {
        if (i > 0) {
            body += line(x, 2 + kBoxHeight / 2, x + kGap, 2 + kBoxHeight / 2);
            x += kGap;
        }
        body += element(x, 2, width_of(path[i]), path[i]);
        x += width_of(path[i]);
        notes = std::max(notes, notes_height(path[i]));
    }
    return svg("wide", x + 2, kBoxHeight + notes + 14, body);
}

std::string tall_path(const std::vector<Station>& path) {
    int width = 0;
    for (const auto& station : path) width = std::max(width, width_of(station));
    std::string body;
    int y = 2;
    for (std::size_t i = 0; i < path.size(); ++i) {
        if (i > 0) {
            body += line(2 + width / 2, y, 2 + width / 2, y + kGap / 2);
            y += kGap / 2;
        }
        body += element(2, y, width, path[i]);
        y += kBoxHeight + (path[i].notes.empty() ? 0 : notes_height(path[i]) + 8);
    }
    return svg("tall", width + 4, y + 2, body);
}

/// The word, with its explanation where the page is pointed at.
std::string term(const std::string& word) {
    const auto* known = find_term(word);
    if (known == nullptr) return escape_html(word);
    return "<abbr title=\"" + escape_html(known->text) + "\">" + escape_html(word) + "</abbr>";
}

std::string section_html(const Section& section) {
    std::string out = "<section><h2>" + term(section.term) + "</h2><dl>\n";
    for (const auto& each : section.lines) {
        out += "<dt>" + term(each.term) + "</dt><dd>" + escape_html(each.value);
        if (!each.confidence.empty())
            out += " <span class=\"tag\">" + escape_html(each.confidence) + "</span>";
        if (!each.evidence.empty()) out += "<br><small>" + escape_html(each.evidence) + "</small>";
        out += "</dd>\n";
    }
    return out + "</dl></section>\n";
}

std::string peers_html(const std::vector<PeerRow>& peers) {
    std::string out =
        "<section><h2>" + term("peers") +
        "</h2>\n<table><tr><th>peer is behind</th><th>direct UDP</th><th>how</th></tr>\n";
    for (const auto& peer : peers) {
        out += "<tr><td>" + term(peer.term) + "</td><td class=\"" + escape_html(peer.direct) +
               "\">" + escape_html(peer.direct) + "</td><td>" + escape_html(peer.how) +
               "</td></tr>\n";
    }
    return out + "</table></section>\n";
}

/// What the page itself says, for who cannot point at words (phones).
std::string glossary_html(const Outline& outline) {
    std::vector<std::string> words;
    const auto add = [&](const std::string& word) {
        const bool known = std::find(words.begin(), words.end(), word) != words.end();
        if (find_term(word) != nullptr && !known) words.push_back(word);
    };
    for (const auto& section : outline.sections) {
        add(section.term);
        for (const auto& each : section.lines) {
            add(each.term);
            add(each.value.substr(0, each.value.find_first_of(":,")));
            add(each.confidence);
        }
    }
    for (const auto& peer : outline.peers) add(peer.term);
    std::string out = "<section><details><summary>What do these words mean?</summary><dl>\n";
    for (const auto& word : words) {
        out += "<dt>" + escape_html(word) + "</dt><dd>" + escape_html(find_term(word)->text) +
               "</dd>\n";
    }
    return out + "</dl></details></section>\n";
}

} // namespace

std::string escape_html(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
        case '&': out += "&amp;"; break;
        case '<': out += "&lt;"; break;
        case '>': out += "&gt;"; break;
        case '"': out += "&quot;"; break;
        case '\'': out += "&#39;"; break;
        default: out += c;
        }
    }
    return out;
}

std::string to_html(const Outline& outline) {
    std::string tone = outline.verdict;
    tone.front() = static_cast<char>(tone.front() - 'A' + 'a');
    std::string out = kHead;
    out += "<body style=\"--tone: var(--" + tone + ")\"><main>\n<header><h1>" +
           escape_html(outline.summary) + "</h1>\n<p>" + escape_html(outline.why) + "</p>\n";
    for (const auto& advice : outline.advice)
        out += "<p><strong>" + escape_html(advice) + "</strong></p>\n";
    if (!outline.consoles.empty())
        out += "<p class=\"soft\">Consoles call it: " + escape_html(outline.consoles) + "</p>\n";
    out += "</header>\n<section class=\"path\">\n" + wide_path(outline.path) +
           tall_path(outline.path) + "</section>\n";
    for (const auto& section : outline.sections) out += section_html(section);
    out += peers_html(outline.peers);
    for (const auto& warning : outline.warnings)
        out += "<p class=\"soft\">Note: " + escape_html(warning) + "</p>\n";
    out += glossary_html(outline);
    return out + "<footer class=\"soft\">nat-probe, " + escape_html(outline.footer) +
           "</footer>\n</main></body></html>\n";
}

} // namespace nat_probe
