// SPDX-License-Identifier: MIT
#include <algorithm>

#include <gtest/gtest.h>

#include "strategies/ice/dtls_credentials.hpp"
#include "strategies/ice/dtls_session.hpp"
#include "support/simulator.hpp"
#include "support/virtual_clock.hpp"

namespace natterjack::ice {
namespace {

using namespace std::chrono_literals;
using Bytes = std::vector<std::uint8_t>;
using State = DtlsSession::State;

std::shared_ptr<const DtlsCertificate> new_certificate() {
    auto certificate = DtlsCertificate::create();
    EXPECT_TRUE(certificate);
    return *certificate;
}

// Two ends on a link with a delay.
class DtlsPair {
public:
    DtlsPair() {
        test::set_wall_clock(sim.now());
        client_certificate = new_certificate();
        server_certificate = new_certificate();
        client_config.role = DtlsSession::Role::Client;
        client_config.remote = {server_certificate->fingerprint()};
        server_config.role = DtlsSession::Role::Server;
        server_config.remote = {client_certificate->fingerprint()};
    }
    ~DtlsPair() { test::release_wall_clock(); }
    DtlsPair(const DtlsPair&) = delete;
    DtlsPair& operator=(const DtlsPair&) = delete;

    void start() {
        client = *DtlsSession::create(client_certificate, client_config);
        server = *DtlsSession::create(server_certificate, server_config);
        server->start(sim.now());
        client->start(sim.now());
        pump();
    }

    // Sends what is due, and schedules the next timeouts.
    void pump() {
        pump(*client, *server, client_timer_);
        pump(*server, *client, server_timer_);
    }

    bool run_until_both(State state) {
        return sim.run_until([&] { return client->state() == state && server->state() == state; });
    }

    test::Simulator sim;
    Duration delay = 20ms;
    // Whether datagram number `index` of those that this side sent arrives.
    std::function<bool(bool from_client, std::size_t index)> arrives = [](bool, std::size_t) {
        return true;
    };
    std::vector<std::size_t> sizes; // of all datagrams sent
    std::size_t from_client = 0;
    std::size_t from_server = 0;
    std::shared_ptr<const DtlsCertificate> client_certificate;
    std::shared_ptr<const DtlsCertificate> server_certificate;
    DtlsSession::Config client_config;
    DtlsSession::Config server_config;
    std::unique_ptr<DtlsSession> client;
    std::unique_ptr<DtlsSession> server;

private:
    void pump(DtlsSession& from, DtlsSession& to, std::optional<TimePoint>& timer) {
        const bool is_client = &from == client.get();
        while (auto datagram = from.poll_transmit()) {
            sizes.push_back(datagram->size());
            auto& count = is_client ? from_client : from_server;
            if (!arrives(is_client, count++)) continue;
            sim.after(delay, [this, &to, datagram = *std::move(datagram)] {
                test::set_wall_clock(sim.now());
                to.handle_datagram(sim.now(), datagram);
                pump();
            });
        }
        const auto deadline = from.deadline();
        if (!deadline || timer == deadline) return;
        timer = deadline;
        sim.at(*deadline, [this, &from, due = *deadline] {
            test::set_wall_clock(sim.now());
            if (from.deadline() != due) return;
            from.handle_timeout(sim.now());
            pump();
        });
    }

    std::optional<TimePoint> client_timer_;
    std::optional<TimePoint> server_timer_;
};

TEST(DtlsSession, ConnectsInTwoRoundTripsWithFewDatagrams) {
    DtlsPair pair;
    const auto begin = pair.sim.now();
    pair.start();
    ASSERT_TRUE(pair.run_until_both(State::Connected));
    // No HelloVerifyRequest behind ICE: two round trips.
    EXPECT_EQ(pair.sim.now() - begin, 4 * pair.delay);
    EXPECT_LE(pair.from_client, 3U);
    EXPECT_LE(pair.from_server, 3U);
    for (const auto size : pair.sizes) EXPECT_LE(size, 1200U);
    EXPECT_FALSE(pair.client->deadline());
    EXPECT_FALSE(pair.server->deadline());
}

// A browser's path may stand before ours does: both ends of a path do not learn of it at once.
TEST(DtlsSession, AnswersAClientThatIsReadyBeforeTheServerIs) {
    DtlsPair pair;
    pair.client = *DtlsSession::create(pair.client_certificate, pair.client_config);
    pair.server = *DtlsSession::create(pair.server_certificate, pair.server_config);
    const auto begin = pair.sim.now();
    pair.client->start(begin);
    pair.pump();
    pair.sim.at(begin + 3 * pair.delay, [&] { pair.server->start(pair.sim.now()); });
    ASSERT_TRUE(pair.run_until_both(State::Connected));
    EXPECT_EQ(pair.sim.now() - begin, 4 * pair.delay);
}

TEST(DtlsSession, IsSilentBeforeAClientIsStarted) {
    DtlsPair pair;
    pair.client = *DtlsSession::create(pair.client_certificate, pair.client_config);
    pair.client->handle_datagram(pair.sim.now(), Bytes(20, 22));
    EXPECT_FALSE(pair.client->poll_transmit());
    EXPECT_FALSE(pair.client->deadline());
    EXPECT_EQ(pair.client->state(), State::Handshaking);
}

TEST(DtlsSession, CarriesMessagesBothWays) {
    DtlsPair pair;
    pair.start();
    ASSERT_TRUE(pair.run_until_both(State::Connected));
    EXPECT_EQ(pair.client->max_message(), 1163U);
    const Bytes question(pair.client->max_message(), 'q');
    const Bytes answer = {'a'};
    ASSERT_TRUE(pair.client->send(question));
    ASSERT_TRUE(pair.server->send(answer));
    pair.pump();
    pair.sim.run_until([] { return false; });
    EXPECT_EQ(pair.server->poll_received(), question);
    EXPECT_EQ(pair.client->poll_received(), answer);
    EXPECT_EQ(pair.client->poll_received(), std::nullopt);
    EXPECT_EQ(pair.client->send(Bytes(1164)).error().code, Errc::TooLarge);
}

class DtlsLoss : public testing::TestWithParam<std::pair<bool, std::size_t>> {};

TEST_P(DtlsLoss, OfAnyDatagramIsRepairedAfterOneTimeout) {
    DtlsPair pair;
    const auto begin = pair.sim.now();
    pair.arrives = [](bool from_client, std::size_t index) {
        return std::pair(from_client, index) != GetParam();
    };
    pair.start();
    ASSERT_TRUE(pair.run_until_both(State::Connected));
    EXPECT_LE(pair.sim.now() - begin, 4 * pair.delay + 250ms + 2 * pair.delay);
}

INSTANTIATE_TEST_SUITE_P(EveryDatagram, DtlsLoss,
                         testing::Values(std::pair(true, 0), std::pair(false, 0),
                                         std::pair(true, 1), std::pair(false, 1)),
                         [](const auto& test) {
                             return std::string(test.param.first ? "FromClient" : "FromServer") +
                                    std::to_string(test.param.second);
                         });

TEST(DtlsSession, RepeatsWithDoublingPauses) {
    DtlsPair pair;
    pair.arrives = [](bool, std::size_t) { return false; };
    pair.start();
    const auto begin = pair.sim.now();
    std::vector<Duration> sent;
    std::size_t seen = pair.from_client;
    pair.sim.run_until([&] {
        if (pair.from_client != seen) {
            seen = pair.from_client;
            sent.push_back(std::chrono::duration_cast<Duration>(pair.sim.now() - begin));
        }
        return sent.size() == 4;
    });
    EXPECT_EQ(sent, (std::vector<Duration>{250ms, 750ms, 1750ms, 3750ms}));
}

TEST(DtlsSession, GivesUpAtTheExactInstant) {
    DtlsPair pair;
    pair.arrives = [](bool, std::size_t) { return false; };
    pair.client_config.handshake_timeout = 5s;
    pair.server_config.handshake_timeout = 5s;
    const auto begin = pair.sim.now();
    pair.start();
    ASSERT_TRUE(pair.run_until_both(State::Failed));
    EXPECT_EQ(pair.sim.now() - begin, 5s);
    EXPECT_EQ(pair.client->error()->code, Errc::Timeout);
    EXPECT_EQ(pair.server->error()->code, Errc::Timeout);
}

TEST(DtlsSession, RefusesACertificateThatWasNotAnnounced) {
    for (const bool client_is_misled : {true, false}) {
        DtlsPair pair;
        auto& config = client_is_misled ? pair.client_config : pair.server_config;
        config.remote = {new_certificate()->fingerprint()};
        pair.start();
        ASSERT_TRUE(pair.run_until_both(State::Failed)) << client_is_misled;
        const auto& misled = client_is_misled ? *pair.client : *pair.server;
        const auto& other = client_is_misled ? *pair.server : *pair.client;
        EXPECT_EQ(misled.error()->code, Errc::Mismatch) << misled.error()->message;
        EXPECT_EQ(other.error()->code, Errc::Refused) << other.error()->message;
    }
}

TEST(DtlsSession, TakesAnyOfSeveralAnnouncedCertificates) {
    DtlsPair pair;
    pair.client_config.remote.insert(pair.client_config.remote.begin(),
                                     new_certificate()->fingerprint());
    pair.start();
    EXPECT_TRUE(pair.run_until_both(State::Connected));
}

// Pion ends the handshake with whom has no use_srtp (RFC 5764 section 4.1.1), in either role.
TEST(DtlsSession, NegotiatesSrtpAsBrowsersDo) {
    const Bytes use_srtp = {0, 14, 0, 5, 0, 2, 0, 1, 0}; // SRTP_AES128_CM_HMAC_SHA1_80, no MKI
    DtlsPair pair;
    auto client = *DtlsSession::create(pair.client_certificate, pair.client_config);
    auto server = *DtlsSession::create(pair.server_certificate, pair.server_config);
    const auto now = pair.sim.now();
    const auto carry = [&](DtlsSession& from, DtlsSession& to) {
        bool said = false;
        while (const auto datagram = from.poll_transmit()) {
            said = said || std::search(datagram->begin(), datagram->end(), use_srtp.begin(),
                                       use_srtp.end()) != datagram->end();
            to.handle_datagram(now, *datagram);
        }
        return said;
    };
    client->start(now);
    EXPECT_TRUE(carry(*client, *server)) << "ClientHello";
    EXPECT_TRUE(carry(*server, *client)) << "ServerHello";
}

sdp::Fingerprint hashed(const DtlsCertificate& certificate, sdp::Hash hash) {
    gnutls_datum_t der{};
    EXPECT_EQ(gnutls_certificate_get_crt_raw(certificate.credentials().credentials, 0, 0, &der), 0);
    return fingerprint_of(der, hash).value_or(sdp::Fingerprint());
}

TEST(DtlsSession, TakesEveryStrongHash) {
    for (const auto hash : {sdp::Hash::Sha256, sdp::Hash::Sha384, sdp::Hash::Sha512}) {
        DtlsPair pair;
        pair.client_config.remote = {hashed(*pair.server_certificate, hash)};
        pair.start();
        EXPECT_TRUE(pair.run_until_both(State::Connected)) << static_cast<int>(hash);
    }
}

// RFC 8122 section 5: who has forged the weaker hash has forged nothing.
TEST(DtlsSession, JudgesByTheStrongestHashThatWasAnnounced) {
    const auto other = new_certificate();
    DtlsPair pair;
    pair.client_config.remote = {hashed(*pair.server_certificate, sdp::Hash::Sha256),
                                 hashed(*other, sdp::Hash::Sha512)};
    pair.start();
    ASSERT_TRUE(pair.run_until_both(State::Failed));
    EXPECT_EQ(pair.client->error()->code, Errc::Mismatch);

    DtlsPair good;
    good.client_config.remote = {hashed(*other, sdp::Hash::Sha256),
                                 hashed(*other, sdp::Hash::Sha512),
                                 hashed(*good.server_certificate, sdp::Hash::Sha512)};
    good.start();
    EXPECT_TRUE(good.run_until_both(State::Connected));
}

TEST(DtlsSession, IgnoresGarbageBeforeAndAfterTheHandshake) {
    DtlsPair pair;
    const Bytes garbage[] = {{},
                             {0},
                             Bytes(1500, 0xff),
                             {22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff},
                             {0x80, 0x01, 0x02, 0x03},             // RTP
                             {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, // STUN
                             {23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 3, 1, 2, 3}};
    const auto inject = [&] {
        for (const auto& bytes : garbage) {
            pair.client->handle_datagram(pair.sim.now(), bytes);
            pair.server->handle_datagram(pair.sim.now(), bytes);
        }
    };
    pair.start();
    inject();
    ASSERT_TRUE(pair.run_until_both(State::Connected));
    inject();
    EXPECT_EQ(pair.client->state(), State::Connected);
    EXPECT_EQ(pair.client->poll_received(), std::nullopt);
}

TEST(DtlsSession, DropsARecordThatWasReplayedOrChanged) {
    DtlsPair pair;
    pair.start();
    ASSERT_TRUE(pair.run_until_both(State::Connected));
    ASSERT_TRUE(pair.client->send(Bytes{1, 2, 3}));
    const auto datagram = *pair.client->poll_transmit();
    auto changed = datagram;
    changed.back() ^= 1U;
    pair.server->handle_datagram(pair.sim.now(), changed);
    EXPECT_EQ(pair.server->poll_received(), std::nullopt);
    pair.server->handle_datagram(pair.sim.now(), datagram);
    pair.server->handle_datagram(pair.sim.now(), datagram);
    EXPECT_EQ(pair.server->poll_received(), (Bytes{1, 2, 3}));
    EXPECT_EQ(pair.server->poll_received(), std::nullopt);
    EXPECT_EQ(pair.server->state(), State::Connected);
}

TEST(DtlsSession, TellsThePeerThatItCloses) {
    DtlsPair pair;
    pair.start();
    ASSERT_TRUE(pair.run_until_both(State::Connected));
    pair.client->close();
    EXPECT_FALSE(pair.client->send(Bytes{1}));
    pair.pump();
    EXPECT_TRUE(pair.run_until_both(State::Closed));
    EXPECT_FALSE(pair.server->error());
}

TEST(DtlsSession, NeedsAFingerprint) {
    EXPECT_EQ(DtlsSession::create(new_certificate(), {}).error().code, Errc::InvalidArgument);
}

TEST(DtlsCertificate, IsMadeOnceAProcess) {
    EXPECT_EQ(*DtlsCertificate::of_this_process(), *DtlsCertificate::of_this_process());
    EXPECT_NE(new_certificate()->fingerprint(), new_certificate()->fingerprint());
}

} // namespace
} // namespace natterjack::ice
