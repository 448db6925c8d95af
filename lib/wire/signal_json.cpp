// SPDX-License-Identifier: MIT
#include "wire/signal_json.hpp"

#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace natterjack::signal {

namespace {

constexpr std::size_t kShown = 80; // bytes of a peer's text that an error message repeats
using Json = nlohmann::ordered_json;

Json to_json(const Description& message) {
    auto out = Json::object();
    out["type"] = message.kind == sdp::Kind::Offer ? "offer" : "answer";
    out["sdp"] = message.sdp;
    return out;
}

Json to_json(const Candidate& message) {
    auto out = Json::object();
    out["candidate"] = message.candidate;
    if (message.mid) out["sdpMid"] = *message.mid;
    if (message.line_index) out["sdpMLineIndex"] = *message.line_index;
    if (message.ufrag) out["usernameFragment"] = *message.ufrag;
    return out;
}

// The member \a name: absent and null are the same, as in a browser's dictionaries.
const Json* find(const Json& object, const char* name) {
    const auto found = object.find(name);
    return found == object.end() || found->is_null() ? nullptr : &*found;
}

Error wrong_type(const char* name) {
    return {Errc::Malformed, std::string("signalling message: bad \"") + name + "\""};
}

Result<std::optional<std::string>> optional_text(const Json& object, const char* name) {
    const auto* const member = find(object, name);
    if (!member) return std::optional<std::string>{};
    const auto* const text = member->get_ptr<const Json::string_t*>();
    if (!text) return wrong_type(name);
    return std::optional<std::string>{*text};
}

Result<Message> decode_as_description(const Json& object) {
    const auto type = optional_text(object, "type");
    if (!type) return type.error();
    const auto text = optional_text(object, "sdp");
    if (!text) return text.error();
    Description out;
    if (*type == "answer") {
        out.kind = sdp::Kind::Answer;
    } else if (*type != "offer") {
        return Error{Errc::Unsupported, "signalling message of type \"" +
                                            printable(type->value_or(""), kShown) +
                                            "\": expected an offer, an answer or a candidate"};
    }
    if (!*text) return wrong_type("sdp");
    out.sdp = **text;
    return Message(std::move(out));
}

Result<Message> decode_as_candidate(const Json& object) {
    const auto candidate = optional_text(object, "candidate");
    if (!candidate) return candidate.error();
    const auto mid = optional_text(object, "sdpMid");
    if (!mid) return mid.error();
    const auto ufrag = optional_text(object, "usernameFragment");
    if (!ufrag) return ufrag.error();
    Candidate out{candidate->value_or(""), *mid, std::nullopt, *ufrag};
    if (const auto* const index = find(object, "sdpMLineIndex")) {
        const auto* const number = index->get_ptr<const Json::number_unsigned_t*>();
        if (!number || *number > 0xffff) return wrong_type("sdpMLineIndex");
        out.line_index = static_cast<std::uint16_t>(*number);
    }
    return Message(std::move(out));
}

} // namespace

std::string encode(const Message& message) {
    const auto json = std::visit([](const auto& each) { return to_json(each); }, message);
    // Bytes that are not UTF-8 become U+FFFD instead of an exception.
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Message> decode(std::string_view line) {
    if (line.size() > kMaxMessage) return Error{Errc::TooLarge, "signalling message"};
    const auto json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) {
        return Error{Errc::Malformed,
                     "signalling message is no JSON object: \"" + printable(line, kShown) + "\""};
    }
    return json.contains("candidate") ? decode_as_candidate(json) : decode_as_description(json);
}

} // namespace natterjack::signal
