// SPDX-License-Identifier: MIT
// Deleting one mapping.
#include <algorithm>
#include <optional>
#include <utility>

#include "traversal/question.hpp"

namespace natterjack {

namespace {

using Clock = std::chrono::system_clock;

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

/// Deletes what the journal knows of the port, by the protocol and the nonce that made it; what it
/// does not know is looked up in the gateway's own list, or left to NAT-PMP, which needs no look.
class RemoveQuestion final : public Question<Mappings::Listing> {
public:
    RemoveQuestion(const QuestionContext& context, std::uint16_t port, Transport transport,
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
            } else if (is_within_reach(entry)) {
                ours_.push_back(entry);
            }
        }
        std::stable_partition(ours_.begin(), ours_.end(), [this](const JournalEntry& entry) {
            return entry.mapping.internal.port == port_;
        });
    }

private:
    // The journal also knows what was opened in other networks, and by protocols that are not asked
    // now.
    [[nodiscard]] bool is_within_reach(const JournalEntry& entry) {
        const auto& members = inquiry_.members();
        return std::any_of(members.begin(), members.end(), [&](const Inquiry::Member& member) {
            return has_key_to(member, entry);
        });
    }
    [[nodiscard]] bool has_key_to(const Inquiry::Member& member, const JournalEntry& entry) const {
        return entry.mapping.strategy == member.strategy && inquiry_.is_on(member, entry);
    }

    void ask(Inquiry::Member& member) override {
        if (member.pinhole) return unmap(member, *member.pinhole);
        const auto mine = std::find_if(ours_.begin(), ours_.end(), [&](const JournalEntry& entry) {
            return has_key_to(member, entry);
        });
        if (mine != ours_.end()) {
            const Mapping& mapping = mine->mapping;
            if (!mapping.hops.empty()) {
                member.mapper = make_mapper_for(mapping, make_mapper_, loop_, member.path);
            }
            unmap(member, mapping);
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
                foreign_ = Error{Errc::Conflict, left_alone(*found)};
                inquiry_.settle(member, *foreign_);
            } else {
                unmap(member, to_mapping(*found));
            }
        });
    }

    [[nodiscard]] std::string left_alone(const ListedMapping& found) const {
        const auto port = port_name(port_, transport_);
        if (!found.internal.address.is_unspecified()) {
            return port + " belongs to " + found.internal.to_string() + " and is left alone";
        }
        return port + " is listed under a name instead of an address (" + found.description +
               "): it may be this host's or another's, and is left alone";
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
                // What is gone is no trouble, where something else was there.
                const bool gone = answer.error().code == Errc::NotFound;
                if (gone) {
                    forget(member, mapping);
                } else if (const auto left = member.mapper->remainder()) {
                    shorten(*left);
                }
                if (ours && (!gone || !trouble_)) trouble_ = answer.error();
                return inquiry_.settle(member, answer.error());
            }
            forget(member, mapping);
            ListedMapping gone = listed({.mapping = mapping}, {});
            gone.ours = ours;
            const bool blind = !ours && member.strategy == Strategy::NatPmp;
            (blind ? blindly_ : removed_.mappings).push_back(std::move(gone));
            inquiry_.settle(member, StoryLine::Outcome::Opened,
                            blind ? "accepts the deletion, as it does without a mapping, too"
                                  : "deleted " + port_name(mapping.external.port, transport_));
        };
        const bool single_question =
            member.strategy != Strategy::Igd && mapping.hops.empty() && !member.pinhole;
        member.mapper->unmap(mapping, single_question ? silence() : deadline_, handler);
    }

    void forget(const Inquiry::Member& member, const Mapping& mapping) {
        const auto now = Clock::now();
        const auto gone = listed({.mapping = mapping}, now);
        std::vector<JournalChange> changes;
        for (JournalEntry& entry : journal_.read(now)) {
            if (!inquiry_.is_on(member, entry)) continue;
            // One table may serve all protocols: what IGD has deleted another may have opened.
            const bool is_it =
                is_same_mapping(entry.mapping, mapping) || is_entry_of(gone, entry.mapping);
            if (is_it) changes.push_back({.entry = std::move(entry), .erase = true});
        }
        if (!changes.empty()) (void)journal_.apply(changes, now);
    }

    void shorten(const Mapping& left) {
        const auto now = Clock::now();
        for (JournalEntry& entry : journal_.read(now)) {
            if (!is_same_mapping(entry.mapping, left)) continue;
            entry.ends = now + left.lifetime;
            (void)journal_.put(entry, now);
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
            answer(OpenFailure{*foreign_, removed_.story});
        } else {
            auto failure =
                nobody(inquiry_, "nothing here opens ports, so there is nothing to delete");
            // What the journal knows was opened: the gateway has it no more, or does not answer.
            if (trouble_) failure.error = *trouble_;
            answer(std::move(failure));
        }
    }

    Loop loop_;
    MakeMapper make_mapper_;
    std::uint16_t port_;
    Transport transport_;
    std::vector<JournalEntry> ours_;
    Mappings::Listing removed_;
    std::vector<ListedMapping> blindly_;
    std::optional<Error> trouble_; // with deleting what is ours
    std::optional<Error> foreign_; // the port is another host's
    bool listed_nowhere_ = false;
};

} // namespace

std::unique_ptr<PendingQuestion> remove_mapping(const QuestionContext& context, std::uint16_t port,
                                                Transport transport,
                                                std::chrono::milliseconds limit,
                                                ListHandler handler) {
    return std::make_unique<RemoveQuestion>(context, port, transport, limit, std::move(handler));
}

} // namespace natterjack
