// SPDX-License-Identifier: MIT
/// \file
/// \brief Finds the gateway beyond ours, and lets it map what ours has granted.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/loop.hpp"
#include "proto/hop_search.hpp"
#include "traversal/race.hpp"
#include "traversal/stacked_mapper.hpp"

namespace natterjack {

/// Which routers stand on the way to a target; what it returns lives while it looks. See HopTrace.
using TraceHops = std::function<std::shared_ptr<void>(const Loop&, const Path&,
                                                      const IpAddress& target, TimePoint give_up_at,
                                                      std::function<void(Result<HopList>)>)>;

/// HopTrace, for the router beyond ours.
[[nodiscard]] TraceHops trace_second_hop();

/// Where the anycast address of PCP servers leads, one may stand that no hop shows (RFC 7723
/// section 4). It serves as the target of the trace, too: no datagram of two hops' life gets there.
inline constexpr IpAddress kPcpAnycast = IpAddress::v4(0xC0000009); // 192.0.0.9

/// Who may be the gateway beyond, for a gateway of ours whose address outside is \a wan: the second
/// router on the way; where that one is silent, the first and the last address of \a wan's /24
/// network, as routers are usually numbered. Never a public address, except in that network: a
/// forged ICMP message must not choose whom we talk to.
[[nodiscard]] std::vector<IpAddress> outer_candidates(const Path& path, const IpAddress& wan,
                                                      const HopList& way);

/// One search, from the first probe to a mapping on the outer gateway. Belongs to the loop's
/// thread. Destroying it ends it without a word and takes back what was granted.
class OuterSearch {
public:
    struct Question {
        Path path;                        ///< To our gateway.
        Mapping inner;                    ///< What ours granted.
        MappingRequest wish;              ///< What is wanted outside.
        std::vector<Strategy> strategies; ///< In order of preference.
        std::optional<IpAddress> seen;    ///< As Surroundings::seen.
        TimePoint started;                ///< The story counts from here.
        TimePoint deadline;
    };
    struct Found {
        OuterGateway gateway;
        Mapping mapping;
    };
    struct Answer {
        std::optional<Found> found; ///< A mapping that reaches everybody.
        Story story;
        std::vector<std::string> evidence; ///< What was learned about the gateway beyond.
    };
    using Handler = std::function<void(Answer)>;

    /// Calls \a handler once, at the deadline at the latest, never before returning.
    OuterSearch(Loop loop, MakeMapper make, const TraceHops& trace, Question question,
                Handler handler);
    ~OuterSearch();
    OuterSearch(const OuterSearch&) = delete;
    OuterSearch& operator=(const OuterSearch&) = delete;

private:
    struct Stage {
        OuterGateway gateway;
        std::unique_ptr<Mapper> mapper;
        std::optional<Mapping> mapping; ///< Stands, and is this search's.
        StoryLine line;
    };

    void handle_trace(const Result<HopList>& way);
    void add_stages(const IpAddress& gateway);
    void add_stage(Strategy strategy, const IpAddress& gateway);
    void ask_all(const IpAddress& own_router);
    void handle_probe(std::size_t index, const Result<Service>& answer);
    void pump();
    void map(std::size_t index);
    void handle_mapping(std::size_t index, Result<Mapping> answer);
    void note_failure(Stage& stage, const Error& error) const;
    void take_back(Stage& stage);
    void conclude();
    void finish(std::optional<Found> found);

    Loop loop_;
    MakeMapper make_;
    Question question_;
    Handler handler_;
    std::shared_ptr<void> trace_; // while it looks
    std::vector<std::string> evidence_;
    std::deque<Stage> stages_;
    std::optional<Race> race_;
    net::Timer race_timer_;
    net::Timer deadline_timer_;
};

} // namespace natterjack
