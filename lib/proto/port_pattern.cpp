// SPDX-License-Identifier: MIT
#include "proto/port_pattern.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace natterjack {

namespace {

// Others behind the same NAT take ports in between.
constexpr int kWidestStep = 8;
// The smallest share of a port range that carriers hand to a subscriber is 64 to 2048 ports wide.
constexpr int kWidestBlock = 2048;
constexpr std::size_t kFewest = 3;         // two steps that agree
constexpr std::size_t kFewestForBlock = 6; // that random ports stand so close: under one in 10^6
constexpr double kAllPorts = 64512;        // 1024 to 65535
constexpr int kManyGuesses = 256;

std::vector<int> sorted_steps(std::vector<std::uint16_t> ports) {
    std::sort(ports.begin(), ports.end());
    std::vector<int> out;
    for (std::size_t i = 1; i < ports.size(); ++i) out.push_back(ports[i] - ports[i - 1]);
    return out;
}

double chance_of_many(double range) {
    return 1 - std::pow(1 - std::min(1.0, kManyGuesses / range), kManyGuesses);
}

void find_pattern(PortAllocation& out, const std::vector<std::uint16_t>& ports) {
    const auto [low, high] = std::minmax_element(ports.begin(), ports.end());
    out.lowest = *low;
    out.highest = *high;
    const int width = *high - *low + 1;
    const auto steps = sorted_steps(ports);
    const int widest = kWidestStep * static_cast<int>(steps.size());
    if (width - 1 <= widest && width > 1) {
        const auto smallest = *std::min_element(steps.begin(), steps.end());
        const auto same = std::count(steps.begin(), steps.end(), smallest);
        const bool falling = ports.front() > ports.back();
        out.step = falling ? -smallest : smallest;
        out.pattern = {PortPattern::Sequential,
                       ports.size() > kFewest ? Confidence::Proved : Confidence::Likely,
                       "the ports follow each other"};
        out.one_guess = static_cast<double>(same) / static_cast<double>(steps.size());
        out.many_guesses = 1;
    } else if (width <= kWidestBlock && ports.size() >= kFewestForBlock) {
        out.pattern = {PortPattern::Block, Confidence::Likely, "all ports are in one small range"};
        out.one_guess = 1.0 / width;
        out.many_guesses = chance_of_many(width);
    } else {
        out.pattern = {PortPattern::Random, Confidence::Likely, "the ports show no order"};
        out.one_guess = 1.0 / kAllPorts;
        out.many_guesses = chance_of_many(kAllPorts);
    }
}

} // namespace

PortAllocation judge_ports(const std::vector<PortSample>& sockets,
                           const std::vector<std::uint16_t>& destinations) {
    PortAllocation out;
    std::vector<std::uint16_t> ports;
    for (const auto& sample : sockets) {
        ++out.sockets;
        out.kept += sample.local == sample.external ? 1 : 0;
        out.parity_kept += sample.local % 2 == sample.external % 2 ? 1 : 0;
        ports.push_back(sample.external);
    }
    const bool depends = destinations.size() > 1;
    out.samples = depends ? destinations : ports;
    // One that is not kept is a port that somebody else has, and tells nothing of the rest.
    const bool preserves = out.sockets > 1 && out.kept >= out.sockets - 1;
    if (preserves && !depends) {
        out.pattern = {PortPattern::Preserving,
                       out.sockets > 3 ? Confidence::Proved : Confidence::Likely,
                       "the host's own ports are kept"};
        out.one_guess = static_cast<double>(out.kept) / out.sockets;
        out.many_guesses = 1;
    } else if (out.samples.size() >= kFewest) {
        find_pattern(out, out.samples);
    } else if (!out.samples.empty()) {
        out.pattern = {PortPattern::Unknown, Confidence::Inconclusive, "too few ports were seen"};
    }
    return out;
}

} // namespace natterjack
