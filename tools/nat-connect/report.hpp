// SPDX-License-Identifier: MIT
/// \file
/// \brief What nat-connect says on stderr: lines for people, or JSON (schema nat-connect/1).
#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include <natterjack/peer_session.hpp>

#include "pinger.hpp"
#include "specs.hpp"

namespace nat_connect {

/// "punched, through the NATs on both sides": which way, and why that one.
[[nodiscard]] std::string describe(const natterjack::PeerPath& path);

/// "described 2 ms, gathered 14 ms, ...", from the start of the session.
[[nodiscard]] std::string describe(const natterjack::PeerTimings& timings);

/// Says things as they happen.
class Report {
public:
    Report(bool json, bool verbose) : json_(json), verbose_(verbose) {}

    void state(const natterjack::PeerInfo& info) const;
    /// The first way, or another one later.
    void path(const natterjack::PeerInfo& info, bool first) const;
    void listening(const Forward& forward, const natterjack::Endpoint& at, bool there) const;
    /// Something that did not work, while the connection goes on.
    void problem(const std::string& message) const;
    void noise(const std::string& line) const;
    /// Only when verbose.
    void detail(const std::string& message) const;
    /// False: nobody reads our standard output any more.
    [[nodiscard]] bool ping(unsigned number, Pinger::Duration took,
                            const natterjack::PeerInfo& info) const;
    void ping_summary(const Pinger& pinger) const;
    /// Why it ends, with the library's notes on what did not work.
    void failure(const natterjack::Error& error, const natterjack::PeerInfo* info) const;

private:
    void event(const std::string& name, const nlohmann::ordered_json& fields) const;

    bool json_;
    bool verbose_;
};

} // namespace nat_connect
