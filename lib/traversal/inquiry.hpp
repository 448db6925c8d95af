// SPDX-License-Identifier: MIT
/// \file
/// \brief Asks one question of every mapper of every path at once, and gathers the answers.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <natterjack/traversal.hpp>

#include "net/loop.hpp"
#include "traversal/chain.hpp"

namespace natterjack {

/// Belongs to the loop's thread. Destroying it ends it without a word.
class Inquiry {
public:
    struct Member {
        Strategy strategy = Strategy::Igd;
        Path path;
        std::unique_ptr<Mapper> mapper;
        StoryLine line;
        TimePoint started;
        std::optional<Mapping> pinhole; ///< By IPv6: what to ask about.
    };

    /// \a mapping_strategies: which to ask; Direct has nobody to ask and is passed over. By IPv6
    /// nobody is asked but about what add_pinhole() adds.
    Inquiry(Loop loop, const ChainParts& parts, const NetworkChoice& choice,
            std::vector<Strategy> mapping_strategies, Families families = Families::Ipv4);
    Inquiry(const Inquiry&) = delete;
    Inquiry& operator=(const Inquiry&) = delete;

    /// \retval Errc::NoNetwork, Errc::InvalidArgument  as choose_paths()
    [[nodiscard]] const Result<void>& ready() const { return ready_; }
    [[nodiscard]] std::deque<Member>& members() { return members_; }

    /// Before ask(): a member for \a pinhole, if its router and its address are still there.
    void add_pinhole(const Mapping& pinhole);

    /// Whether \a entry is one of \a member's gateway. Every other house has a 192.168.1.1, and two
    /// links of ours may, too: then our own address says which it is.
    [[nodiscard]] bool is_on(const Member& member, const JournalEntry& entry) const;

    /// Calls \a question for every member; each calls settle() once. \a done is called when all
    /// have, never before this returns.
    void ask(const std::function<void(Member&)>& question, std::function<void()> done);
    /// The member's question is answered: \a outcome and \a message go into its story line.
    void settle(Member& member, StoryLine::Outcome outcome, std::string message);
    void settle(Member& member, const Error& error);

    [[nodiscard]] Story story() const;

private:
    Member* add(Strategy strategy, const Path& path);

    Loop loop_;
    MakeMapper make_mapper_;
    std::vector<Strategy> strategies_;
    std::vector<Path> ipv6_paths_;
    Result<void> ready_;
    std::deque<Member> members_; // a deque: mappers' handlers hold references
    std::size_t pending_ = 0;
    net::Timer done_timer_;
    std::function<void()> done_;
};

/// How a failed stage appears in the story.
[[nodiscard]] StoryLine::Outcome outcome_of(const Error& error);

} // namespace natterjack
