// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "net/hmac.hpp"
#include "proto/stun_conversation.hpp"
#include "proto/stun_responder.hpp"
#include "wire/turn.hpp"

namespace natterjack {
namespace {

using namespace std::chrono_literals;
using stun::AttributeType;
using Bytes = std::vector<std::uint8_t>;

const std::vector<Endpoint> kEndpoints = {{IpAddress::v4(0x19000302), 3478},
                                          {IpAddress::v4(0x19000302), 3479},
                                          {IpAddress::v4(0x19000402), 3478},
                                          {IpAddress::v4(0x19000402), 3479}};
const Endpoint kAsker{IpAddress::v4(0x19007102), 50001};
const std::string kFiller(44, '.');
constexpr stun::TransactionId kTransaction = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

/// The server, a clock, and what it said last.
class Server {
public:
    explicit Server(std::size_t endpoints = 4) : responder(options(endpoints), now) {}

    static StunResponder::Options options(std::size_t endpoints) {
        StunResponder::Options out;
        out.endpoints.assign(kEndpoints.begin(),
                             kEndpoints.begin() + static_cast<std::ptrdiff_t>(endpoints));
        out.secret = {7};
        out.hmac = net::hmac_sha1;
        return out;
    }

    std::optional<StunResponder::Answer> ask(const stun::Message& request,
                                             const Endpoint& from = kAsker, std::size_t at = 0) {
        const auto bytes = stun::encode(request);
        responder.handle_datagram(now, at, from, bytes);
        auto answer = responder.poll_transmit();
        EXPECT_FALSE(responder.poll_transmit()) << "one answer at most";
        return answer;
    }
    /// The nonce that it gives to \a from.
    Bytes nonce(const Endpoint& from = kAsker) {
        const auto answer = ask(knock_request(1), from);
        EXPECT_TRUE(answer);
        if (!answer) return {};
        EXPECT_EQ(answer->datagram.to, from);
        const auto message = stun::decode(answer->datagram.payload);
        const auto* found = message->find(AttributeType::Nonce);
        EXPECT_NE(found, nullptr);
        return found != nullptr ? found->value : Bytes{};
    }

    static stun::Message knock_request(std::uint16_t port, const Bytes& nonce = {},
                                       stun::ChangeRequest change = {}) {
        stun::Message out{.transaction = kTransaction};
        if (change.address || change.port) {
            out.add(AttributeType::ChangeRequest, stun::change_request_value(change));
        }
        out.add(AttributeType::ResponsePort, stun::response_port_value(port));
        out.add(AttributeType::Software, {kFiller.begin(), kFiller.end()});
        if (!nonce.empty()) out.add(AttributeType::Nonce, nonce);
        return out;
    }
    static stun::Message dial_request(std::uint16_t port, const Bytes& nonce, bool silent = false) {
        stun::Message out{.transaction = kTransaction};
        out.add(static_cast<AttributeType>(DialBack::kType), dial_back_value({port, silent}));
        out.add(AttributeType::Software, {kFiller.begin(), kFiller.end()});
        if (!nonce.empty()) out.add(AttributeType::Nonce, nonce);
        return out;
    }

    TimePoint now{1h};
    StunResponder responder;
};

int code_of(const std::optional<StunResponder::Answer>& answer) {
    if (!answer) return 0;
    const auto message = stun::decode(answer->datagram.payload);
    const auto error = stun::error_code(*message);
    return error ? error->code : 0;
}

TEST(StunResponder, TellsWhereARequestCameFrom) {
    Server server;
    const auto answer = server.ask({.transaction = kTransaction});
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->from, 0U);
    EXPECT_EQ(answer->datagram.to, kAsker);
    const auto message = stun::decode(answer->datagram.payload);
    EXPECT_EQ(message->transaction, kTransaction);
    EXPECT_EQ(*stun::mapped_address(*message), kAsker);
    EXPECT_EQ(*stun::response_origin(*message), kEndpoints[0]);
    EXPECT_EQ(*stun::other_address(*message), kEndpoints[3]);
}

TEST(StunResponder, AnswersFromElsewhere) {
    for (std::size_t at = 0; at < 4; ++at) {
        for (const auto change :
             {stun::ChangeRequest{false, true}, stun::ChangeRequest{true, false},
              stun::ChangeRequest{true, true}}) {
            Server server;
            stun::Message request{.transaction = kTransaction};
            request.add(AttributeType::ChangeRequest, stun::change_request_value(change));
            const auto answer = server.ask(request, kAsker, at);
            ASSERT_TRUE(answer);
            const auto& from = kEndpoints[answer->from];
            EXPECT_EQ(from.address != kEndpoints[at].address, change.address);
            EXPECT_EQ(from.port != kEndpoints[at].port, change.port);
            EXPECT_EQ(answer->datagram.to, kAsker);
        }
    }
}

TEST(StunResponder, WithOneAddressChangesThePortOnly) {
    Server server(2);
    stun::Message request{.transaction = kTransaction};
    request.add(AttributeType::ChangeRequest, stun::change_request_value({false, true}));
    const auto answer = server.ask(request);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->from, 1U);
    EXPECT_FALSE(stun::other_address(*stun::decode(answer->datagram.payload)));
    stun::Message both{.transaction = kTransaction};
    both.add(AttributeType::ChangeRequest, stun::change_request_value({true, true}));
    EXPECT_EQ(code_of(server.ask(both)), 420);
}

TEST(StunResponder, KnocksAtAnotherPortAfterARoundTrip) {
    Server server;
    EXPECT_EQ(code_of(server.ask(Server::knock_request(6667))), turn::kUnauthenticated);
    const auto answer = server.ask(Server::knock_request(6667, server.nonce(), {true, true}));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->from, 3U);
    EXPECT_EQ(answer->datagram.to, (Endpoint{kAsker.address, 6667}));
    EXPECT_EQ(stun::decode(answer->datagram.payload)->transaction, kTransaction);
}

TEST(StunResponder, ANonceIsGoodForItsAddressAndItsTime) {
    Server server;
    const auto nonce = server.nonce();
    const Endpoint neighbour{IpAddress::v4(0x19007103), 50001};
    EXPECT_EQ(code_of(server.ask(Server::knock_request(6667, nonce), neighbour)),
              turn::kStaleNonce);
    const Endpoint other_port{kAsker.address, 50002}; // a NAT may have given it another
    EXPECT_EQ(code_of(server.ask(Server::knock_request(6667, nonce), other_port)), 0);
    server.now += StunResponder::kNonceLife;
    EXPECT_EQ(code_of(server.ask(Server::knock_request(6667, nonce))), 0);
    server.now += StunResponder::kNonceLife;
    EXPECT_EQ(code_of(server.ask(Server::knock_request(6667, nonce))), turn::kStaleNonce);
    EXPECT_EQ(code_of(server.ask(Server::knock_request(6667, Bytes(16, '0')))), turn::kStaleNonce);
}

TEST(StunResponder, ASpoofedSourceGetsNothingButAShortRefusal) {
    Server server;
    const Endpoint victim{IpAddress::v4(0x19000909), 53};
    const auto request = Server::knock_request(6667, server.nonce());
    const auto answer = server.ask(request, victim);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->datagram.to, victim) << "not the port that was named";
    EXPECT_LE(answer->datagram.payload.size(), stun::encode(request).size());
    EXPECT_FALSE(server.responder.poll_dial());
    EXPECT_EQ(code_of(server.ask(Server::dial_request(22, server.nonce()), victim)),
              turn::kStaleNonce);
    EXPECT_FALSE(server.responder.poll_dial());
}

TEST(StunResponder, WhatGoesToAnotherPortIsNeverLongerThanTheRequest) {
    for (std::size_t filler = 0; filler <= 60; filler += 4) {
        Server server;
        const auto nonce = server.nonce();
        for (const bool with_nonce : {false, true}) {
            stun::Message request{.transaction = kTransaction};
            request.add(AttributeType::ResponsePort, stun::response_port_value(6667));
            if (with_nonce) request.add(AttributeType::Nonce, nonce);
            if (filler > 0) request.add(AttributeType::Software, Bytes(filler, '.'));
            const auto size = stun::encode(request).size();
            const auto answer = server.ask(request);
            EXPECT_TRUE(!answer || answer->datagram.payload.size() <= size) << filler;
            EXPECT_TRUE(!with_nonce || answer) << filler;
        }
    }
}

TEST(StunResponder, LimitsKnocksOfOneAddressAndOfAll) {
    Server server;
    const auto nonce = server.nonce();
    const auto count = [&](int times) {
        int knocks = 0;
        for (int i = 0; i < times; ++i)
            knocks += server.ask(Server::knock_request(6667, nonce)) ? 1 : 0;
        return knocks;
    };
    EXPECT_EQ(count(90), 20);
    server.now += 1s;
    EXPECT_EQ(count(20), 4);
}

TEST(StunResponder, AFloodOfSourcesIsAnsweredWithinTheLimitAndForgotten) {
    Server server;
    int answered = 0;
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        const Endpoint from{IpAddress::v4(0x30000000 + i), 1000};
        server.responder.handle_datagram(server.now, 0, from,
                                         stun::encode({.transaction = kTransaction}));
        while (server.responder.poll_transmit()) ++answered;
    }
    EXPECT_EQ(answered, 4000);
    server.now += 1s;
    EXPECT_TRUE(server.ask({.transaction = kTransaction})) << "an honest one is served again";
}

TEST(RateLimit, IsBoundedAndTakesAnIpv6NetworkForOne) {
    const TimePoint now{1h};
    RateLimit limit({2, 1}, {1'000'000, 1}, now);
    for (std::uint32_t i = 0; i < 10'000; ++i) {
        EXPECT_TRUE(limit.allow(IpAddress::v4(0x30000000 + i), now));
    }
    EXPECT_EQ(limit.size(), RateLimit::kMaxAddresses);
    EXPECT_TRUE(limit.allow(*IpAddress::parse("2001:db8::1"), now));
    EXPECT_TRUE(limit.allow(*IpAddress::parse("2001:db8::2"), now));
    EXPECT_FALSE(limit.allow(*IpAddress::parse("2001:db8::3"), now));
    EXPECT_TRUE(limit.allow(*IpAddress::parse("2001:db8:0:1::1"), now));
}

TEST(StunResponder, AnswersFromElsewhereToThePortThatAsksWithoutMuchAdo) {
    Server server;
    const auto answer =
        server.ask(Server::knock_request(kAsker.port, {}, stun::ChangeRequest{true, true}));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->datagram.to, kAsker);
    EXPECT_EQ(answer->from, 3U);
}

TEST(StunConversation, ShowsACarefulServerThatItAsks) {
    Server server;
    StunConversation stun([next = std::uint8_t{0}]() mutable {
        return stun::TransactionId{0xee, ++next};
    });
    stun.ask({.to = kEndpoints[0], .response_port = 50002}, server.now, 1s);
    std::vector<Endpoint> answered;
    for (int turn = 0; turn < 4; ++turn) {
        while (const auto sent = stun.poll_transmit()) {
            server.responder.handle_datagram(server.now, 0, kAsker, sent->payload);
        }
        while (const auto out = server.responder.poll_transmit()) {
            answered.push_back(out->datagram.to);
            if (out->datagram.to == kAsker) {
                stun.handle_datagram(kEndpoints[0], out->datagram.payload, server.now);
            }
        }
    }
    EXPECT_EQ(answered, (std::vector{kAsker, Endpoint{kAsker.address, 50002}}));
    EXPECT_TRUE(stun.answers(0).empty()) << "it went to the other port";
    stun.handle_timeout(server.now + 1s);
    EXPECT_TRUE(stun.all_settled());
}

TEST(StunConversation, DoesNotFollowANonceForEver) {
    Server server;
    StunConversation stun([] { return stun::TransactionId{0xee}; });
    stun.ask({.to = kEndpoints[0], .response_port = 50002}, server.now, 1s);
    int sent = 0;
    while (const auto question = stun.poll_transmit()) {
        ++sent;
        stun::Message challenge{.kind = stun::Class::Error, .transaction = {0xee}};
        challenge.add(AttributeType::ErrorCode, stun::error_code_value({438, ""}));
        challenge.add(AttributeType::Nonce, Bytes(8, static_cast<std::uint8_t>('a' + sent)));
        stun.handle_datagram(kEndpoints[0], stun::encode(challenge), server.now);
    }
    EXPECT_EQ(sent, 4);
    EXPECT_EQ(stun.answers(0).size(), 1U) << "then it is an answer like another";
}

TEST(StunResponder, DialsBackOnceAtATimeFromItsOtherAddress) {
    Server server;
    const auto nonce = server.nonce();
    EXPECT_FALSE(server.ask(Server::dial_request(6667, nonce)));
    const auto dial = server.responder.poll_dial();
    ASSERT_TRUE(dial);
    EXPECT_EQ(dial->to, (Endpoint{kAsker.address, 6667}));
    EXPECT_EQ(dial->from, 2U);
    const auto sent = stun::decode(dial->payload);
    ASSERT_TRUE(sent);
    EXPECT_EQ(sent->kind, stun::Class::Indication);
    EXPECT_EQ(sent->transaction, kTransaction);
    EXPECT_FALSE(server.ask(Server::dial_request(6667, nonce)));
    EXPECT_FALSE(server.responder.poll_dial()) << "a repetition";
    const Endpoint local{kEndpoints[2].address, 40000};
    server.responder.handle_dialled(dial->id, {UnsolicitedSyn::Accepted, local});
    const auto answer = server.responder.poll_transmit();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->datagram.to, kAsker);
    const auto message = stun::decode(answer->datagram.payload);
    EXPECT_EQ(*stun::response_origin(*message), local);
    EXPECT_EQ(*dial_back(*message), (DialBack{.port = 6667, .answer = UnsolicitedSyn::Accepted}));
    server.responder.handle_dialled(dial->id, {UnsolicitedSyn::Accepted, local});
    EXPECT_FALSE(server.responder.poll_transmit()) << "told once";
}

TEST(StunResponder, TellsWhatADialMet) {
    for (const auto met :
         {UnsolicitedSyn::Silent, UnsolicitedSyn::Reset, UnsolicitedSyn::Unreachable}) {
        Server server;
        (void)server.ask(Server::dial_request(6667, server.nonce(), true));
        const auto dial = server.responder.poll_dial();
        ASSERT_TRUE(dial);
        EXPECT_TRUE(dial->payload.empty());
        server.responder.handle_dialled(dial->id, {met, {}});
        const auto answer = server.responder.poll_transmit();
        EXPECT_EQ(code_of(answer), turn::kConnectionTimeoutOrFailure);
        const auto message = stun::decode(answer->datagram.payload);
        EXPECT_EQ(dial_back(*message)->answer, met);
        EXPECT_LE(answer->datagram.payload.size(),
                  stun::encode(Server::dial_request(6667, server.nonce(), true)).size());
    }
}

TEST(StunResponder, ItsOwnTroubleIsNotThePortsAnswer) {
    Server server;
    (void)server.ask(Server::dial_request(6667, server.nonce()));
    server.responder.handle_dialled(server.responder.poll_dial()->id, {});
    EXPECT_EQ(code_of(server.responder.poll_transmit()), 500);
}

TEST(StunResponder, TriesNoLongerThanItIsAskedTo) {
    for (const auto& [asked, granted] :
         {std::pair{0ms, 3000ms}, std::pair{1300ms, 1300ms}, std::pair{20000ms, 3000ms}}) {
        Server server;
        stun::Message request{.transaction = kTransaction};
        request.add(static_cast<AttributeType>(DialBack::kType),
                    dial_back_value({.port = 6667, .limit = asked}));
        request.add(AttributeType::Software, {kFiller.begin(), kFiller.end()});
        request.add(AttributeType::Nonce, server.nonce());
        (void)server.ask(request);
        const auto dial = server.responder.poll_dial();
        ASSERT_TRUE(dial);
        EXPECT_EQ(dial->limit, granted);
    }
}

TEST(StunResponder, AnswersInStreamsWhatNeedsNoDatagrams) {
    Server server;
    const auto ask = [&](const stun::Message& request) {
        const auto answer =
            server.responder.answer_in_stream(server.now, 1, kAsker, stun::encode(request));
        EXPECT_FALSE(server.responder.poll_transmit()) << "nothing goes elsewhere";
        EXPECT_FALSE(server.responder.poll_dial());
        return answer ? *stun::decode(*answer) : stun::Message{};
    };
    const auto plain = ask({.transaction = kTransaction});
    EXPECT_EQ(plain.kind, stun::Class::Success);
    EXPECT_EQ(*stun::mapped_address(plain), kAsker);
    EXPECT_EQ(*stun::response_origin(plain), kEndpoints[1]);
    stun::Message change{.transaction = kTransaction};
    change.add(AttributeType::ChangeRequest, stun::change_request_value({false, true}));
    for (const auto& request : {change, Server::knock_request(6667, server.nonce()),
                                Server::dial_request(6667, server.nonce())}) {
        EXPECT_EQ(stun::error_code(ask(request))->code, 400);
    }
    stun::Message strange{.transaction = kTransaction};
    strange.attributes.push_back({0x7fff, Bytes(8)});
    EXPECT_EQ(stun::error_code(ask(strange))->code, 420);
    for (const auto& noise : {Bytes{}, Bytes{1, 2, 3}, stun::encode({.method = turn::kAllocate})}) {
        EXPECT_FALSE(server.responder.answer_in_stream(server.now, 1, kAsker, noise));
    }
}

TEST(StunResponder, RefusesWhatItDoesNotKnow) {
    Server server;
    stun::Message request{.transaction = kTransaction};
    request.attributes.push_back({0x7fff, Bytes(8)});
    const auto answer = server.ask(request);
    EXPECT_EQ(code_of(answer), 420);
    stun::Message bad{.transaction = kTransaction};
    bad.add(AttributeType::ResponsePort, {1});
    EXPECT_EQ(code_of(server.ask(bad)), 400);
}

TEST(StunResponder, IgnoresNoiseAndWhatIsNoRequest) {
    Server server;
    for (const auto& bytes : {Bytes{}, Bytes{1, 2, 3}, stun::encode({.kind = stun::Class::Success}),
                              stun::encode({.kind = stun::Class::Indication}),
                              stun::encode({.method = turn::kAllocate})}) {
        server.responder.handle_datagram(server.now, 0, kAsker, bytes);
        EXPECT_FALSE(server.responder.poll_transmit());
    }
    server.responder.handle_datagram(server.now, 0, {kAsker.address, 0}, stun::encode({}));
    EXPECT_FALSE(server.responder.poll_transmit()) << "port 0 is nobody's";
}

TEST(DialBackAttribute, IsReadAndChecked) {
    stun::Message message;
    const auto add = [&](Bytes value) {
        message.attributes.clear();
        message.add(static_cast<AttributeType>(DialBack::kType), std::move(value));
    };
    EXPECT_EQ(dial_back(message).error().code, Errc::NotFound);
    EXPECT_EQ(dial_back_value({6667, true}), (Bytes{0, 1, 0x1a, 0x0b}));
    add({0, 1, 0x1a, 0x0b});
    EXPECT_EQ(*dial_back(message), (DialBack{6667, true}));
    const DialBack answer{6667, false, 1300ms, UnsolicitedSyn::Reset};
    EXPECT_EQ(dial_back_value(answer), (Bytes{13, 0x20, 0x1a, 0x0b}));
    add({13, 0x20, 0x1a, 0x0b});
    EXPECT_EQ(*dial_back(message), answer);
    for (const Bytes& bad : {Bytes{}, Bytes{0, 1, 0x1a}, Bytes{0, 1, 0x1a, 0x0b, 0},
                             Bytes{0, 0, 0, 0}, Bytes{0, 0x60, 0x1a, 0x0b}}) {
        add(bad);
        EXPECT_EQ(dial_back(message).error().code, Errc::Malformed);
    }
}

} // namespace
} // namespace natterjack
