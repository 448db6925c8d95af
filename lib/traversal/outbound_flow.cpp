// SPDX-License-Identifier: MIT
#include "traversal/outbound_flow.hpp"

#include <utility>

#include "net/network.hpp"
#include "traversal/chain_attempt.hpp"

namespace natterjack {

namespace {

FlowInfo to_flow(const OpeningInfo& info, const Endpoint& remote) {
    return {.transport = info.transport,
            .internal = info.internal,
            .external = info.external,
            .remote = remote,
            .lifetime = info.lifetime,
            .gateway = info.gateway,
            .is_whole_way = info.reach != Reach::BehindAnotherNat,
            .story = info.story};
}

bool is_default(const NetworkChoice& choice) {
    return choice.interface.empty() && !choice.source && !choice.gateway;
}

/// The way that the kernel takes to the remote peer.
Result<NetworkChoice> way_to(const IpAddress& remote) {
    const auto route = net::route_to(remote);
    if (!route) return route.error();
    if (route->gateway.is_unspecified()) {
        return Error{Errc::NotFound, "no gateway stands between this host and " +
                                         remote.to_string() + ": there is no mapping to keep"};
    }
    NetworkChoice choice{.source = route->source};
    if (remote.is_v4()) choice.gateway = route->gateway;
    return choice;
}

Result<OpenRequest> to_open_request(const FlowRequest& flow) {
    const auto& remote = flow.remote;
    if (remote.port == 0 || remote.address.is_unspecified() || remote.address.is_multicast()) {
        return Error{Errc::InvalidArgument,
                     remote.to_string() + " is no remote peer: name a unicast address and a port"};
    }
    OpenRequest out{.port = flow.port,
                    .transport = flow.transport,
                    .any_external_port = true,
                    .lifetime = flow.lifetime,
                    .check_interval = flow.check_interval,
                    .deadline = flow.deadline,
                    .network = flow.network,
                    .families = remote.address.is_v4() ? Families::Ipv4 : Families::Ipv6};
    if (is_default(flow.network)) {
        auto way = way_to(remote.address);
        if (!way) return way.error();
        out.network = *std::move(way);
    }
    return out;
}

/// An attempt that ends before it begins.
struct Refusal {
    Error error;
    std::function<void(Result<OutboundFlow, OpenFailure>)> handler;

    void start() {
        if (const auto tell = std::exchange(handler, nullptr)) tell(OpenFailure{error, {}});
    }
    void cancel() { handler = nullptr; }
};

} // namespace

Attempt keep_flow(const Loop& loop, ChainParts parts, FlowRequest request,
                  std::function<void(Result<OutboundFlow, OpenFailure>)> handler) {
    auto wanted = to_open_request(request);
    if (!wanted) {
        return run_attempt(loop,
                           std::make_shared<Refusal>(Refusal{wanted.error(), std::move(handler)}));
    }
    auto attempt = std::make_shared<ChainAttempt>(
        loop, std::vector{Strategy::Pcp}, std::move(parts), *std::move(wanted),
        [remote = request.remote,
         handler = std::move(handler)](Result<Opening, OpenFailure> opened) {
            if (!opened) return handler(opened.error());
            handler(OutboundFlow(*std::move(opened), remote));
        },
        ChainAttempt::Purpose{.remote = request.remote, .share = {}});
    return run_attempt(loop, std::move(attempt));
}

Attempt keep_flow(const Loop& loop, FlowRequest request,
                  std::function<void(Result<OutboundFlow, OpenFailure>)> handler) {
    return keep_flow(loop, ChainParts::real(), std::move(request), std::move(handler));
}

FlowInfo OutboundFlow::info() const {
    return to_flow(opening_.info(), remote_);
}

void OutboundFlow::on_changed(ChangeHandler handler) {
    if (!handler) return opening_.on_changed(nullptr);
    opening_.on_changed([handler = std::move(handler), remote = remote_](Opening::Change change,
                                                                         const OpeningInfo& before,
                                                                         const OpeningInfo& after) {
        handler(change, to_flow(before, remote), to_flow(after, remote));
    });
}

} // namespace natterjack
