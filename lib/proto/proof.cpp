// SPDX-License-Identifier: MIT
#include "proto/proof.hpp"

namespace natterjack {

ProofLevel level_of(const Endpoint& from, const std::vector<Endpoint>& contacted) {
    auto level = ProofLevel::NewAddress;
    for (const Endpoint& each : contacted) {
        if (each == from) return ProofLevel::KnownEndpoint;
        if (each.address == from.address) level = ProofLevel::NewPort;
    }
    return level;
}

std::string in_words(ProofLevel level) {
    switch (level) {
    case ProofLevel::None: break;
    case ProofLevel::KnownEndpoint: return "an endpoint that only another port of ours has sent to";
    case ProofLevel::NewPort: return "a port never contacted";
    case ProofLevel::NewAddress: return "an address never contacted";
    }
    return "nowhere";
}

Finding<UnsolicitedSyn> syn_finding(UnsolicitedSyn answer) {
    // Of a refusal the server tells, and whether its own network had a hand in it is not known.
    const auto likely = [&](const char* what) {
        return Finding<UnsolicitedSyn>{answer, Confidence::Likely,
                                       std::string("a server's connection to a port in use ") +
                                           what};
    };
    switch (answer) {
    case UnsolicitedSyn::Silent: return likely("got no answer");
    case UnsolicitedSyn::Reset: return likely("was answered with a reset");
    case UnsolicitedSyn::Unreachable: return likely("was answered with an ICMP error");
    case UnsolicitedSyn::Refused: return likely("was refused at once, by a reset or an ICMP error");
    case UnsolicitedSyn::Accepted:
        return {answer, Confidence::Proved, "a server's connection came in that nobody asked for"};
    case UnsolicitedSyn::Unknown: break;
    }
    return {UnsolicitedSyn::Unknown, Confidence::Inconclusive,
            "a server was asked to connect, and what came of it is not known"};
}

} // namespace natterjack
