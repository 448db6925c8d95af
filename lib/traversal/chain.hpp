// SPDX-License-Identifier: MIT
/// \file
/// \brief The chain: asks every strategy at once, lets one map, reports an Opening.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include <natterjack/traversal.hpp>

#include "net/network.hpp"
#include "strategies/mapper.hpp"
#include "traversal/journal.hpp"
#include "traversal/lease_keeper.hpp"
#include "traversal/outer_search.hpp"
#include "traversal/race.hpp"
#include "traversal/servers.hpp"

namespace natterjack {

/// What the chain takes from the world, so that a test can give it another.
struct ChainParts {
    MakeMapper make_mapper;
    std::function<Result<net::Network>()> read_network;
    std::function<Result<Servers>()> read_servers;
    Journal journal;
    /// Empty: nobody looks beyond the first gateway.
    TraceHops trace_hops;
    /// How long a stage waits for those that are preferred to it.
    Duration head_start = Race::StageRules{}.head_start;
    std::function<std::shared_ptr<LeaseKeeper>(const Loop&)> keeper_of;
    /// The stage that invites a peer, for Strategy::Ice: from libnatterjack-ice, else empty.
    std::function<std::unique_ptr<Mapper>(const Loop& loop, const OpenRequest& request)> make_ice;

    [[nodiscard]] static ChainParts real();
};

class Chain final : public Traversal {
public:
    /// \a strategies: in order of preference.
    Chain(Loop loop, std::vector<Strategy> strategies, ChainParts parts);

    [[nodiscard]] Attempt open(OpenRequest request, Handler handler) override;

private:
    Loop loop_;
    std::vector<Strategy> strategies_;
    ChainParts parts_;
};

/// Starts \a attempt on the loop; what is returned cancels it. \a Kind has start() and cancel().
template<class Kind>
[[nodiscard]] Attempt run_attempt(const Loop& loop, std::shared_ptr<Kind> attempt) {
    loop.post([attempt] { attempt->start(); });
    return Attempt([loop, attempt = std::move(attempt)]() mutable {
        if (loop.is_current()) attempt->cancel();
        loop.post([attempt = std::move(attempt)] { attempt->cancel(); });
    });
}

/// \retval Errc::InvalidArgument  what is wrong with the request, in words
[[nodiscard]] Result<void> validate(const OpenRequest& request);
/// The same of a deadline alone.
[[nodiscard]] Result<void> validate_deadline(std::chrono::milliseconds deadline);

} // namespace natterjack
