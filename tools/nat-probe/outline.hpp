// SPDX-License-Identifier: MIT
/// \file
/// \brief A report in the order in which it is read, whatever it is shown on.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <natterjack/measure.hpp>
#include <natterjack/probe_report.hpp>

#include "placeholders.hpp"

namespace nat_probe {

/// One statement. Texts are as they came from the network, but for control characters.
struct Line {
    std::string term;  ///< What is said something about, a word of the glossary; also its label.
    std::string value; ///< The finding, in a few words.
    std::string confidence; ///< A word of the glossary, or empty.
    std::string evidence;   ///< One line, or empty.
};

struct Section {
    std::string term;
    std::vector<Line> lines;
};

/// One station of the way from the host to the internet.
struct Station {
    std::string title; ///< "this host", "router", "carrier's NAT", "internet"
    std::vector<std::string> notes;
    bool translates = false;
    bool barrier = false; ///< Nothing gets through here.
};

struct PeerRow {
    std::string term;
    std::string direct;
    std::string how;
};

struct Outline {
    std::string verdict; ///< The class's word, capital first.
    std::string summary;
    std::string why;
    std::vector<std::string> advice;
    std::vector<Station> path;
    std::vector<Section> sections;
    std::vector<PeerRow> peers;
    std::string consoles;
    std::vector<std::string> warnings;
    std::string footer;
};

/// What `--full` measures besides the report; empty: it was not, or could not be.
struct Measured {
    std::optional<natterjack::Finding<natterjack::Hairpin>> hairpin;
    std::optional<natterjack::MtuReport> mtu;
};

[[nodiscard]] Outline make_outline(const natterjack::ProbeReport& report, Placeholders& names,
                                   const Measured& measured = {});

} // namespace nat_probe
