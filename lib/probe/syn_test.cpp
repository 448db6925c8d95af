// SPDX-License-Identifier: MIT
#include "probe/syn_test.hpp"

#include <algorithm>
#include <utility>

namespace natterjack {

namespace {

constexpr Duration kTcpPatience{1500}; // one repeated SYN included
constexpr Duration kSlack{1200};       // for what comes before and after a server's connection

} // namespace

SynTest::SynTest(Loop loop, Setup setup, Handler handler)
    : loop_(std::move(loop)),
      setup_(std::move(setup)),
      handler_(std::move(handler)),
      port_(random_tcp_port()) {
    setup_.servers.resize(std::min(setup_.servers.size(), Prover::kMaxServers));
    pending_ = setup_.servers.size();
    for (const auto& server : setup_.servers) {
        questions_.emplace_back(
            loop_, server,
            net::TcpStream::Options{
                .bind = {setup_.source, port_}, .interface = setup_.interface, .share_port = true},
            net::now() + kTcpPatience, [this](const auto& answer) { take(answer); });
    }
}

void SynTest::take(const TcpQuestion::Answer& answer) {
    --pending_;
    if (prover_ || !handler_) return;
    if (answer.mapped) {
        have_it_tried(*answer.mapped);
    } else if (pending_ == 0) {
        finish({UnsolicitedSyn::Unknown, Confidence::NotTested,
                "no server here says over TCP how it sees us"});
    }
}

void SynTest::have_it_tried(const Endpoint& mapped) {
    Prover::Request request{.transport = Transport::Tcp,
                            .internal = {setup_.source, port_},
                            .interface = setup_.interface,
                            .stun = {},
                            .turn = setup_.turn,
                            .connect_limit = kConnectLimit};
    for (const auto& server : setup_.servers) {
        request.stun.push_back({server.address.to_string(), server.port});
    }
    prover_ =
        std::make_unique<Prover>(loop_, std::move(request), net::now() + kConnectLimit + kSlack);
    prover_->prove(mapped, [this](const ProofVerdict& verdict) { finish(verdict.syn); });
}

void SynTest::finish(const Finding<UnsolicitedSyn>& finding) {
    if (const auto handler = std::exchange(handler_, nullptr)) handler(finding);
}

} // namespace natterjack
