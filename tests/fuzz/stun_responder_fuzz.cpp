// SPDX-License-Identifier: MIT
#include <cstdlib>

#include "proto/stun_responder.hpp"

using namespace natterjack;

namespace {

const Endpoint kAsker{IpAddress::v4(0x19007102), 50001};
const Endpoint kVictim{IpAddress::v4(0x19007103), 22};

void check(bool claim) {
    if (!claim) std::abort();
}

/// Anybody who has no key can do no better than this (FNV-1a, of 64 bits). Every byte counts in the
/// first eight of what comes out, which are all that a nonce takes.
std::array<std::uint8_t, stun::kSha1Size> keyed(ByteView key, ByteView text) {
    std::uint64_t hash = 0xCBF29CE484222325;
    for (const auto* part : {&key, &text}) {
        for (const auto byte : *part) hash = (hash ^ byte) * 0x100000001B3;
    }
    std::array<std::uint8_t, stun::kSha1Size> out{};
    for (std::size_t i = 0; i < out.size(); ++i) {
        out.at(i) = static_cast<std::uint8_t>(hash >> 8 * (i % sizeof hash));
    }
    return out;
}

std::vector<std::uint8_t> nonce_from(StunResponder& server, TimePoint now) {
    stun::Message request;
    request.add(stun::AttributeType::ResponsePort, stun::response_port_value(1));
    request.add(stun::AttributeType::Software, stun::padding_software());
    server.handle_datagram(now, 0, kAsker, stun::encode(request));
    const auto answer = server.poll_transmit();
    check(answer.has_value());
    const auto nonce = stun::challenging_nonce(*stun::decode(answer->datagram.payload));
    check(nonce.has_value());
    return *nonce;
}

/// One request of \a from: what goes out goes to that address, to another port never more than was
/// asked, and at most once.
void ask(StunResponder& server, TimePoint now, std::size_t at, const Endpoint& from,
         const std::vector<std::uint8_t>& request, UnsolicitedSyn met) {
    server.handle_datagram(now, at, from, request);
    int sent = 0;
    const auto drain = [&] {
        while (const auto answer = server.poll_transmit()) {
            ++sent;
            check(answer->datagram.to.address == from.address);
            check(answer->from < 4);
            check(answer->datagram.to.port == from.port ||
                  answer->datagram.payload.size() <= request.size());
            check(stun::decode(answer->datagram.payload).has_value());
        }
    };
    drain();
    while (const auto dial = server.poll_dial()) {
        check(dial->to.address == from.address && dial->to.port != 0);
        check(dial->payload.size() <= request.size());
        check(dial->limit > Duration(0) && dial->limit <= StunResponder::kDialLimit);
        server.handle_dialled(dial->id, {met, {IpAddress::v4(0x19000402), 40000}});
        drain();
    }
    check(sent <= 1);
    if (const auto answer = server.answer_in_stream(now, at, from, request)) {
        check(stun::decode(*answer).has_value());
        check(!server.poll_transmit() && !server.poll_dial());
    }
}

} // namespace

// The first byte says where it is asked, whether with the right nonce, and what a connection meets.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const TimePoint now{Duration(3'600'000)};
    const auto address = [](std::uint32_t host) { return IpAddress::v4(0x19000302U + host); };
    StunResponder server({.endpoints = {{address(0), 3478},
                                        {address(0), 3479},
                                        {address(256), 3478},
                                        {address(256), 3479}},
                          .secret = {7},
                          .hmac = keyed},
                         now);
    const auto how = data[0];
    const std::size_t at = how & 3U;
    const auto met = static_cast<UnsolicitedSyn>((how >> 4U) % 6U);
    std::vector<std::uint8_t> request(data + 1, data + size);
    const auto nonce = nonce_from(server, now);
    if (auto message = stun::decode(request); message && (how & 4U) != 0) {
        std::erase_if(message->attributes, [](const auto& each) {
            return each.type == static_cast<std::uint16_t>(stun::AttributeType::Nonce);
        });
        message->add(stun::AttributeType::Nonce, nonce);
        request = stun::encode(*message);
    }
    ask(server, now, at, kAsker, request, met);
    // The asker's nonce is worth nothing at another address.
    server.handle_datagram(now, at, kVictim, request);
    while (const auto answer = server.poll_transmit()) {
        check(answer->datagram.to == kVictim);
    }
    check(!server.poll_dial());
    return 0;
}
