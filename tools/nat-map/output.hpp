// SPDX-License-Identifier: MIT
/// \file
/// \brief What nat-map prints: rows for people, JSON (schema nat-map/1) for programs.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include <natterjack/natterjack.hpp>

#include "options.hpp"

namespace nat_map {

/// "until its lease ends at 16:05:12 at the latest", or "until it is deleted there".
[[nodiscard]] std::string end_text(const natterjack::OpeningInfo& info);

/// One mapping as it is shown, wherever it came from.
struct Row {
    natterjack::Transport transport = natterjack::Transport::Tcp;
    natterjack::Endpoint internal;
    natterjack::Endpoint external;
    natterjack::Strategy strategy = natterjack::Strategy::Igd;
    natterjack::Reach reach = natterjack::Reach::Anyone;
    natterjack::Proof proof = natterjack::Proof::Claimed;
    natterjack::ProofLevel proof_level = natterjack::ProofLevel::None;
    std::string proof_evidence; ///< Empty: nobody asked for a proof.
    std::chrono::seconds lifetime{0};
    std::string description;
    natterjack::IpAddress gateway;
    std::string note;
    std::vector<natterjack::OpeningHop> hops;
    std::vector<std::string> evidence;
    std::vector<natterjack::RemotePeers> only_from; ///< Empty: anyone.
    std::optional<natterjack::Endpoint> remote;     ///< Of a flow that goes out.
    bool ours = true;
    std::string owner; ///< Of ours, in a list.
    bool enabled = true;
};

/// One for each endpoint of an opening: OpeningInfo::also are rows of their own.
[[nodiscard]] std::vector<Row> to_rows(const natterjack::OpeningInfo& info);
[[nodiscard]] Row to_row(const natterjack::ListedMapping& entry);
[[nodiscard]] Row to_row(const natterjack::FlowInfo& flow);

/// Collects what a command found, prints it once.
class Report {
public:
    explicit Report(const Options& options) : options_(options) {}

    void add(Row row) { rows_.push_back(std::move(row)); }
    void add(const natterjack::OpeningInfo& info);
    void add(natterjack::ExternalAddress address) { addresses_.push_back(address); }
    void add(const natterjack::Story& story);
    /// Who said no although the command did what it was to do: on stderr.
    void remark_refusals(const natterjack::Story& story);
    /// The first error decides the exit code.
    void fail(const natterjack::Error& error, const std::string& what);

    /// Rows or the JSON object on stdout; errors, notes and (verbose, or on failure) the story on
    /// stderr. Returns the exit code.
    [[nodiscard]] int print() const;
    /// The same as one JSON line with an `event`, for `keep`; or a line of text.
    void print_event(const std::string& event) const;

private:
    [[nodiscard]] nlohmann::ordered_json to_json() const;
    void print_rows() const;
    void print_story() const;

    const Options& options_;
    std::vector<Row> rows_;
    std::vector<natterjack::ExternalAddress> addresses_;
    natterjack::Story story_;
    std::vector<std::string> errors_;
    std::vector<std::string> remarks_;
    std::vector<natterjack::Error> causes_;
};

} // namespace nat_map
