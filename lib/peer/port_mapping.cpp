// SPDX-License-Identifier: MIT
#include "peer/port_mapping.hpp"

#include <utility>

#include "traversal/chain.hpp"

namespace natterjack::peer {

namespace {

// A gateway that needs longer is of no use to this connection attempt, but to the next restart.
constexpr std::chrono::milliseconds kDeadline{5000};
// A session that crashed leaves its mapping for no longer than this; renewed at half of it.
constexpr std::chrono::seconds kLifetime{3600};
// Whoever connects is waiting, and one mapping is as good to ICE as another: those who answer in
// one round trip come first, and an IGD, which answers a search after 100 ms or more, is not waited
// for.
const std::vector<Strategy> kQuickestFirst = {Strategy::Pcp, Strategy::NatPmp, Strategy::Igd};
constexpr Duration kHeadStart{50};

ChainParts chain_parts() {
    auto parts = ChainParts::real();
    parts.head_start = kHeadStart;
    // The session asks its own STUN servers, and tells the peer both what they and the gateway say.
    parts.read_servers = [] { return Result<Servers>(Servers{}); };
    return parts;
}

} // namespace

PortMapping::PortMapping(const Loop& loop, NetworkChoice network, std::uint16_t port,
                         Handler handler)
    : handler_(std::move(handler)),
      chain_(std::make_unique<Chain>(loop, kQuickestFirst, chain_parts())) {
    OpenRequest request;
    request.port = port;
    request.transport = Transport::Udp;
    request.lifetime = kLifetime;
    request.description = "natterjack session";
    request.deadline = kDeadline;
    request.network = std::move(network);
    attempt_ = chain_->open(std::move(request), [this](Result<Opening, OpenFailure> result) {
        take(std::move(result));
    });
}

void PortMapping::take(Result<Opening, OpenFailure> result) {
    if (!result) {
        handler_(result.error().error);
        return;
    }
    opening_ = *std::move(result);
    opening_->on_changed(
        [this](Opening::Change change, const OpeningInfo&, const OpeningInfo& after) {
            if (change == Opening::Change::Moved) report(after);
        });
    report(opening_->info());
}

void PortMapping::report(const OpeningInfo& info) {
    handler_(Mapped{info.internal, info.external, info.strategy});
}

} // namespace natterjack::peer
