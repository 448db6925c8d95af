// SPDX-License-Identifier: MIT
#include "output.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <iomanip>
#include <iostream>
#include <sstream>

namespace nat_map {

namespace {

using natterjack::StoryLine;
using nlohmann::ordered_json;

std::string text(std::string_view view) {
    return std::string(view);
}

std::string clock_time(std::time_t when, const char* format, bool utc) {
    std::tm parts{};
    if (utc) {
        gmtime_r(&when, &parts);
    } else {
        localtime_r(&when, &parts);
    }
    std::array<char, 32> out{};
    return {out.data(), std::strftime(out.data(), out.size(), format, &parts)};
}

std::time_t end_of(const Row& row) {
    return std::time(nullptr) + static_cast<std::time_t>(row.lifetime.count());
}

/// When what ends \a lifetime from now ends.
std::string end_time(std::chrono::seconds lifetime) {
    // The time alone would be that of today.
    const bool another_day = lifetime >= std::chrono::hours(24);
    const auto end = std::time(nullptr) + static_cast<std::time_t>(lifetime.count());
    return clock_time(end, another_day ? "%Y-%m-%d %H:%M:%S" : "%H:%M:%S", false);
}

std::string lifetime_text(const Row& row) {
    if (row.lifetime.count() == 0) return "until deleted";
    return std::to_string(row.lifetime.count()) + " s (until " + end_time(row.lifetime) + ")";
}

/// Not every question is for the address.
std::string external_text(const Row& row) {
    const auto port = std::to_string(row.external.port);
    return row.external.address.is_unspecified() ? "?:" + port : row.external.to_string();
}

ordered_json external_json(const Row& row) {
    if (row.external.address.is_unspecified()) return nullptr;
    return row.external.to_string();
}

/// Who gets in.
std::string reach_text(const Row& row) {
    auto out = row.remote ? "to:" + row.remote->to_string() : text(to_string(row.reach));
    if (row.only_from.empty() || row.reach != natterjack::Reach::Anyone) return out;
    out = "from:";
    for (const auto& peers : row.only_from) {
        out += (out.back() == ':' ? "" : ",") + peers.to_string();
    }
    return out;
}

ordered_json to_json(const Row& row) {
    ordered_json out = {{"protocol", text(to_string(row.transport))},
                        {"internal", row.internal.to_string()},
                        {"external", external_json(row)},
                        {"external_port", row.external.port},
                        {"strategy", text(to_string(row.strategy))},
                        {"reach", text(to_string(row.reach))},
                        {"proof", text(to_string(row.proof))},
                        {"lifetime_s", row.lifetime.count()},
                        {"description", row.description},
                        {"gateway", row.gateway.to_string()},
                        {"ours", row.ours},
                        {"enabled", row.enabled}};
    out["ends"] = row.lifetime.count() == 0
                      ? ordered_json()
                      : ordered_json(clock_time(end_of(row), "%Y-%m-%dT%H:%M:%SZ", true));
    if (!row.proof_evidence.empty()) {
        out["proof_level"] = text(to_string(row.proof_level));
        out["proof_evidence"] = row.proof_evidence;
    }
    if (!row.hops.empty()) out["hops"] = ordered_json::array();
    for (const auto& hop : row.hops) {
        out["hops"].push_back({{"strategy", text(to_string(hop.strategy))},
                               {"gateway", hop.gateway.to_string()},
                               {"internal", hop.internal.to_string()},
                               {"external", hop.external.to_string()},
                               {"lifetime_s", hop.lifetime.count()}});
    }
    for (const auto& peers : row.only_from) out["from"].push_back(peers.to_string());
    if (row.remote) out["remote"] = row.remote->to_string();
    if (!row.owner.empty()) out["owner"] = row.owner;
    if (!row.evidence.empty()) out["evidence"] = row.evidence;
    if (!row.note.empty()) out["note"] = row.note;
    return out;
}

/// Where there are two gateways in a row, each one's part.
void print_hops(const Row& row) {
    if (row.hops.size() < 2) return;
    for (const auto& hop : row.hops) {
        std::cout << "  by gateway " << hop.gateway.to_string() << ", " << to_string(hop.strategy)
                  << ": " << hop.external.to_string() << " -> " << hop.internal.to_string() << '\n';
    }
}

ordered_json to_json(const StoryLine& line) {
    return {{"strategy", text(to_string(line.strategy))},
            {"gateway", line.gateway.to_string()},
            {"outcome", text(to_string(line.outcome))},
            {"message", line.message},
            {"took_ms", line.took.count()}};
}

/// What a person should know besides the row.
void print_remarks(const Row& row) {
    if (!row.note.empty()) std::cerr << "nat-map: " << row.note << '\n';
    for (const auto& line : row.evidence) std::cerr << "  because " << line << '\n';
    if (!row.proof_evidence.empty()) {
        std::cerr << "nat-map: " << to_string(row.proof) << ": " << row.proof_evidence << '\n';
    }
}

/// Pads every column but the last to its widest cell.
void print_table(const std::vector<std::vector<std::string>>& table) {
    std::vector<std::size_t> widths;
    for (const auto& line : table) {
        widths.resize(std::max(widths.size(), line.size()));
        for (std::size_t i = 0; i < line.size(); ++i)
            widths[i] = std::max(widths[i], line[i].size());
    }
    for (const auto& line : table) {
        std::ostringstream out;
        for (std::size_t i = 0; i < line.size(); ++i) {
            if (i + 1 == line.size()) {
                out << line[i];
            } else {
                out << std::left << std::setw(static_cast<int>(widths[i]) + 2) << line[i];
            }
        }
        std::cout << out.str() << '\n';
    }
}

} // namespace

std::string end_text(const natterjack::OpeningInfo& info) {
    if (info.lifetime.count() == 0) return "until it is deleted there";
    return "until its lease ends at " + end_time(info.lifetime) + " at the latest";
}

std::vector<Row> to_rows(const natterjack::OpeningInfo& info) {
    std::vector<Row> rows{{.transport = info.transport,
                           .internal = info.internal,
                           .external = info.external,
                           .strategy = info.strategy,
                           .reach = info.reach,
                           .proof = info.proof,
                           .proof_level = info.proof_level,
                           .proof_evidence = info.proof_evidence,
                           .lifetime = info.lifetime,
                           .description = info.description,
                           .gateway = info.gateway,
                           .note = info.note,
                           .hops = info.hops,
                           .evidence = info.evidence,
                           .only_from = info.only_from}};
    for (const auto& other : info.also) {
        const auto more = to_rows(other);
        rows.insert(rows.end(), more.begin(), more.end());
    }
    return rows;
}

Row to_row(const natterjack::ListedMapping& entry) {
    return {.transport = entry.transport,
            .internal = entry.internal,
            .external = entry.external,
            .strategy = entry.strategy,
            .reach = entry.reach,
            .lifetime = entry.lifetime,
            .description = entry.description,
            .gateway = entry.gateway,
            .note = entry.note,
            .only_from = entry.only_from,
            .ours = entry.ours,
            .owner = entry.owner,
            .enabled = entry.enabled};
}

Row to_row(const natterjack::FlowInfo& flow) {
    Row row{.transport = flow.transport,
            .internal = flow.internal,
            .external = flow.external,
            .strategy = natterjack::Strategy::Pcp,
            .lifetime = flow.lifetime,
            .gateway = flow.gateway,
            .remote = flow.remote};
    if (!flow.is_whole_way) {
        row.reach = natterjack::Reach::BehindAnotherNat;
        row.note = "the gateway stands behind another NAT: the remote peer sees another endpoint, "
                   "and that NAT still wants keepalives";
    }
    return row;
}

void Report::add(const natterjack::OpeningInfo& info) {
    for (auto& row : to_rows(info)) rows_.push_back(std::move(row));
    add(info.story);
}

void Report::add(const natterjack::Story& story) {
    story_.insert(story_.end(), story.begin(), story.end());
}

void Report::remark_refusals(const natterjack::Story& story) {
    for (const StoryLine& line : story) {
        if (line.outcome == StoryLine::Outcome::Refused) remarks_.push_back(line.message);
    }
}

void Report::fail(const natterjack::Error& error, const std::string& what) {
    causes_.push_back(error);
    errors_.push_back(what + ": " + error.message);
}

ordered_json Report::to_json() const {
    ordered_json out = {{"schema", "nat-map/1"}, {"command", options_.command}};
    if (options_.command == "external") {
        out["addresses"] = ordered_json::array();
        for (const auto& address : addresses_) {
            out["addresses"].push_back({{"strategy", text(to_string(address.strategy))},
                                        {"gateway", address.gateway.to_string()},
                                        {"address", address.address.to_string()},
                                        {"reach", text(to_string(address.reach))}});
        }
    } else {
        out["mappings"] = ordered_json::array();
        for (const Row& row : rows_) out["mappings"].push_back(nat_map::to_json(row));
    }
    if (!causes_.empty()) {
        out["error"] = {{"code", text(to_string(causes_.front().code))},
                        {"message", errors_.front()},
                        {"detail", causes_.front().detail}};
    }
    out["story"] = ordered_json::array();
    for (const auto& line : story_) out["story"].push_back(nat_map::to_json(line));
    return out;
}

int Report::print() const {
    if (options_.json) {
        std::cout << to_json().dump(-1, ' ', false, ordered_json::error_handler_t::replace) << '\n';
    } else {
        print_rows();
    }
    std::cout.flush();
    for (const auto& error : errors_) std::cerr << "nat-map: " << error << '\n';
    for (const auto& remark : remarks_) std::cerr << "nat-map: " << remark << '\n';
    if (!options_.json) {
        for (const Row& row : rows_) print_remarks(row);
        if (options_.verbose || !errors_.empty()) print_story();
    }
    if (!tool_support::written("nat-map")) return tool_support::kInternal;
    return causes_.empty() ? tool_support::kDone : tool_support::exit_code_of(causes_.front());
}

void Report::print_rows() const {
    std::vector<std::vector<std::string>> table;
    for (const auto& address : addresses_) {
        table.push_back({address.address.to_string(), text(to_string(address.strategy)),
                         text(to_string(address.reach)), "gateway " + address.gateway.to_string()});
    }
    for (const Row& row : rows_) {
        auto& line = table.emplace_back();
        line = {text(to_string(row.transport)), external_text(row), "->", row.internal.to_string(),
                text(to_string(row.strategy))};
        if (options_.command == "list") {
            line.insert(line.end(),
                        {row.ours ? "ours" : "-", lifetime_text(row),
                         row.enabled ? row.description : row.description + " (disabled)"});
            if (!row.only_from.empty()) line.back() += " (" + reach_text(row) + ")";
        } else if (options_.command == "delete") {
            line.push_back("deleted");
        } else {
            line.insert(line.end(),
                        {reach_text(row), text(to_string(row.proof)), lifetime_text(row)});
        }
    }
    print_table(table);
    for (const Row& row : rows_) print_hops(row);
}

void Report::print_story() const {
    for (const auto& line : story_) {
        std::cerr << "  " << std::left << std::setw(8) << to_string(line.strategy) << std::setw(16)
                  << (line.gateway.is_unspecified() ? "" : line.gateway.to_string()) << std::right
                  << std::setw(5) << line.took.count() << " ms  " << to_string(line.outcome) << ": "
                  << line.message << '\n';
    }
}

void Report::print_event(const std::string& event) const {
    if (options_.json) {
        auto out = to_json();
        out["event"] = event;
        if (event != "opened") out.erase("story");
        std::cout << out.dump(-1, ' ', false, ordered_json::error_handler_t::replace) << '\n';
    } else {
        for (const Row& row : rows_) {
            std::cout << event << ' ' << to_string(row.transport) << ' ' << external_text(row)
                      << " -> " << row.internal.to_string() << ' ' << to_string(row.strategy) << ' '
                      << reach_text(row) << ' ' << to_string(row.proof) << ' ' << lifetime_text(row)
                      << '\n';
            print_hops(row);
        }
    }
    std::cout.flush();
    if (options_.json) return;
    for (const Row& row : rows_) print_remarks(row);
}

} // namespace nat_map
