// SPDX-License-Identifier: MIT
/// \file
/// \brief One request for several addresses: an attempt for each, one Opening for all.
#pragma once

#include <memory>
#include <vector>

#include "traversal/chain_attempt.hpp"

namespace natterjack {

/// Runs one ChainAttempt for IPv4 (where both families are wanted) and one for each global IPv6
/// address, all at once. Belongs to the loop's thread; lives as long as its Attempt.
class FamiliesAttempt : public std::enable_shared_from_this<FamiliesAttempt> {
public:
    FamiliesAttempt(Loop loop, std::vector<Strategy> strategies, ChainParts parts,
                    OpenRequest request, Traversal::Handler handler);

    void start();
    /// Never calls the handler from now on; takes back what was asked for.
    void cancel();

private:
    void add(OpenRequest request, ChainAttempt::Purpose purpose);
    void finish();

    Loop loop_;
    std::vector<Strategy> strategies_;
    ChainParts parts_;
    OpenRequest request_;
    Traversal::Handler handler_;
    std::vector<std::shared_ptr<ChainAttempt>> attempts_;
    std::vector<std::optional<Result<Opening, OpenFailure>>> results_; // in step with attempts_
    std::size_t pending_ = 0;
};

} // namespace natterjack
