// SPDX-License-Identifier: MIT
#include <memory>
#include <utility>

#include <natterjack/prove.hpp>

#include "base/host_port.hpp"
#include "base/server_url.hpp"
#include "net/network.hpp"
#include "traversal/chain.hpp"
#include "traversal/paths.hpp"
#include "traversal/prover.hpp"
#include "traversal/servers.hpp"
#include "wire/stun.hpp"

namespace natterjack {

namespace {

Result<void> find_servers(const ProveRequest& request, Prover::Request& out) {
    auto servers = Servers{request.stun_servers, request.turn_servers};
    if (servers.stun.empty() || servers.turn.empty()) {
        const auto configured = read_servers();
        if (!configured) return configured.error();
        if (servers.stun.empty()) servers.stun = configured->stun;
        if (servers.turn.empty()) servers.turn = configured->turn;
    }
    for (const auto& name : servers.stun) {
        auto parsed = parse_host_port(name, stun::kServerPort);
        if (!parsed) return parsed.error();
        out.stun.push_back(*std::move(parsed));
    }
    for (const auto& url : servers.turn) {
        auto parsed = parse_turn_server(url);
        if (!parsed) return parsed.error();
        out.turn.push_back(*std::move(parsed));
    }
    return {};
}

Result<Prover::Request> plan(const ProveRequest& request) {
    if (request.port == 0 || request.deadline < Duration(1) ||
        request.deadline > std::chrono::minutes(10)) {
        return Error{Errc::InvalidArgument,
                     "a port is 1 to 65535, a deadline is 1 ms to 10 minutes"};
    }
    Prover::Request out{.transport = request.transport, .stun = {}, .turn = {}};
    if (auto found = find_servers(request, out); !found) return found.error();
    const auto network = net::read_network();
    if (!network) return network.error();
    const auto paths = request.ipv6 ? choose_ipv6_paths(*network, request.network)
                                    : choose_paths(*network, request.network);
    if (!paths) return paths.error();
    out.internal = {paths->front().source, request.port};
    out.interface = paths->front().interface;
    return out;
}

/// Belongs to the loop's thread.
class ProveRun {
public:
    using Handler = std::function<void(Result<ProofReport>)>;

    ProveRun(Loop loop, ProveRequest request, Handler handler)
        : loop_(std::move(loop)), request_(std::move(request)), handler_(std::move(handler)) {}

    void start() {
        if (!handler_) return;
        auto planned = plan(request_);
        if (!planned) return finish(planned.error());
        const auto internal = planned->internal;
        prover_ =
            std::make_unique<Prover>(loop_, *std::move(planned), net::now() + request_.deadline);
        const auto any = internal.address.is_v4() ? IpAddress() : IpAddress::v6({});
        const auto port = request_.external_port != 0 ? request_.external_port : request_.port;
        prover_->prove({any, port}, [this, internal](ProofVerdict verdict) {
            finish(ProofReport{verdict.proof, verdict.level, std::move(verdict.evidence), internal,
                               verdict.external});
        });
    }
    void cancel() {
        handler_ = nullptr;
        prover_.reset();
    }

private:
    void finish(Result<ProofReport> result) {
        const auto handler = std::exchange(handler_, nullptr);
        prover_.reset(); // the port is free again
        handler(std::move(result));
    }

    Loop loop_;
    ProveRequest request_;
    Handler handler_;
    std::unique_ptr<Prover> prover_;
};

} // namespace

Attempt prove(const Loop& loop, ProveRequest request,
              std::function<void(Result<ProofReport>)> handler) {
    return run_attempt(loop,
                       std::make_shared<ProveRun>(loop, std::move(request), std::move(handler)));
}

} // namespace natterjack
