// SPDX-License-Identifier: MIT
#include <algorithm>
#include <list>
#include <optional>
#include <utility>

#include <natterjack/mappings.hpp>

#include "traversal/appraisal.hpp"
#include "traversal/chain.hpp"
#include "traversal/inquiry.hpp"

namespace natterjack {

namespace {

using Clock = std::chrono::system_clock;
using ListHandler = std::function<void(Result<Mappings::Listing, OpenFailure>)>;
using AddressHandler = std::function<void(Result<Mappings::Addresses, OpenFailure>)>;

constexpr Duration kSilence{1000}; // see chain_attempt.cpp

std::string owner_of(const JournalEntry& entry) {
    if (entry.owner.program.empty()) return {}; // no entry, only a mapping
    const bool kept = entry.owner.pid != 0 && net::may_be_alive(entry.owner);
    return (kept ? "process " + std::to_string(entry.owner.pid) : "nobody any more") + " (" +
           entry.owner.program + ")";
}

bool is_ipv4(const Mapping& mapping) {
    return mapping.internal.address.is_v4();
}

ListedMapping listed(const JournalEntry& entry, Clock::time_point now) {
    const Mapping& mapping = entry.mapping;
    ListedMapping out{.transport = mapping.transport,
                      .internal = mapping.internal,
                      .external = mapping.external,
                      .strategy = mapping.strategy,
                      .description = mapping.description,
                      .gateway = mapping.gateway,
                      .reach = reach_of(mapping.external.address, std::nullopt),
                      .only_from = mapping.only_from,
                      .ours = true,
                      .owner = owner_of(entry)};
    out.lifetime = entry.left(now);
    return out;
}

bool is_entry_of(const ListedMapping& listed, const Mapping& mapping) {
    const Mapping& own = mapping.hops.empty() ? mapping : mapping.hops.front();
    // A table of names shows no addresses.
    const bool to_us = own.host_name.empty() ? listed.internal == own.internal
                                             : listed.internal.port == own.internal.port;
    return to_us && listed.gateway == own.gateway && listed.transport == own.transport &&
           listed.external.port == own.external.port;
}

Mapping to_mapping(const ListedMapping& entry) {
    return {.strategy = entry.strategy,
            .transport = entry.transport,
            .internal = entry.internal,
            .external = entry.external,
            .gateway = entry.gateway,
            .description = entry.description,
            .only_from = entry.only_from};
}

std::string port_name(std::uint16_t port, Transport transport) {
    return std::to_string(port) + "/" + std::string(to_string(transport));
}

/// What every kind of work needs.
struct Context {
    Loop loop;
    NetworkChoice choice;
    std::vector<Strategy> strategies;
    ChainParts parts;
    Families families = Families::Both;
};

OpenFailure nobody(const Inquiry& inquiry, const std::string& what) {
    for (const StoryLine& line : inquiry.story()) {
        if (line.outcome == StoryLine::Outcome::Refused) {
            return {{Errc::Refused, line.message}, inquiry.story()};
        }
    }
    return {{Errc::NotFound, what}, inquiry.story()};
}

/// One question to the gateways, from first send to the handler. Belongs to the loop's thread.
class Work {
public:
    virtual ~Work() = default;
};

/// What all kinds of work do alike: begin on the loop's next turn, ask every member, finish. \a
/// Found is what the handler gets.
template<class Found>
class Question : public Work {
public:
    using Handler = std::function<void(Result<Found, OpenFailure>)>;

    Question(const Context& context, std::chrono::milliseconds limit, Handler handler)
        : journal_(context.parts.journal),
          inquiry_(context.loop, context.parts, context.choice, context.strategies,
                   context.families),
          handler_(std::move(handler)),
          start_timer_(context.loop) {
        start_timer_.start_at(net::now(), [this, limit] { start(limit); });
    }

protected:
    virtual void ask(Inquiry::Member& member) = 0;
    virtual void finish() = 0;

    /// The handler may destroy this.
    void answer(Result<Found, OpenFailure> result) {
        if (auto handler = std::exchange(handler_, nullptr)) handler(std::move(result));
    }
    /// For protocols that ask once: nobody there is known sooner than the caller's deadline.
    [[nodiscard]] TimePoint silence() const { return std::min(deadline_, net::now() + kSilence); }

    Journal journal_;
    Inquiry inquiry_;
    TimePoint deadline_;

private:
    void start(std::chrono::milliseconds limit) {
        if (const auto valid = validate_deadline(limit); !valid) {
            answer(OpenFailure{valid.error(), {}});
            return;
        }
        if (!inquiry_.ready()) {
            answer(OpenFailure{inquiry_.ready().error(), {}});
            return;
        }
        deadline_ = net::now() + limit;
        inquiry_.ask([this](Inquiry::Member& member) { ask(member); }, [this] { finish(); });
    }

    Handler handler_;
    net::Timer start_timer_;
};

class ListWork final : public Question<Mappings::Listing> {
public:
    ListWork(const Context& context, std::chrono::milliseconds limit, ListHandler handler)
        : Question(context, limit, std::move(handler)) {
        for (const JournalEntry& entry : journal_.read(Clock::now())) {
            if (!is_ipv4(entry.mapping)) inquiry_.add_pinhole(entry.mapping);
        }
    }

private:
    // IGD can list. The others are only asked whether they are there: a gateway without IGD is no
    // failure, it just keeps its table to itself.
    void ask(Inquiry::Member& member) override {
        if (member.pinhole && member.strategy == Strategy::Igd) return look_at_pinhole(member);
        if (member.strategy != Strategy::Igd) {
            member.mapper->probe(silence(), [this, &member](const Result<Service>& answer) {
                if (!answer) return inquiry_.settle(member, answer.error());
                someone_ = true;
                inquiry_.settle(member, StoryLine::Outcome::Spare,
                                "answers, but cannot list its mappings");
            });
            return;
        }
        member.mapper->list(deadline_, [this, &member](Result<std::vector<ListedMapping>> answer) {
            if (!answer) return inquiry_.settle(member, answer.error());
            someone_ = true;
            add_listed(member, *std::move(answer));
        });
    }

    void look_at_pinhole(Inquiry::Member& member) {
        member.mapper->check({.transport = member.pinhole->transport,
                              .internal = member.pinhole->internal,
                              .renew = member.pinhole},
                             deadline_, [this, &member](const Result<Mapping>& answer) {
                                 if (!answer) return settle_pinhole(member, answer.error());
                                 someone_ = true;
                                 member.pinhole->note = answer->note;
                                 inquiry_.settle(member, StoryLine::Outcome::Opened,
                                                 "has our pinhole");
                             });
    }

    // Gone is gone; whoever says nothing may still have it.
    void settle_pinhole(Inquiry::Member& member, const Error& error) {
        if (error.code == Errc::NotFound) {
            member.pinhole.reset();
        } else {
            member.pinhole->note = "whether the router still has it is not known";
        }
        inquiry_.settle(member, error);
    }

    // Tables name no external address: the gateway has one for all of them.
    void add_listed(Inquiry::Member& member, std::vector<ListedMapping> entries) {
        member.mapper->external_address(deadline_, [this, &member, entries = std::move(entries)](
                                                       const Result<IpAddress>& external) mutable {
            const auto count = entries.size();
            for (auto& entry : entries) {
                entry.gateway = member.path.gateway;
                entry.external.address = external.value_or({});
                entry.reach = reach_of(entry.external.address, std::nullopt);
                listing_.mappings.push_back(std::move(entry));
            }
            inquiry_.settle(member, StoryLine::Outcome::Opened,
                            "lists " + std::to_string(count) + " mappings");
        });
    }

    void finish() override {
        const auto now = Clock::now();
        for (const JournalEntry& entry : journal_.read(now)) add_ours(entry, now);
        listing_.story = inquiry_.story();
        if (!someone_ && listing_.mappings.empty()) {
            answer(nobody(inquiry_, "nothing here lists mappings: no gateway answers UPnP IGD"));
        } else {
            answer(std::move(listing_));
        }
    }

    void add_pinhole(const JournalEntry& entry, Clock::time_point now) {
        for (const auto& member : inquiry_.members()) {
            if (!member.pinhole || !is_same_mapping(*member.pinhole, entry.mapping)) continue;
            listing_.mappings.push_back(listed(entry, now));
            listing_.mappings.back().note = member.pinhole->note;
            return;
        }
    }

    void add_ours(const JournalEntry& entry, Clock::time_point now) {
        if (entry.mapping.remote) return; // a flow opens nothing
        if (!is_ipv4(entry.mapping)) return add_pinhole(entry, now);
        const bool here = std::any_of(
            inquiry_.members().begin(), inquiry_.members().end(),
            [&](const auto& member) { return member.path.gateway == entry.mapping.gateway; });
        if (!here) return;
        const auto known = std::find_if(
            listing_.mappings.begin(), listing_.mappings.end(),
            [&](const ListedMapping& other) { return is_entry_of(other, entry.mapping); });
        if (known != listing_.mappings.end()) {
            known->ours = true;
            known->owner = owner_of(entry);
            known->strategy = entry.mapping.strategy;
            known->only_from = entry.mapping.only_from;
            if (!entry.mapping.hops.empty()) { // the gateway knows its own half of it only
                known->external = entry.mapping.external;
                known->reach = reach_of(known->external.address, std::nullopt);
            }
            return;
        }
        // An IGD's list is complete: what is missing there is gone. Other tables may be separate.
        const bool listed_by_igd = std::any_of(
            inquiry_.members().begin(), inquiry_.members().end(), [&](const auto& member) {
                return member.strategy == Strategy::Igd &&
                       member.line.outcome == StoryLine::Outcome::Opened &&
                       member.path.gateway == entry.mapping.gateway;
            });
        if (entry.mapping.strategy == Strategy::Igd && listed_by_igd) return;
        listing_.mappings.push_back(listed(entry, now));
    }

    Mappings::Listing listing_;
    bool someone_ = false;
};

class ExternalWork final : public Question<Mappings::Addresses> {
public:
    using Question::Question;

private:
    void ask(Inquiry::Member& member) override {
        if (member.strategy == Strategy::Pcp) { // it says so only when it maps
            member.mapper->probe(silence(), [this, &member](const Result<Service>& answer) {
                if (!answer) return inquiry_.settle(member, answer.error());
                inquiry_.settle(member, StoryLine::Outcome::Spare,
                                "answers, but tells the external address only "
                                "with a mapping");
            });
            return;
        }
        const auto until = member.strategy == Strategy::Igd ? deadline_ : silence();
        member.mapper->external_address(until, [this, &member](const Result<IpAddress>& answer) {
            if (!answer) return inquiry_.settle(member, answer.error());
            addresses_.addresses.push_back({.strategy = member.strategy,
                                            .gateway = member.path.gateway,
                                            .address = *answer,
                                            .reach = reach_of(*answer, std::nullopt)});
            inquiry_.settle(member, StoryLine::Outcome::Opened, answer->to_string());
        });
    }

    void finish() override {
        addresses_.story = inquiry_.story();
        std::stable_sort(addresses_.addresses.begin(), addresses_.addresses.end(),
                         [](const auto& a, const auto& b) { return a.strategy < b.strategy; });
        if (addresses_.addresses.empty()) {
            answer(nobody(inquiry_, "no gateway here tells its external address"));
        } else {
            answer(std::move(addresses_));
        }
    }

    Mappings::Addresses addresses_;
};

/// Deletes what the journal knows of the port, by the protocol and the nonce that made it; what it
/// does not know is looked up in the gateway's own list, or left to NAT-PMP, which needs no look.
class RemoveWork final : public Question<Mappings::Listing> {
public:
    RemoveWork(const Context& context, std::uint16_t port, Transport transport,
               std::chrono::milliseconds limit, ListHandler handler)
        : Question(context, limit, std::move(handler)),
          loop_(context.loop),
          make_mapper_(context.parts.make_mapper),
          port_(port),
          transport_(transport) {
        for (const JournalEntry& entry : journal_.read(Clock::now())) {
            const Mapping& mapping = entry.mapping;
            const bool named = mapping.internal.port == port_ || mapping.external.port == port_;
            if (mapping.transport != transport_ || mapping.remote || !named) continue;
            if (!is_ipv4(mapping)) {
                inquiry_.add_pinhole(mapping);
            } else if (is_within_reach(mapping)) {
                ours_.push_back(mapping);
            }
        }
        std::stable_partition(ours_.begin(), ours_.end(), [this](const Mapping& mapping) {
            return mapping.internal.port == port_;
        });
    }

private:
    // The journal also knows what was opened in other networks, and by protocols that are not asked
    // now.
    [[nodiscard]] bool is_within_reach(const Mapping& mapping) {
        const auto& members = inquiry_.members();
        return std::any_of(members.begin(), members.end(), [&](const Inquiry::Member& member) {
            return mapping.strategy == member.strategy && mapping.gateway == member.path.gateway;
        });
    }

    void ask(Inquiry::Member& member) override {
        if (member.pinhole) return unmap(member, *member.pinhole);
        const auto mine = std::find_if(ours_.begin(), ours_.end(), [&](const Mapping& mapping) {
            return mapping.strategy == member.strategy && mapping.gateway == member.path.gateway;
        });
        if (mine != ours_.end()) {
            if (!mine->hops.empty()) {
                member.mapper = make_mapper_for(*mine, make_mapper_, loop_, member.path);
            }
            unmap(member, *mine);
            return;
        }
        if (!ours_.empty()) { // another member has the key to it
            inquiry_.settle(member, StoryLine::Outcome::Spare, "has no part in it");
            return;
        }
        switch (member.strategy) {
        case Strategy::Igd: look_up(member); return;
        case Strategy::NatPmp:
            unmap(member, {.strategy = Strategy::NatPmp,
                           .transport = transport_,
                           .internal = {member.path.source, port_},
                           .external = {{}, port_},
                           .gateway = member.path.gateway});
            return;
        default:
            inquiry_.settle(member, StoryLine::Outcome::Spare,
                            "deletes only what this user's journal knows");
        }
    }

    void look_up(Inquiry::Member& member) {
        member.mapper->list(deadline_, [this,
                                        &member](const Result<std::vector<ListedMapping>>& answer) {
            if (!answer) return inquiry_.settle(member, answer.error());
            const ListedMapping* found = find(member, *answer);
            if (found == nullptr) {
                listed_nowhere_ = true;
                inquiry_.settle(member, StoryLine::Outcome::Refused,
                                "the gateway has no mapping for " + port_name(port_, transport_));
            } else if (found->internal.address != member.path.source) {
                foreign_ = true;
                inquiry_.settle(member, {Errc::Conflict,
                                         port_name(port_, transport_) + " belongs to " +
                                             found->internal.to_string() + " and is left alone"});
            } else {
                unmap(member, to_mapping(*found));
            }
        });
    }

    // What leads to this host comes first: where the external port is another host's, ours has
    // another one. Then by external port, as a person sees it from outside; else by internal port.
    [[nodiscard]] const ListedMapping* find(const Inquiry::Member& member,
                                            const std::vector<ListedMapping>& entries) const {
        const auto rank = [&](const ListedMapping& entry) {
            return std::pair(entry.internal.address != member.path.source,
                             entry.external.port != port_);
        };
        const ListedMapping* best = nullptr;
        for (const auto& entry : entries) {
            const bool named = entry.external.port == port_ || entry.internal.port == port_;
            if (entry.transport != transport_ || !named) continue;
            if (best == nullptr || rank(entry) < rank(*best)) best = &entry;
        }
        return best;
    }

    void unmap(Inquiry::Member& member, Mapping mapping) {
        mapping.gateway = member.path.gateway;
        const bool ours = member.pinhole || !ours_.empty();
        const auto handler = [this, &member, mapping, ours](const Result<void>& answer) {
            if (!answer) {
                if (answer.error().code == Errc::NotFound) forget(mapping);
                // What is gone is no trouble, where something else was there.
                const bool gone = answer.error().code == Errc::NotFound;
                if (ours && (!gone || !trouble_)) trouble_ = answer.error();
                return inquiry_.settle(member, answer.error());
            }
            forget(mapping);
            ListedMapping gone = listed({.mapping = mapping}, {});
            gone.ours = ours;
            const bool blind = !ours && member.strategy == Strategy::NatPmp;
            (blind ? blindly_ : removed_.mappings).push_back(std::move(gone));
            inquiry_.settle(member, StoryLine::Outcome::Opened,
                            blind ? "accepts the deletion, as it does without a mapping, too"
                                  : "deleted " + port_name(mapping.external.port, transport_));
        };
        const bool single_question = member.strategy != Strategy::Igd && mapping.hops.empty();
        member.mapper->unmap(mapping, single_question ? silence() : deadline_, handler);
    }

    void forget(const Mapping& mapping) {
        const auto now = Clock::now();
        (void)journal_.erase(mapping, now);
        // One table may serve all protocols: what IGD has deleted may have been opened by another.
        for (const JournalEntry& entry : journal_.read(now)) {
            if (is_entry_of(listed({.mapping = mapping}, now), entry.mapping)) {
                (void)journal_.erase(entry.mapping, now);
            }
        }
    }

    void finish() override {
        removed_.story = inquiry_.story();
        // NAT-PMP's yes counts where nobody saw what went; where a list says that there is none, it
        // means nothing.
        if (removed_.mappings.empty() && !listed_nowhere_ && !foreign_) {
            removed_.mappings = blindly_;
        }
        if (!removed_.mappings.empty()) {
            if (trouble_ && trouble_->code != Errc::NotFound) removed_.trouble = trouble_;
            answer(std::move(removed_));
        } else if (foreign_) {
            answer(OpenFailure{conflict(), removed_.story});
        } else {
            auto failure =
                nobody(inquiry_, "nothing here opens ports, so there is nothing to delete");
            // What the journal knows was opened: the gateway has it no more, or does not answer.
            if (trouble_) failure.error = *trouble_;
            answer(std::move(failure));
        }
    }

    [[nodiscard]] Error conflict() const {
        for (const StoryLine& line : removed_.story) {
            if (line.strategy == Strategy::Igd && line.outcome == StoryLine::Outcome::Refused) {
                return {Errc::Conflict, line.message};
            }
        }
        return {Errc::Conflict, port_name(port_, transport_) + " belongs to another host"};
    }

    Loop loop_;
    MakeMapper make_mapper_;
    std::uint16_t port_;
    Transport transport_;
    std::vector<Mapping> ours_;
    Mappings::Listing removed_;
    std::vector<ListedMapping> blindly_;
    std::optional<Error> trouble_; // with deleting what is ours
    bool foreign_ = false;
    bool listed_nowhere_ = false;
};

} // namespace

class Mappings::State {
public:
    explicit State(Context parts) : context(std::move(parts)) {}

    template<class W, class... Arguments>
    void run(Arguments... arguments) {
        work.push_back(std::make_unique<W>(context, std::move(arguments)...));
    }

    Context context;
    std::list<std::unique_ptr<Work>> work; // ended ones stay until the end: they are few
};

Mappings::Mappings(const Loop& loop, NetworkChoice network, std::vector<Strategy> only,
                   Families families) {
    auto strategies = available_strategies();
    std::erase_if(strategies, [&](Strategy strategy) {
        return strategy == Strategy::Direct ||
               (!only.empty() && std::find(only.begin(), only.end(), strategy) == only.end());
    });
    state_ = std::make_shared<State>(
        Context{loop, std::move(network), std::move(strategies), ChainParts::real(), families});
}

Mappings::~Mappings() {
    const Loop loop = state_->context.loop;
    if (loop.is_current()) state_->work.clear();
    loop.post([state = std::move(state_)] { state->work.clear(); });
}

void Mappings::list(std::chrono::milliseconds deadline, ListHandler handler) {
    state_->context.loop.post(
        [state = std::weak_ptr(state_), deadline, handler = std::move(handler)] {
            if (const auto self = state.lock()) self->run<ListWork>(deadline, handler);
        });
}

void Mappings::remove(std::uint16_t port, Transport transport, std::chrono::milliseconds deadline,
                      ListHandler handler) {
    state_->context.loop.post(
        [state = std::weak_ptr(state_), port, transport, deadline, handler = std::move(handler)] {
            if (const auto self = state.lock()) {
                self->run<RemoveWork>(port, transport, deadline, handler);
            }
        });
}

void Mappings::external(std::chrono::milliseconds deadline, AddressHandler handler) {
    state_->context.loop.post(
        [state = std::weak_ptr(state_), deadline, handler = std::move(handler)] {
            if (const auto self = state.lock()) self->run<ExternalWork>(deadline, handler);
        });
}

} // namespace natterjack
