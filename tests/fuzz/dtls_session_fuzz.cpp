// SPDX-License-Identifier: MIT
#include <cstdlib>

#include "strategies/ice/dtls_session.hpp"

using namespace natterjack;
using namespace natterjack::ice;

namespace {

// The first byte of the input: which side is fed, and how far the handshake has come by then.
struct Plan {
    bool feed_client;
    int flights;
};

bool deliver(DtlsSession& from, DtlsSession& to, TimePoint now) {
    bool any = false;
    while (const auto datagram = from.poll_transmit()) {
        any = true;
        to.handle_datagram(now, *datagram);
    }
    return any;
}

// Datagrams stand behind one another, each after two bytes of length.
void feed(DtlsSession& session, ByteView rest, TimePoint now) {
    while (rest.size() >= 2) {
        const std::size_t wanted = static_cast<std::size_t>(rest[0]) << 8U | rest[1];
        rest = rest.subspan(2);
        const auto size = std::min(wanted, rest.size());
        session.handle_datagram(now, rest.first(size));
        rest = rest.subspan(size);
        if (session.state() == DtlsSession::State::Handshaking) session.handle_timeout(now);
        while (session.poll_received()) {
            if (session.state() == DtlsSession::State::Handshaking) std::abort();
        }
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    const Plan plan{(data[0] & 1U) != 0, (data[0] >> 1U) % 6};
    const auto certificate = *DtlsCertificate::of_this_process();
    DtlsSession::Config config;
    config.remote = {certificate->fingerprint()};
    const auto client = *DtlsSession::create(certificate, config);
    config.role = DtlsSession::Role::Server;
    const auto server = *DtlsSession::create(certificate, config);
    const TimePoint now{std::chrono::hours(1)};
    server->start(now);
    client->start(now);
    for (int i = 0; i < plan.flights; ++i) {
        if (!(i % 2 == 0 ? deliver(*client, *server, now) : deliver(*server, *client, now))) break;
    }
    feed(plan.feed_client ? *client : *server, ByteView(data, size).subspan(1), now);
    return 0;
}
