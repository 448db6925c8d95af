// SPDX-License-Identifier: MIT
/// \file
/// \brief Tries from outside whether a port is reached: all servers at once, one verdict.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/resolver.hpp"
#include "traversal/proof_runs.hpp"

namespace natterjack {

/// The proof of one port. For UDP, STUN servers are tried before TURN servers; for TCP, TURN
/// servers before STUN servers, of which only ours connect back.
///
/// It listens on the internal port itself, so the application must not hold it yet; for TCP it may,
/// and then nothing is sent into its connection. Belongs to the loop's thread; destroying it ends
/// it without a word.
class Prover {
public:
    struct Request {
        Transport transport = Transport::Udp;
        Endpoint internal;
        unsigned interface = 0; ///< Index.
        /// Where the mapping is expected outside; 0: there will be none, or there is one already,
        /// and nothing that gets in now is suspicious.
        std::uint16_t early_port = 0;
        /// TCP: nothing is tried while the application does not listen, and its port is never held.
        bool application_only = false;
        std::vector<HostPort> stun;
        std::vector<TurnServer> turn;
        Duration connect_limit{0}; ///< TCP: how long a server tries; 0: as long as proofs need.
    };

    /// At most this many servers of a kind are asked.
    static constexpr std::size_t kMaxServers = 4;

    /// \a deadline: when there is a verdict at the latest.
    Prover(Loop loop, Request request, TimePoint deadline);
    ~Prover();
    Prover(const Prover&) = delete;
    Prover& operator=(const Prover&) = delete;

    /// Calls \a handler once, never before returning: from then on the mapping may be made. A
    /// server that is not ready by then is not waited for.
    void when_ready(std::function<void()> handler);
    /// Tries \a external, once; with an unspecified address, the one at which each server sees us.
    /// Calls \a handler once, never before returning.
    void prove(const Endpoint& external, std::function<void(ProofVerdict)> handler);

private:
    struct Accepted {
        std::unique_ptr<net::TcpStream> stream;
        Endpoint from;
        std::vector<std::uint8_t> head;
    };

    Result<void> listen();
    void resolve(const HostPort& server, std::function<void(const Endpoint&)> found);
    void add(std::unique_ptr<ProofRun> run);
    void take(std::unique_ptr<net::TcpStream> stream, const Endpoint& from);
    void check();
    void look();
    void start_proofs();
    [[nodiscard]] bool is_ready();
    void settle(ProofVerdict verdict);
    [[nodiscard]] std::optional<ProofVerdict> verdict(bool final) const;
    [[nodiscard]] ProofRunParts parts();

    Loop loop_;
    Request request_;
    TimePoint deadline_;
    TimePoint started_;
    std::unique_ptr<net::UdpSocket> udp_listener_;
    std::unique_ptr<net::TcpListener> tcp_listener_;
    bool application_listens_ = false;
    std::list<Accepted> accepted_;
    std::list<net::Resolution> resolutions_;
    std::size_t unresolved_ = 0;
    std::vector<std::string> troubles_; // why servers were not asked at all
    std::shared_ptr<std::vector<Endpoint>> contacted_ = std::make_shared<std::vector<Endpoint>>();
    struct Run {
        std::unique_ptr<ProofRun> run;
        bool asked = false;
    };
    std::list<Run> runs_;
    std::function<void()> on_ready_;
    std::function<void(ProofVerdict)> on_verdict_;
    std::optional<Endpoint> external_;
    std::optional<TimePoint> others_until_; // one is ready
    net::Timer check_timer_;                // the loop's next turn
    net::Timer ready_timer_;
    net::Timer end_timer_;
};

} // namespace natterjack
