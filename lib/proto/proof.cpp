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

} // namespace natterjack
