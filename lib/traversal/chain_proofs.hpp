// SPDX-License-Identifier: MIT
/// \file
/// \brief The proofs that one attempt of the chain needs, and what must happen before its mappings.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "strategies/mapper.hpp"
#include "traversal/prover.hpp"

namespace natterjack {

/// One prover for each of our addresses: two cannot listen at the same port. Belongs to the loop's
/// thread; destroying it ends it without a word.
class ChainProofs {
public:
    struct Setup {
        Transport transport = Transport::Udp;
        std::uint16_t port = 0;          ///< Internal.
        std::uint16_t external_port = 0; ///< Wanted outside.
        std::vector<HostPort> stun;
        std::vector<TurnServer> turn;
        TimePoint deadline; ///< For every verdict.
    };
    using Handler = std::function<void(ProofVerdict)>;

    /// How long mappings wait for the proof that none is needed.
    static constexpr Duration kDirectHeadStart{800};

    ChainProofs(Loop loop, Setup setup) : loop_(std::move(loop)), setup_(std::move(setup)) {}

    /// Whether \a path.source itself is reached, without any mapping. Calls \a handler once, never
    /// before returning.
    void prove_direct(const Path& path, Handler handler);
    /// Looks what gets in before there is a mapping, unless \a is_open_already: before the first
    /// question to a gateway, for every path.
    void prepare(const Path& path, bool is_open_already);
    /// Calls \a handler once, when the mapping for \a path may be made, perhaps at once; or when
    /// none is needed, because \a path.source was proved meanwhile.
    void before_mapping(const Path& path, std::function<void(bool needed)> handler);
    /// Whether \a external is reached now. After before_mapping().
    void prove(const Path& path, const Endpoint& external, Handler handler);

private:
    struct Source {
        std::unique_ptr<Prover> prover;
        Handler direct;                    // the proof that needs no mapping is under way
        std::function<void(bool)> waiting; // a mapping that waits for its end
        std::unique_ptr<net::Timer> limit;
    };

    [[nodiscard]] std::unique_ptr<Prover> make_prover(const Path& path, std::uint16_t early_port);
    void end_direct(Source& source, ProofVerdict verdict);

    Loop loop_;
    Setup setup_;
    std::map<IpAddress, Source> sources_;
};

} // namespace natterjack
