// SPDX-License-Identifier: MIT
#include "protocol.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.hpp"

namespace nat_connect {

namespace {

using natterjack::Endpoint;
using natterjack::Transport;
using nlohmann::json;

constexpr std::array<std::pair<Purpose::Kind, std::string_view>, 5> kKinds{{
    {Purpose::Kind::Pipe, "pipe"},
    {Purpose::Kind::Ping, "ping"},
    {Purpose::Kind::Connect, "connect"},
    {Purpose::Kind::Listen, "listen"},
    {Purpose::Kind::Accepted, "accepted"},
}};

bool has_place(Purpose::Kind kind) {
    return kind != Purpose::Kind::Pipe && kind != Purpose::Kind::Ping;
}

json to_json(const Eof&) {
    return {{"eof", true}};
}
json to_json(const Grant& note) {
    return {{"grant", note.bytes}};
}
json to_json(const Exit& note) {
    return {{"exit", note.status}};
}
json to_json(const Failure& note) {
    return {{"error", natterjack::printable(note.message, kMaxFailure)}};
}
json to_json(const Listening& note) {
    return {{"listening", note.at.to_string()}};
}

/// An object with one member, or null.
json parse_note(std::string_view text) {
    if (text.size() > kMaxNote) return nullptr;
    json object = json::parse(text, nullptr, false);
    if (!object.is_object() || object.size() != 1) return nullptr;
    return object;
}

} // namespace

std::string to_label(const Purpose& purpose) {
    std::string label;
    for (const auto& [kind, word] : kKinds) {
        if (kind == purpose.kind) label = word;
    }
    if (!has_place(purpose.kind)) return label;
    return label + " " + std::string(natterjack::to_string(purpose.transport)) + " " +
           to_string(purpose.where);
}

std::optional<Purpose> parse_label(std::string_view label) {
    const auto first = label.find(' ');
    for (const auto& [kind, word] : kKinds) {
        if (label.substr(0, first) != word) continue;
        Purpose purpose{.kind = kind, .where = {}};
        if (!has_place(kind)) {
            if (first != std::string_view::npos) return std::nullopt;
            return purpose;
        }
        if (first == std::string_view::npos) return std::nullopt;
        auto rest = label.substr(first + 1);
        if (!rest.starts_with("tcp ") && !rest.starts_with("udp ")) return std::nullopt;
        purpose.transport = rest.starts_with("tcp ") ? Transport::Tcp : Transport::Udp;
        rest.remove_prefix(4);
        if (kind == Purpose::Kind::Connect) {
            const auto where = parse_host_port(rest);
            if (!where) return std::nullopt;
            purpose.where = *where;
        } else {
            const auto where = Endpoint::parse(rest);
            if (!where) return std::nullopt;
            purpose.where = {where->address.to_string(), where->port};
        }
        return purpose;
    }
    return std::nullopt;
}

std::string encode(const Note& note) {
    return std::visit([](const auto& one) { return to_json(one); }, note).dump();
}

std::optional<Note> decode_note(std::string_view text) {
    const json object = parse_note(text);
    if (object.is_null()) return std::nullopt;
    const auto& key = object.begin().key();
    const auto& value = object.begin().value();
    if (key == "eof" && value == true) return Eof{};
    if (key == "grant" && value.is_number_unsigned()) return Grant{value.get<std::uint64_t>()};
    if (key == "exit" && value.is_number_unsigned() && value.get<std::uint64_t>() <= 255) {
        return Exit{value.get<int>()};
    }
    if (key == "error" && value.is_string()) {
        return Failure{natterjack::printable(value.get<std::string>(), kMaxFailure)};
    }
    if (key == "listening" && value.is_string()) {
        if (const auto at = Endpoint::parse(value.get<std::string>())) return Listening{*at};
    }
    return std::nullopt;
}

bool may_be_note(std::string_view text) {
    return !parse_note(text).is_null();
}

} // namespace nat_connect
