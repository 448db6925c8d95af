// SPDX-License-Identifier: MIT
// A program as somebody else would write it: it has the public headers and a way to link, nothing
// else.
#include <cstdio>

#include <natterjack/natterjack.hpp>
#include <natterjack/peer_session.hpp>

// With all warnings on: whoever names some fields need not name the rest.
const natterjack::OpenRequest kOpen{.port = 6667};
const natterjack::ProbeRequest kProbe{.port_samples = 16};
const natterjack::MeasureRequest kMeasure{.longest = std::chrono::seconds(30)};
const natterjack::PeerOptions kPeer{.role = natterjack::PeerRole::Answer};
const natterjack::ChannelOptions kChannel{.ordered = false};
const natterjack::ProofServerOptions kServer{.second = kOpen.network.source};

int main() {
    const auto endpoint = natterjack::Endpoint::parse("192.0.2.1:6667");
    if (!endpoint) return 1;
    std::puts(endpoint->to_string().c_str());
    return 0;
}
