// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "proto/pcp_exchange.hpp"
#include "tests/support/simulator.hpp"

namespace natterjack {
namespace {

using namespace std::chrono_literals;
using pcp::ResultCode;

const Endpoint kGateway{IpAddress::v4(0xC0A80101), pcp::kServerPort};
const IpAddress kClient = IpAddress::v4(0xC0A8010A);
constexpr pcp::Nonce kNonce{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
constexpr Duration kPatience = 2s;

pcp::Request map_request(Lifetime lifetime = Lifetime(7200)) {
    return {.lifetime = lifetime,
            .client = kClient,
            .body = pcp::Map{.nonce = kNonce,
                             .protocol = 17,
                             .internal_port = 1234,
                             .external_port = 4321,
                             .external = {}},
            .options = {}};
}

pcp::Response answer_to(const Datagram& sent) {
    const auto asked = pcp::decode_request(sent.payload);
    EXPECT_TRUE(asked);
    pcp::Response response{.result = ResultCode::Success,
                           .lifetime = asked->lifetime,
                           .epoch = Lifetime(99),
                           .body = asked->body,
                           .options = {}};
    if (auto* map = std::get_if<pcp::Map>(&response.body)) {
        map->external = IpAddress::v4(0x19007101);
    }
    return response;
}

std::optional<Datagram> grant(const Datagram& sent) {
    return Datagram{{}, pcp::encode(answer_to(sent))};
}

std::optional<Datagram> silence(const Datagram& /*sent*/) {
    return std::nullopt;
}

TEST(PcpExchange, MapsInOneRoundTrip) {
    test::Simulator sim;
    const auto started = sim.now();
    PcpExchange exchange(kGateway, map_request(), started + kPatience);
    test::run_exchange(sim, exchange, 5ms, grant);
    ASSERT_TRUE(exchange.result() && *exchange.result());
    const auto& response = **exchange.result();
    EXPECT_EQ(std::get<pcp::Map>(response.body).external_port, 4321);
    EXPECT_EQ(response.epoch, Lifetime(99));
    EXPECT_EQ(sim.now() - started, 10ms);
    EXPECT_FALSE(exchange.deadline());
}

TEST(PcpExchange, SurvivesTwoLostRequests) {
    test::Simulator sim;
    const auto started = sim.now();
    int seen = 0;
    PcpExchange exchange(kGateway, map_request(), started + kPatience);
    test::run_exchange(sim, exchange, 5ms, [&](const Datagram& sent) {
        return ++seen <= 2 ? std::nullopt : grant(sent);
    });
    ASSERT_TRUE(exchange.result() && *exchange.result());
    EXPECT_EQ(sim.now() - started, 300ms + 10ms);
}

TEST(PcpExchange, SendsTheSameBytesAgain) {
    test::Simulator sim;
    std::vector<std::vector<std::uint8_t>> seen;
    PcpExchange exchange(kGateway, map_request(), sim.now() + kPatience);
    test::run_exchange(sim, exchange, 5ms, [&](const Datagram& sent) {
        EXPECT_EQ(sent.to, kGateway);
        seen.push_back(sent.payload);
        return silence(sent);
    });
    ASSERT_EQ(seen.size(), 5U); // 0, 100, 300, 700, 1500 ms
    for (const auto& payload : seen) EXPECT_EQ(payload, seen.front());
}

TEST(PcpExchange, GivesUpAtTheCallersDeadline) {
    test::Simulator sim;
    const auto started = sim.now();
    PcpExchange exchange(kGateway, map_request(), started + kPatience);
    test::run_exchange(sim, exchange, 5ms, silence);
    ASSERT_TRUE(exchange.result());
    ASSERT_FALSE(*exchange.result());
    EXPECT_EQ(exchange.result()->error().code, Errc::Timeout);
    EXPECT_EQ(sim.now() - started, kPatience);
    EXPECT_FALSE(exchange.poll_transmit());
}

/// An exchange that has sent its request, for feeding answers by hand.
class PcpExchangeStarted : public testing::Test {
protected:
    void begin(pcp::Request request) {
        exchange_.emplace(kGateway, std::move(request), TimePoint(1h) + kPatience);
        exchange_->start(TimePoint(1h));
        sent_ = exchange_->poll_transmit();
        ASSERT_TRUE(sent_);
        answer_ = answer_to(*sent_);
    }
    void SetUp() override { begin(map_request()); }

    void receive(const pcp::Response& response, const Endpoint& from = kGateway) {
        exchange_->handle_datagram(from, pcp::encode(response));
    }
    pcp::Map& answered_map() { return std::get<pcp::Map>(answer_.body); }

    std::optional<PcpExchange> exchange_;
    std::optional<Datagram> sent_;
    pcp::Response answer_;
};

TEST_F(PcpExchangeStarted, IgnoresStrangers) {
    receive(answer_, {IpAddress::v4(0xC0A80102), pcp::kServerPort});
    EXPECT_FALSE(exchange_->result());
    receive(answer_, {kGateway.address, 5352});
    EXPECT_FALSE(exchange_->result());
    receive(answer_);
    EXPECT_TRUE(exchange_->result());
}

TEST_F(PcpExchangeStarted, IgnoresAWrongNonce) {
    for (std::size_t i = 0; i < kNonce.size(); ++i) {
        auto forged = answer_;
        std::get<pcp::Map>(forged.body).nonce[i] ^= 1U;
        receive(forged);
        forged.result = ResultCode::NotAuthorized;
        receive(forged);
        EXPECT_FALSE(exchange_->result()) << i;
    }
}

TEST_F(PcpExchangeStarted, IgnoresAnswersToOtherRequests) {
    auto other = answer_;
    std::get<pcp::Map>(other.body).protocol = 6;
    receive(other);
    other = answer_;
    std::get<pcp::Map>(other.body).internal_port = 1235;
    receive(other);
    other = answer_;
    other.body = pcp::Announce{};
    receive(other);
    other.body = pcp::Peer{.flow = answered_map(), .remote_port = 1, .remote = {}};
    receive(other);
    EXPECT_FALSE(exchange_->result());
}

TEST_F(PcpExchangeStarted, IgnoresEveryTruncation) {
    const auto whole = pcp::encode(answer_);
    for (std::size_t length = 0; length < whole.size(); ++length) {
        exchange_->handle_datagram(kGateway, ByteView(whole).first(length));
        EXPECT_FALSE(exchange_->result()) << length;
    }
    exchange_->handle_datagram(kGateway, sent_->payload); // its own request, sent back
    EXPECT_FALSE(exchange_->result());
}

TEST_F(PcpExchangeStarted, EndsWithEachRefusal) {
    for (int code = 1; code <= 14; ++code) {
        begin(map_request());
        answer_.result = static_cast<ResultCode>(code);
        answer_.lifetime = Lifetime(30);
        receive(answer_);
        ASSERT_TRUE(exchange_->result()) << code;
        ASSERT_FALSE(*exchange_->result()) << code;
        EXPECT_EQ(exchange_->result()->error().detail, code);
        EXPECT_FALSE(exchange_->deadline());
    }
}

TEST_F(PcpExchangeStarted, TakesALifetimeOfZeroForARefusal) {
    answer_.lifetime = Lifetime(0);
    receive(answer_);
    ASSERT_TRUE(exchange_->result());
    EXPECT_EQ(exchange_->result()->error().code, Errc::Refused);
}

TEST_F(PcpExchangeStarted, TakesAnExternalPortOfZeroForARefusal) {
    answered_map().external_port = 0;
    receive(answer_);
    ASSERT_TRUE(exchange_->result());
    EXPECT_EQ(exchange_->result()->error().code, Errc::Refused);
}

TEST_F(PcpExchangeStarted, NamesTheVersionThatTheServerSpeaks) {
    exchange_->handle_datagram(kGateway, std::vector<std::uint8_t>{0, 0, 0, 1, 0, 0, 0, 7});
    ASSERT_TRUE(exchange_->result());
    EXPECT_EQ(exchange_->result()->error().code, Errc::NotFound);
    EXPECT_NE(exchange_->result()->error().message.find("NAT-PMP"), std::string::npos);
    begin(map_request());
    auto draft = pcp::encode(answer_);
    draft[0] = 1;
    draft[3] = 1;
    exchange_->handle_datagram(kGateway, draft);
    ASSERT_TRUE(exchange_->result());
    EXPECT_NE(exchange_->result()->error().message.find("version 1"), std::string::npos);
}

TEST_F(PcpExchangeStarted, EndsAtOnceWhenNothingListens) {
    exchange_->handle_unreachable({kGateway.address, 5352});
    EXPECT_FALSE(exchange_->result());
    exchange_->handle_unreachable(kGateway);
    ASSERT_TRUE(exchange_->result());
    EXPECT_EQ(exchange_->result()->error().code, Errc::NotFound);
}

TEST_F(PcpExchangeStarted, KeepsItsResultWhenADuplicateComesLate) {
    receive(answer_);
    answer_.result = ResultCode::NoResources;
    receive(answer_);
    exchange_->handle_unreachable(kGateway);
    exchange_->handle_timeout(TimePoint(2h));
    ASSERT_TRUE(exchange_->result());
    EXPECT_TRUE(*exchange_->result());
    EXPECT_FALSE(exchange_->poll_transmit());
}

TEST_F(PcpExchangeStarted, DoesNotTakeALateGrantForADeletion) {
    begin(map_request(Lifetime(0)));
    answer_.lifetime = Lifetime(7200);
    receive(answer_);
    EXPECT_FALSE(exchange_->result());
    answer_.lifetime = Lifetime(0);
    receive(answer_);
    ASSERT_TRUE(exchange_->result());
    EXPECT_TRUE(*exchange_->result());
}

TEST_F(PcpExchangeStarted, AnnouncesWithoutANonce) {
    begin({.lifetime = {}, .client = kClient, .body = pcp::Announce{}, .options = {}});
    receive(answer_);
    ASSERT_TRUE(exchange_->result());
    EXPECT_TRUE(*exchange_->result());
}

TEST_F(PcpExchangeStarted, ChecksTheRemotePeerOfAPeer) {
    auto request = map_request();
    request.body = pcp::Peer{.flow = std::get<pcp::Map>(request.body),
                             .remote_port = 80,
                             .remote = IpAddress::v4(0x19007102)};
    begin(request);
    std::get<pcp::Peer>(answer_.body).remote_port = 81;
    receive(answer_);
    EXPECT_FALSE(exchange_->result());
    std::get<pcp::Peer>(answer_.body).remote_port = 80;
    receive(answer_);
    ASSERT_TRUE(exchange_->result());
    EXPECT_TRUE(*exchange_->result());
}

} // namespace
} // namespace natterjack
