// SPDX-License-Identifier: MIT
#include "proto/stun_responder.hpp"

#include <algorithm>
#include <cassert>
#include <string_view>
#include <utility>

#include "wire/turn.hpp"

namespace natterjack {

namespace {

using stun::AttributeType;

constexpr int kUnknownAttribute = 420; // RFC 8489 section 14.8
constexpr int kServerError = 500;      // the same
constexpr std::size_t kOtherPort = 1;  // in the number of an endpoint
constexpr std::size_t kOtherAddress = 2;
constexpr std::string_view kSoftware = "natterjack";

bool is_known(std::uint16_t type) {
    switch (static_cast<AttributeType>(type)) {
    case AttributeType::ChangeRequest:
    case AttributeType::Nonce:
    case AttributeType::ResponsePort: return true;
    default: return !stun::is_required(type);
    }
}

std::vector<std::uint16_t> required_and_unknown(const stun::Message& request) {
    std::vector<std::uint16_t> out;
    for (const auto& attribute : request.attributes) {
        if (!is_known(attribute.type)) out.push_back(attribute.type);
    }
    return out;
}

stun::Message error(const stun::Message& request, int code) {
    stun::Message out{.kind = stun::Class::Error, .transaction = request.transaction};
    out.add(AttributeType::ErrorCode, stun::error_code_value({code, ""}));
    return out;
}

stun::Message unknown_attributes_error(const stun::Message& request,
                                       const std::vector<std::uint16_t>& unknown) {
    auto out = error(request, kUnknownAttribute);
    out.add(AttributeType::UnknownAttributes, stun::unknown_attributes_value(unknown));
    return out;
}

} // namespace

StunResponder::StunResponder(Options options, TimePoint now)
    : options_(std::move(options)),
      answers_(options_.answers_each, options_.answers_all, now),
      knocks_(options_.knocks_each, options_.knocks_all, now) {
    assert(options_.endpoints.size() == 2 || options_.endpoints.size() == 4);
}

void StunResponder::handle_datagram(TimePoint now, std::size_t at, const Endpoint& from,
                                    ByteView payload) {
    if (const auto request = take(now, at, from, payload)) answer(*request, now);
}

std::optional<StunResponder::Request> StunResponder::take(TimePoint now, std::size_t at,
                                                          const Endpoint& from, ByteView payload) {
    if (from.port == 0 || at >= options_.endpoints.size()) return std::nullopt;
    auto message = stun::decode(payload);
    if (!message || message->kind != stun::Class::Request || message->method != stun::kBinding) {
        return std::nullopt;
    }
    if (!answers_.allow(from.address, now)) return std::nullopt;
    return Request{at, from, *std::move(message), payload.size()};
}

// Who asks for what only datagrams can carry is told so, and what else is not known is named.
std::optional<std::vector<std::uint8_t>> StunResponder::answer_in_stream(TimePoint now,
                                                                         std::size_t at,
                                                                         const Endpoint& from,
                                                                         ByteView payload) {
    const auto request = take(now, at, from, payload);
    if (!request) return std::nullopt;
    const auto& message = request->message;
    const bool elsewhere = message.find(AttributeType::ChangeRequest) != nullptr ||
                           message.find(AttributeType::ResponsePort) != nullptr ||
                           message.find(static_cast<AttributeType>(DialBack::kType)) != nullptr;
    if (const auto unknown = required_and_unknown(message); !unknown.empty()) {
        return stun::encode(unknown_attributes_error(message, unknown));
    }
    return stun::encode(elsewhere ? error(message, turn::kBadRequest) : success(*request, at));
}

void StunResponder::answer(const Request& request, TimePoint now) {
    const auto& message = request.message;
    auto unknown = required_and_unknown(message);
    const auto change = stun::change_request(message);
    const bool changes = change && (change->address || change->port);
    if (changes && change->address && !has_second_address()) {
        unknown.push_back(static_cast<std::uint16_t>(AttributeType::ChangeRequest));
    }
    if (!unknown.empty()) {
        refuse(request, unknown_attributes_error(message, unknown));
        return;
    }
    const auto port = stun::response_port(message);
    const auto dial_wanted = dial_back(message);
    const auto is_bad = [](const auto& value) {
        return !value && value.error().code == Errc::Malformed;
    };
    if (is_bad(change) || is_bad(port) || is_bad(dial_wanted) || (port && *port == 0)) {
        refuse(request, error(message, turn::kBadRequest));
        return;
    }
    std::size_t out = request.at;
    if (change && change->port) out ^= kOtherPort;
    if (change && change->address) out ^= kOtherAddress;
    const bool back = !port || *port == request.from.port; // to where it was asked from
    if (back && !dial_wanted) {
        send(out, request.from, success(request, out));
        return;
    }
    if (!is_validated(request, now) || !knocks_.allow(request.from.address, now)) return;
    if (dial_wanted) {
        dial(request, *dial_wanted);
    } else {
        knock(request, out, *port);
    }
}

// RFC 5780 section 6.1; the address is the one that asked, whatever the request says.
void StunResponder::knock(const Request& request, std::size_t out, std::uint16_t port) {
    auto message = success(request, out);
    while (stun::encode(message).size() > request.size) {
        if (message.attributes.size() == 1) return; // not even the address fits
        message.attributes.pop_back();
    }
    send(out, {request.from.address, port}, message);
}

void StunResponder::dial(const Request& request, const DialBack& wanted) {
    const auto& address = request.from.address;
    const bool busy = std::any_of(dials_.begin(), dials_.end(), [&](const auto& entry) {
        return entry.second.asker.address == address; // a repetition, most likely
    });
    if (busy || dials_.size() == kMaxDials) return;
    const auto id = next_dial_++;
    dials_[id] = {request.at, request.from, request.message.transaction, request.size, wanted};
    const bool hurry = wanted.limit > Duration(0) && wanted.limit < kDialLimit;
    Dial out{.id = id,
             .from = has_second_address() ? request.at ^ kOtherAddress : request.at,
             .to = {address, wanted.port},
             .limit = hurry ? wanted.limit : kDialLimit,
             .payload = {}};
    if (!wanted.silent) {
        out.payload = stun::encode(
            {.kind = stun::Class::Indication, .transaction = request.message.transaction});
    }
    to_dial_.push_back(std::move(out));
}

void StunResponder::handle_dialled(std::uint64_t id, const Dialled& dialled) {
    const auto node = dials_.extract(id);
    if (!node) return;
    const Pending& pending = node.mapped();
    const Request request{
        pending.at, pending.asker, {.transaction = pending.transaction}, pending.request_size};
    if (dialled.answer == UnsolicitedSyn::Unknown) {
        refuse(request, error(request.message, kServerError));
        return;
    }
    auto dial = pending.dial;
    dial.answer = dialled.answer;
    if (dial.answer != UnsolicitedSyn::Accepted) {
        auto failed = error(request.message, turn::kConnectionTimeoutOrFailure);
        failed.add(static_cast<AttributeType>(DialBack::kType), dial_back_value(dial));
        refuse(request, std::move(failed));
        return;
    }
    stun::Message message{.kind = stun::Class::Success, .transaction = pending.transaction};
    message.add(static_cast<AttributeType>(DialBack::kType), dial_back_value(dial));
    message.add(AttributeType::ResponseOrigin, stun::plain_address(dialled.local));
    if (stun::encode(message).size() > pending.request_size) return;
    send(pending.at, pending.asker, message);
}

// True when the request has a nonce that we gave to its address not long ago. Else it is told one.
bool StunResponder::is_validated(const Request& request, TimePoint now) {
    const auto slot = now.time_since_epoch() / kNonceLife;
    const auto* given = request.message.find(AttributeType::Nonce);
    if (given != nullptr) {
        for (const auto each : {slot, slot - 1}) {
            if (given->value == nonce(request.from.address, each)) return true;
        }
    }
    auto challenge =
        error(request.message, given == nullptr ? turn::kUnauthenticated : turn::kStaleNonce);
    challenge.add(AttributeType::Nonce, nonce(request.from.address, slot));
    refuse(request, std::move(challenge));
    return false;
}

// Nothing needs to be remembered of who was given which: eight bytes, which nobody else can make.
std::vector<std::uint8_t> StunResponder::nonce(const IpAddress& address, std::int64_t slot) const {
    constexpr std::string_view kDigits = "0123456789abcdef"; // RFC 8489 section 14.10: text
    constexpr std::size_t kBytes = 8;
    ByteWriter text;
    text.write_bytes(address.mapped_bytes()).write(static_cast<std::uint64_t>(slot));
    const auto digest = options_.hmac(options_.secret, std::move(text).take());
    std::vector<std::uint8_t> out;
    for (std::size_t i = 0; i < kBytes; ++i) {
        out.push_back(static_cast<std::uint8_t>(kDigits[digest.at(i) >> 4U]));
        out.push_back(static_cast<std::uint8_t>(kDigits[digest.at(i) & 15U]));
    }
    return out;
}

// Never longer than the request: what does not fit is left out, and then there is no answer.
void StunResponder::refuse(const Request& request, stun::Message message) {
    if (stun::encode(message).size() > request.size) message.attributes.resize(1);
    if (stun::encode(message).size() > request.size) return;
    send(request.at, request.from, message);
}

stun::Message StunResponder::success(const Request& request, std::size_t out) const {
    stun::Message message{.kind = stun::Class::Success, .transaction = request.message.transaction};
    message.add(AttributeType::XorMappedAddress,
                stun::xor_address(request.from, message.transaction));
    message.add(AttributeType::ResponseOrigin, stun::plain_address(options_.endpoints[out]));
    if (has_second_address()) {
        const auto other = request.at ^ kOtherAddress ^ kOtherPort;
        message.add(AttributeType::OtherAddress, stun::plain_address(options_.endpoints[other]));
    }
    message.add(AttributeType::Software, {kSoftware.begin(), kSoftware.end()});
    return message;
}

void StunResponder::send(std::size_t out, const Endpoint& to, const stun::Message& message) {
    outbox_.push_back({out, {to, stun::encode(message)}});
}

std::optional<StunResponder::Answer> StunResponder::poll_transmit() {
    if (outbox_.empty()) return std::nullopt;
    auto out = std::move(outbox_.front());
    outbox_.pop_front();
    return out;
}

std::optional<StunResponder::Dial> StunResponder::poll_dial() {
    if (to_dial_.empty()) return std::nullopt;
    auto out = std::move(to_dial_.front());
    to_dial_.pop_front();
    return out;
}

} // namespace natterjack
