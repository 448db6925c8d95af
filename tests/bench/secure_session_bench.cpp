// SPDX-License-Identifier: MIT
// What DTLS, SCTP and data channels cost: handshakes, throughput and memory of two ends in one
// process, on one thread, without sockets. Fails when a target is missed.
#include <cstdio>
#include <thread>
#include <tuple>

#include "resident.hpp"
#include "strategies/ice/secure_session.hpp"

using namespace natterjack;
using namespace natterjack::ice;
using namespace std::chrono_literals;

namespace {

constexpr double kLeastMegabits = 200; // of reliable throughput
constexpr double kMostKibibytes = 160; // of an idle session
constexpr double kMostHandshake = 40;  // ms

TimePoint now() {
    return std::chrono::steady_clock::now();
}

struct Ends {
    std::unique_ptr<SecureSession> offerer;
    std::unique_ptr<SecureSession> answerer;
};

Ends make_ends() {
    const auto certificate = *DtlsCertificate::of_this_process();
    sdp::Description offer;
    offer.fingerprints = {certificate->fingerprint()};
    auto answer = offer;
    answer.setup = sdp::Setup::Active;
    return {*SecureSession::create(certificate, {offer, answer, {}, {}}),
            *SecureSession::create(certificate, {answer, offer, {}, {}})};
}

bool deliver(SecureSession& from, SecureSession& to) {
    bool any = false;
    from.flush(now());
    while (const auto datagram = from.poll_transmit()) {
        any = true;
        to.handle_datagram(now(), *datagram);
    }
    return any;
}

bool exchange(Ends& ends) {
    const bool one = deliver(*ends.offerer, *ends.answerer);
    const bool other = deliver(*ends.answerer, *ends.offerer);
    return one || other;
}

void run_timers(Ends& ends) {
    for (auto* const session : {ends.offerer.get(), ends.answerer.get()}) {
        const auto deadline = session->deadline();
        if (deadline && now() >= *deadline) session->handle_timeout(now());
    }
}

void drop_events(SecureSession& session) {
    while (session.channels().poll_event()) {}
}

// Until nothing more happens at once.
void connect(Ends& ends) {
    ends.offerer->start(now());
    ends.answerer->start(now());
    while (exchange(ends)) {}
}

bool measure_handshake() {
    constexpr int kCount = 100;
    const auto begin = now();
    for (int i = 0; i < kCount; ++i) {
        auto ends = make_ends();
        connect(ends);
    }
    const std::chrono::duration<double, std::milli> each = (now() - begin) / kCount;
    std::printf("handshake of DTLS and SCTP, both ends: %.2f ms\n", each.count());
    return each.count() <= kMostHandshake;
}

bool measure_throughput(std::size_t size) {
    auto ends = make_ends();
    connect(ends);
    auto& channels = ends.offerer->channels();
    const auto id = *channels.open(now(), {});
    const std::vector<std::uint8_t> message(size, 0x5a);
    std::size_t received = 0;
    const auto begin = now();
    while (now() - begin < 3s) {
        while (channels.buffered_amount(id) < 2 * size + 65536) {
            if (!channels.send(now(), id, message)) break;
        }
        exchange(ends);
        while (const auto event = ends.answerer->channels().poll_event()) {
            received += event->data.size();
        }
        drop_events(*ends.offerer);
        run_timers(ends);
    }
    const std::chrono::duration<double> took = now() - begin;
    const auto megabits = static_cast<double>(received) * 8 / took.count() / 1e6;
    std::printf("reliable, messages of %zu bytes: %.0f Mbit/s\n", size, megabits);
    return megabits >= kLeastMegabits;
}

bool measure_memory() {
    constexpr std::size_t kSessions = 1000;
    const auto before = bench::resident_kibibytes();
    std::vector<Ends> all;
    for (std::size_t i = 0; i < kSessions / 2; ++i) {
        auto& ends = all.emplace_back(make_ends());
        connect(ends);
        std::ignore = ends.offerer->channels().open(now(), {});
        while (exchange(ends)) {}
        drop_events(*ends.offerer);
        drop_events(*ends.answerer);
    }
    for (int i = 0; i < 60; ++i) { // until all is acknowledged and the timers are at rest
        std::this_thread::sleep_for(10ms);
        for (auto& ends : all) {
            run_timers(ends);
            exchange(ends);
        }
    }
    const auto each = (bench::resident_kibibytes() - before) / kSessions;
    std::printf("an idle session with one channel, of %zu: %.0f KiB\n", kSessions, each);
    return each <= kMostKibibytes;
}

} // namespace

int main() {
    // Memory first: what was freed before would hide some of it.
    const bool results[] = {measure_memory(), measure_handshake(), measure_throughput(1024),
                            measure_throughput(16384), measure_throughput(262144)};
    int missed = 0;
    for (const bool reached : results) missed += reached ? 0 : 1;
    if (missed > 0) std::printf("%d targets missed\n", missed);
    return missed;
}
