// SPDX-License-Identifier: MIT
/// \file
/// \brief The journal's file as text. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "net/process.hpp"
#include "strategies/mapper.hpp"

namespace natterjack {

/// A mapping as it outlives its program: times by the wall clock.
struct JournalEntry {
    Mapping mapping; ///< Without granted_at.
    /// When the gateway forgets it; the epoch: it has no lifetime.
    std::chrono::system_clock::time_point ends;
    /// The process that renews it; pid 0: it was left to its lifetime. The program is named in
    /// either case.
    net::Process owner;
    /// The gateway's hardware address in hexadecimal digits; empty: not known. Every other house
    /// has a 192.168.1.1.
    std::string hardware;

    /// What is left of its lifetime at \a now, before ends: 1 second or more; 0: it has none.
    [[nodiscard]] std::chrono::seconds left(std::chrono::system_clock::time_point now) const {
        if (ends == std::chrono::system_clock::time_point()) return std::chrono::seconds(0);
        return std::chrono::ceil<std::chrono::seconds>(ends - now);
    }
};

/// What helps the next run to find a gateway's services sooner.
struct KnownGateway {
    IpAddress gateway;
    std::string hardware; ///< As JournalEntry's.
    GatewayMemory memory;
};

struct JournalContents {
    std::vector<JournalEntry> entries;
    std::vector<KnownGateway> gateways; ///< Last used last.
};

/// Empty when \a text is no journal, or says what cannot be: then none of it is believed. At most
/// Journal::kMaxEntries and kMaxGateways are taken.
[[nodiscard]] std::optional<JournalContents> parse_journal(const std::string& text);
[[nodiscard]] std::string to_text(const JournalContents& contents);

} // namespace natterjack
