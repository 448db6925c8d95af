// SPDX-License-Identifier: MIT
/// \file
/// \brief Repeats the proof of one opening while it lives.
#pragma once

#include <functional>
#include <memory>

#include "net/loop.hpp"
#include "proto/proof.hpp"
#include "proto/proof_schedule.hpp"
#include "strategies/mapper.hpp"

namespace natterjack {

/// Tries a mapping that stands and calls \a handler once, never before returning, unless what it
/// returns is dropped before. Null: it would be no use, and nothing is called.
using StartProof = std::function<std::shared_ptr<void>(const Path& path, const Mapping& mapping,
                                                       TimePoint deadline,
                                                       std::function<void(ProofVerdict)> handler)>;

/// Belongs to the loop's thread. Its handler may destroy it.
class ProofWatch {
public:
    /// What came of a proof, and what to do about it. See ProofSchedule.
    using Handler = std::function<void(const ProofVerdict& verdict, ProofSchedule::Step step)>;

    ProofWatch(const Loop& loop, StartProof start, Duration check_interval, Handler handler);

    /// The opening is by \a mapping from now on.
    void settled(const Path& path, const Mapping& mapping, Proof proof);
    void suspect();
    void remade();
    [[nodiscard]] bool has_mended() const { return schedule_.has_mended(); }

private:
    void wake();
    void prove();
    void judge(const ProofVerdict& verdict);

    StartProof start_;
    Handler handler_;
    ProofSchedule schedule_;
    Path path_;
    Mapping mapping_;
    std::shared_ptr<void> proof_; // under way
    net::Timer timer_;
};

} // namespace natterjack
