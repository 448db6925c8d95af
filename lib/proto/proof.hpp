// SPDX-License-Identifier: MIT
/// \file
/// \brief What came of trying an opening from outside.
#pragma once

#include <string>
#include <vector>

#include <natterjack/probe_report.hpp>

namespace natterjack {

struct ProofVerdict {
    Proof proof = Proof::Claimed; ///< Claimed: nothing could be learnt.
    ProofLevel level = ProofLevel::None;
    std::string evidence;   ///< One English line, no trailing full stop.
    Endpoint external = {}; ///< What was tried; unspecified: nothing was.
    /// TCP: what the port answered to the connection.
    Finding<UnsolicitedSyn> syn = {};
};

/// With its evidence.
[[nodiscard]] Finding<UnsolicitedSyn> syn_finding(UnsolicitedSyn answer);

/// How much it says that something came from \a from, when we have sent to \a contacted before.
[[nodiscard]] ProofLevel level_of(const Endpoint& from, const std::vector<Endpoint>& contacted);

/// Ends the evidence where not we listened. The kernel has the connection; what the program that
/// listens did with it is not known.
inline constexpr const char* kTakenByApplication = ", for the program that listens here";

/// "an address never contacted" and the like.
[[nodiscard]] std::string in_words(ProofLevel level);

} // namespace natterjack
