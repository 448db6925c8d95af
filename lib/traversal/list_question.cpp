// SPDX-License-Identifier: MIT
// What the gateways have, and what they are called outside.
#include <algorithm>
#include <optional>

#include "traversal/appraisal.hpp"
#include "traversal/question.hpp"

namespace natterjack {

namespace {

using Clock = std::chrono::system_clock;

std::string owner_of(const JournalEntry& entry) {
    if (entry.owner.program.empty()) return {}; // no entry, only a mapping
    const bool kept = entry.owner.pid != 0 && net::may_be_alive(entry.owner);
    return (kept ? "process " + std::to_string(entry.owner.pid) : "nobody any more") + " (" +
           entry.owner.program + ")";
}

class ListQuestion final : public Question<Mappings::Listing> {
public:
    ListQuestion(const QuestionContext& context, std::chrono::milliseconds limit,
                 ListHandler handler)
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
        const bool here =
            std::any_of(inquiry_.members().begin(), inquiry_.members().end(),
                        [&](const auto& member) { return inquiry_.is_on(member, entry); });
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
                       inquiry_.is_on(member, entry);
            });
        if (entry.mapping.strategy == Strategy::Igd && listed_by_igd) return;
        listing_.mappings.push_back(listed(entry, now));
    }

    Mappings::Listing listing_;
    bool someone_ = false;
};

class AddressQuestion final : public Question<Mappings::Addresses> {
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

} // namespace

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

OpenFailure nobody(const Inquiry& inquiry, const std::string& what) {
    for (const StoryLine& line : inquiry.story()) {
        if (line.outcome == StoryLine::Outcome::Refused) {
            return {{Errc::Refused, line.message}, inquiry.story()};
        }
    }
    return {{Errc::NotFound, what}, inquiry.story()};
}

std::unique_ptr<PendingQuestion> list_mappings(const QuestionContext& context,
                                               std::chrono::milliseconds limit,
                                               ListHandler handler) {
    return std::make_unique<ListQuestion>(context, limit, std::move(handler));
}

std::unique_ptr<PendingQuestion> ask_for_addresses(const QuestionContext& context,
                                                   std::chrono::milliseconds limit,
                                                   AddressHandler handler) {
    return std::make_unique<AddressQuestion>(context, limit, std::move(handler));
}

} // namespace natterjack
