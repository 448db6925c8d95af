// SPDX-License-Identifier: MIT
#include "traversal/chain_proofs.hpp"

#include <utility>

namespace natterjack {

std::unique_ptr<Prover> ChainProofs::make_prover(const Path& path, std::uint16_t early_port) {
    return std::make_unique<Prover>(loop_,
                                    Prover::Request{.transport = setup_.transport,
                                                    .internal = {path.source, setup_.port},
                                                    .interface = path.interface,
                                                    .early_port = early_port,
                                                    .stun = setup_.stun,
                                                    .turn = setup_.turn},
                                    setup_.deadline);
}

void ChainProofs::prove_direct(const Path& path, Handler handler) {
    auto& source = sources_[path.source];
    source.direct = std::move(handler);
    source.prover = make_prover(path, 0);
    source.prover->prove({path.source, setup_.port}, [this, &source](ProofVerdict verdict) {
        end_direct(source, std::move(verdict));
    });
}

void ChainProofs::end_direct(Source& source, ProofVerdict verdict) {
    source.limit.reset();
    source.prover.reset(); // the port is free again
    const auto waiting = std::exchange(source.waiting, nullptr);
    const auto handler = std::exchange(source.direct, nullptr);
    const bool needed = verdict.proof != Proof::Proved;
    handler(std::move(verdict)); // may destroy this
    if (waiting) waiting(needed);
}

void ChainProofs::prepare(const Path& path, bool is_open_already) {
    auto& source = sources_[path.source];
    // What a direct proof knocks at in vain has been tried before the mapping, too.
    if (source.prover) return;
    source.prover = make_prover(path, is_open_already ? std::uint16_t{0} : setup_.external_port);
}

void ChainProofs::before_mapping(const Path& path, std::function<void(bool)> handler) {
    auto& source = sources_[path.source];
    if (source.direct) {
        source.waiting = std::move(handler);
        source.limit = std::make_unique<net::Timer>(loop_);
        source.limit->start_after(kDirectHeadStart, [this, &source] {
            end_direct(source, {Proof::Claimed, ProofLevel::None,
                                "it was not proved before a gateway was asked"});
        });
    } else if (source.prover) {
        source.prover->when_ready([handler = std::move(handler)] { handler(true); });
    } else {
        handler(true);
    }
}

void ChainProofs::prove(const Path& path, const Endpoint& external, Handler handler) {
    auto& source = sources_[path.source];
    if (!source.prover) source.prover = make_prover(path, 0);
    source.prover->prove(external, [&source, handler = std::move(handler)](ProofVerdict verdict) {
        source.prover.reset(); // the port is the application's
        handler(std::move(verdict));
    });
}

} // namespace natterjack
