// SPDX-License-Identifier: MIT
/// \file
/// \brief What a connection from outside meets that nobody asked for.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <vector>

#include <natterjack/probe_report.hpp>

#include "base/server_url.hpp"
#include "probe/tcp_question.hpp"
#include "traversal/prover.hpp"

namespace natterjack {

/// A connection of ours maps a port; then a server connects to that from elsewhere (RFC 5382
/// section 4.3). We listen there, so that a refusal is not our own kernel's. Belongs to the loop's
/// thread; destroying it ends it without a word. Must not be destroyed in its own handler.
class SynTest {
public:
    /// A SYN is repeated after a second: one of two is answered, if any is.
    static constexpr Duration kConnectLimit{1300};

    struct Setup {
        IpAddress source;
        unsigned interface = 0;
        std::vector<Endpoint> servers; ///< STUN servers that answered. At most Prover's are asked.
        std::vector<TurnServer> turn;
    };
    using Handler = std::function<void(const Finding<UnsolicitedSyn>&)>;

    /// Calls \a handler once, never before returning.
    SynTest(Loop loop, Setup setup, Handler handler);
    SynTest(const SynTest&) = delete;
    SynTest& operator=(const SynTest&) = delete;

private:
    void take(const TcpQuestion::Answer& answer);
    void have_it_tried(const Endpoint& mapped);
    void finish(const Finding<UnsolicitedSyn>& finding);

    Loop loop_;
    Setup setup_;
    Handler handler_;
    std::uint16_t port_ = 0;
    std::list<TcpQuestion> questions_; // whose connections keep the port mapped
    std::size_t pending_ = 0;
    std::unique_ptr<Prover> prover_;
};

} // namespace natterjack
