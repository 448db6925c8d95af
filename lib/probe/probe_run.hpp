// SPDX-License-Identifier: MIT
/// \file
/// \brief One diagnosis, from the question to the report.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <natterjack/probe.hpp>

#include "base/host_port.hpp"
#include "net/network.hpp"
#include "net/resolver.hpp"
#include "probe/family_run.hpp"
#include "probe/layers.hpp"
#include "probe/portal.hpp"
#include "traversal/chain.hpp"
#include "traversal/hop_trace.hpp"
#include "traversal/inquiry.hpp"

namespace natterjack {

/// Starts everything that does not disturb each other at once. Belongs to the loop's thread;
/// cancelling or destroying it ends it without a word.
class ProbeRun : public std::enable_shared_from_this<ProbeRun> {
public:
    using Handler = std::function<void(Result<ProbeReport>)>;
    using Progress = std::function<void(std::string_view)>;

    ProbeRun(Loop loop, ProbeRequest request, ChainParts parts, Handler handler, Progress progress);
    ProbeRun(const ProbeRun&) = delete;
    ProbeRun& operator=(const ProbeRun&) = delete;

    void start();
    void cancel();

private:
    struct Family {
        std::unique_ptr<FamilyRun> run;
        std::vector<FamilyRun::Target> targets;
    };

    [[nodiscard]] bool is_quick() const;
    void resolve(const std::vector<HostPort>& servers);
    /// Returns whether nobody else has that endpoint; who has, takes the name.
    bool add_target(Family& family, std::size_t server, const Endpoint& endpoint);
    void take_addresses(std::size_t server, std::uint16_t port,
                        const Result<std::vector<IpAddress>>& addresses);
    void start_families();
    void start_family(Family& family, FamilyReport& report, bool v4);
    [[nodiscard]] static const Endpoint& farthest(const std::vector<FamilyRun::Target>& targets);
    [[nodiscard]] FamilyRun::Setup setup_for(const Endpoint& server) const;
    void ask_gateways();
    void take_gateways();
    void trace(const IpAddress& target, int hops, std::optional<HopList>& out);
    void note_way_out();
    void look_for_portal();
    void map_ports();
    void map_next();
    /// One of the things that are waited for is over.
    void step_done();
    void finish();
    void tell(std::string_view what) const;

    Loop loop_;
    ProbeRequest request_;
    ChainParts parts_;
    Handler handler_;
    Progress progress_;
    TimePoint started_;
    net::Network network_;
    std::vector<TurnServer> turn_servers_;
    ProbeReport report_;
    LayerEvidence evidence_;
    std::list<net::Resolution> resolutions_;
    std::size_t unresolved_ = 0;
    std::vector<std::size_t> doubles_; // of report_.servers: others of other names
    Family v4_;
    Family v6_;
    PortalEvidence portal_;
    std::unique_ptr<net::ConnectivityQuestion> connectivity_;
    std::shared_ptr<void> portal_question_; // a PortalQuestion, where HTTP is part of this build
    std::unique_ptr<Inquiry> inquiry_;
    std::list<HopTrace> traces_;
    std::unique_ptr<Chain> chain_;
    Attempt mapping_;
    std::optional<Opening> opening_;
    int waiting_ = 0;
    net::Timer end_timer_;
    net::Timer step_timer_;
};

} // namespace natterjack
