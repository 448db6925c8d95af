// SPDX-License-Identifier: MIT
/// \file
/// \brief Two secure sessions on a simulated path that delays, loses, repeats and reorders.
#pragma once

#include <map>
#include <random>

#include <gtest/gtest.h>

#include "strategies/ice/secure_session.hpp"
#include "support/simulator.hpp"
#include "support/virtual_clock.hpp"

namespace natterjack::test {

/// What a path does to datagrams. The same seed gives the same run.
struct PathModel {
    Duration delay{20};
    Duration jitter{0};  ///< Added: 0 to this; more than the pause between datagrams reorders them.
    double loss = 0;     ///< 0 to 1.
    double repeated = 0; ///< 0 to 1.
    bool cut = false;    ///< Everything is lost.
};

class SecurePair {
public:
    /// One end and what happened there.
    struct End {
        std::unique_ptr<ice::SecureSession> session;
        std::vector<ice::ChannelEvent> events;
        std::optional<TimePoint> timer;
        std::size_t sent = 0; // datagrams
    };

    explicit SecurePair(PathModel path = {}, unsigned seed = 1) : model(path), random_(seed) {
        set_wall_clock(sim.now());
        const auto certificate_a = *ice::DtlsCertificate::of_this_process();
        const auto certificate_b = *ice::DtlsCertificate::create();
        auto offer = describe(sdp::Kind::Offer, *certificate_a);
        auto answer = describe(sdp::Kind::Answer, *certificate_b);
        a.session = make(certificate_a, offer, answer);
        b.session = make(certificate_b, answer, offer);
    }
    ~SecurePair() {
        a.session.reset();
        b.session.reset();
        release_wall_clock();
    }
    SecurePair(const SecurePair&) = delete;
    SecurePair& operator=(const SecurePair&) = delete;

    void start() {
        a.session->start(sim.now());
        b.session->start(sim.now());
        pump();
    }

    bool connect() {
        using State = ice::SecureSession::State;
        start();
        return run_until([&] {
            return a.session->state() == State::Connected && b.session->state() == State::Connected;
        });
    }

    /// Sends what is due and schedules timeouts. After every call on a session.
    void pump() {
        pump(a, b);
        pump(b, a);
    }

    /// False when \a limit passes first.
    bool run_until(const std::function<bool()>& done, Duration limit = Duration(120'000)) {
        const auto end = sim.now() + limit;
        sim.at(end, [] {});
        sim.run_until([&] { return done() || sim.now() >= end; });
        return done();
    }
    void run_for(Duration time) {
        const auto end = sim.now() + time;
        run_until([&] { return sim.now() >= end; }, time);
    }

    Simulator sim;
    PathModel model;
    End a; ///< The offerer: DTLS server, odd channels.
    End b; ///< The answerer: DTLS client, even channels.

private:
    static sdp::Description describe(sdp::Kind kind, const ice::DtlsCertificate& certificate) {
        sdp::Description out;
        out.kind = kind;
        out.ufrag = "abcd";
        out.password = "0123456789012345678901";
        out.fingerprints = {certificate.fingerprint()};
        out.setup = kind == sdp::Kind::Offer ? sdp::Setup::ActPass : sdp::Setup::Active;
        return out;
    }

    static std::unique_ptr<ice::SecureSession>
    make(const std::shared_ptr<const ice::DtlsCertificate>& certificate,
         const sdp::Description& local, const sdp::Description& remote) {
        auto session = ice::SecureSession::create(certificate, {local, remote, {}, {}});
        EXPECT_TRUE(session);
        return *std::move(session);
    }

    void pump(End& from, End& to) {
        from.session->flush(sim.now());
        while (auto event = from.session->channels().poll_event()) {
            from.events.push_back(*std::move(event));
        }
        while (auto datagram = from.session->poll_transmit()) {
            ++from.sent;
            if (model.cut || chance() < model.loss) continue;
            const int copies = chance() < model.repeated ? 2 : 1;
            for (int i = 0; i < copies; ++i) deliver(to, *datagram);
        }
        const auto deadline = from.session->deadline();
        if (!deadline || from.timer == deadline) return;
        from.timer = deadline;
        sim.at(*deadline, [this, &from, due = *deadline] {
            if (from.session->deadline() != due) return;
            set_wall_clock(sim.now());
            from.session->handle_timeout(sim.now());
            pump();
        });
    }

    void deliver(End& to, const std::vector<std::uint8_t>& datagram) {
        const auto extra = Duration(static_cast<std::int64_t>(
            chance() * static_cast<double>(model.jitter.count() + (model.jitter.count() > 0))));
        sim.after(model.delay + extra, [this, &to, datagram] {
            set_wall_clock(sim.now());
            to.session->handle_datagram(sim.now(), datagram);
            pump();
        });
    }

    double chance() { return std::uniform_real_distribution<double>(0, 1)(random_); }

    std::mt19937 random_;
};

} // namespace natterjack::test
