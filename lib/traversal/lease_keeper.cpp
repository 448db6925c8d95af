// SPDX-License-Identifier: MIT
#include "traversal/lease_keeper.hpp"

#include <algorithm>

#include <glib.h>

#include "net/per_loop.hpp"
#include "net/random.hpp"
#include "traversal/undo.hpp"

namespace natterjack {

namespace {

// Changes of the network come in swarms; a link that comes up gets its address and its routes one
// by one.
constexpr Duration kSettle{200};
// The journal is written as a whole. With a thousand openings that takes some ms, so it is written
// no more often than this, on average: a program that opens one port and ends is not held up.
constexpr Duration kWritePause{250};
constexpr Duration kWriteBurst = 4 * kWritePause;
// What a killed run left is not swept at once: its successor may just be starting, and wants it.
constexpr Duration kSweepDelay{3000};

double random_fraction() {
    return static_cast<double>(net::random_between(0, 1000)) / 1000.0;
}

// On average; see the mappers.
LeaseBoard::Cost cost_of(const Mapping& mapping) {
    LeaseBoard::Cost sum{.renew = 0, .look = 0}; // a look at two hops renews them
    for (const Mapping& hop : mapping.hops) sum.look = sum.renew += cost_of(hop).renew;
    if (!mapping.hops.empty()) return sum;
    switch (mapping.strategy) {
    case Strategy::Igd: return {.renew = 4, .look = 2};
    case Strategy::NatPmp: return {.renew = 2, .look = 2};
    default: return {.renew = 1, .look = 1};
    }
}

// Whoever says no is there.
bool is_answer(const Error& error) {
    return error.code == Errc::Refused || error.code == Errc::Conflict ||
           error.code == Errc::Unsupported;
}

// All that matters of an interface for the leases that lead through it.
std::string description_of(const net::Network& network, const net::Interface& interface) {
    std::string out = interface.up ? "up" : "down";
    for (const auto& own : interface.addresses) {
        out += ' ' + own.address.to_string() + '/' + std::to_string(own.prefix_length);
        if (own.tentative) out += '?';
    }
    for (const auto& route : network.default_routes) {
        if (route.interface == interface.index) out += " via " + route.gateway.to_string();
    }
    return out;
}

} // namespace

LeaseKeeper::Group::Group(const Loop& loop, Duration check_interval)
    : board(check_interval, random_fraction), since(net::now()), timer(loop) {
}

std::shared_ptr<LeaseKeeper> LeaseKeeper::of(const Loop& loop) {
    static net::PerLoop<LeaseKeeper> keepers;
    const auto make = [&]() -> Result<std::shared_ptr<LeaseKeeper>> {
        return std::make_shared<LeaseKeeper>(loop, Senses::Awake);
    };
    return *keepers.of(loop, make); // this making cannot fail
}

LeaseKeeper::LeaseKeeper(Loop loop, Senses senses)
    : loop_(std::move(loop)), senses_(senses), write_timer_(loop_) {
}

LeaseKeeper::~LeaseKeeper() {
    flush();
}

LeaseKeeper::Id LeaseKeeper::enroll(Client& client, const Path& path, const Mapping& mapping,
                                    Duration check_interval) {
    start_watching();
    const Key key{path.gateway, path.interface};
    auto& group = groups_[key];
    if (!group) {
        group = std::make_unique<Group>(loop_, check_interval);
        const bool asks_somebody = !path.gateway.is_unspecified();
        if (senses_ == Senses::Awake && asks_somebody) {
            auto ear = GatewayEar::open(loop_, path, [this, path](const Announcement& heard) {
                handle_announcement(path, heard);
            });
            if (ear) {
                group->ear = *std::move(ear);
            } else {
                g_debug("announcements are not heard: %s", ear.error().message.c_str());
            }
        }
    }
    const auto now = net::now();
    group->board.shorten_interval(now, check_interval);
    const Id id = next_id_++;
    members_[id] = {&client, key};
    group->board.add(id, now, mapping.lifetime, cost_of(mapping));
    learn(key, *group, mapping);
    wake(key, *group);
    return id;
}

void LeaseKeeper::dismiss(Id id) {
    const auto found = members_.find(id);
    if (found == members_.end()) return;
    const Key key = found->second.group;
    members_.erase(found);
    Group& group = *groups_.at(key);
    group.board.remove(id);
    wake(key, group);
}

void LeaseKeeper::depart(Id id) {
    const auto found = members_.find(id);
    if (found == members_.end()) return;
    const Key key = found->second.group;
    members_.erase(found);
    Group& group = *groups_.at(key);
    group.board.depart(id);
    wake(key, group);
}

void LeaseKeeper::hurry(Id id) {
    const Key key = members_.at(id).group;
    Group& group = *groups_.at(key);
    group.board.hurry(id, net::now());
    wake(key, group);
}

void LeaseKeeper::granted(Id id, const Mapping& mapping) {
    const Key key = members_.at(id).group;
    Group& group = *groups_.at(key);
    const bool was_silent = group.board.is_gateway_silent();
    group.board.granted(id, net::now(), mapping.lifetime);
    if (was_silent) tell_of_suspicion(key);
    learn(key, group, mapping);
    wake(key, group);
}

void LeaseKeeper::stands(Id id, const Mapping& mapping) {
    const Key key = members_.at(id).group;
    Group& group = *groups_.at(key);
    const bool was_silent = group.board.is_gateway_silent();
    group.board.stands(id, net::now());
    if (was_silent) tell_of_suspicion(key);
    learn(key, group, mapping);
    wake(key, group);
}

void LeaseKeeper::failed(Id id, const Error& error) {
    const Key key = members_.at(id).group;
    Group& group = *groups_.at(key);
    if (is_answer(error)) {
        group.board.refused(id, net::now());
    } else {
        group.board.silent(id, net::now());
    }
    wake(key, group);
}

// What one lease shows about all of its gateway's.
void LeaseKeeper::learn(const Key& key, Group& group, const Mapping& mapping) {
    const auto now = net::now();
    bool lost = mapping.restored;
    if (mapping.epoch && mapping.strategy == Strategy::Pcp) {
        lost = !group.pcp.goes_on(now, *mapping.epoch) || lost;
    } else if (mapping.epoch && mapping.strategy == Strategy::NatPmp) {
        lost = !group.natpmp.goes_on(now, *mapping.epoch) || lost;
    }
    // The outer gateway's announcements do not come through the inner one; its answers do.
    if (!mapping.hops.empty()) {
        const Mapping& outer = mapping.hops.back();
        lost = lost || outer.restored;
        if (outer.epoch) {
            const auto rule =
                outer.strategy == Strategy::Pcp ? EpochCheck::Rule::Pcp : EpochCheck::Rule::NatPmp;
            auto& epoch =
                group.outer.try_emplace({outer.gateway, outer.strategy}, rule).first->second;
            lost = !epoch.goes_on(now, *outer.epoch) || lost;
        }
    }
    const auto& address = mapping.external.address;
    const auto before = group.external.find(mapping.strategy);
    if (!address.is_unspecified()) {
        lost = lost || (before != group.external.end() && before->second != address);
        group.external[mapping.strategy] = address;
    }
    if (lost && group.board.doubt(now)) tell_of_suspicion(key);
}

void LeaseKeeper::tell_of_suspicion(const Key& key) {
    for (const auto& [id, member] : members_) {
        if (member.group == key) member.client->suspect();
    }
}

void LeaseKeeper::revived(Id id, Strategy strategy) {
    const Key key = members_.at(id).group;
    for (const auto& [other, member] : members_) {
        if (other != id && member.group == key) member.client->neighbour_revived(strategy);
    }
}

void LeaseKeeper::handle_announcement(const Path& path, const Announcement& heard) {
    const Key key{path.gateway, path.interface};
    const auto found = groups_.find(key);
    if (found == groups_.end()) return;
    Group& group = *found->second;
    const auto now = net::now();
    if (heard.uncertain) { // the answer to one look will tell
        group.board.glance(now);
        wake(key, group);
        return;
    }
    auto& epoch = heard.protocol == EpochCheck::Rule::Pcp ? group.pcp : group.natpmp;
    bool lost = !epoch.goes_on(now, heard.epoch);
    // Nor may it be younger than a lease, which perhaps another protocol got, whose answers have no
    // epoch. Two seconds for rounding, as RFC 6886 section 3.6 has it.
    lost = lost || Duration(heard.epoch) + Duration(2000) < now - group.since;
    // A forged address must not be taken for the gateway's: it is asked.
    const auto known = group.external.find(Strategy::NatPmp);
    if (heard.external && known != group.external.end()) {
        lost = lost || known->second != *heard.external;
    }
    if (heard.external && known == group.external.end()) {
        lost =
            lost || std::none_of(group.external.begin(), group.external.end(),
                                 [&](const auto& told) { return told.second == *heard.external; });
    }
    if (lost || group.board.is_gateway_silent()) suspect(key, group, LeaseBoard::kSpread);
}

void LeaseKeeper::suspect(const Key& key, Group& group, Duration spread) {
    group.board.suspect(net::now(), spread);
    tell_of_suspicion(key);
    wake(key, group);
}

void LeaseKeeper::check_everything() {
    for (auto& [key, group] : groups_) suspect(key, *group, LeaseBoard::kSpread);
}

void LeaseKeeper::handle_network(const net::Network& network) {
    const auto self = shared_from_this();
    std::map<unsigned, std::string> interfaces;
    for (const auto& interface : network.interfaces) {
        interfaces[interface.index] = description_of(network, interface);
    }
    const auto before = std::exchange(interfaces_, std::move(interfaces));
    for (auto& [key, group] : groups_) {
        const auto was = before.find(key.second);
        const auto is = interfaces_.find(key.second);
        const bool same =
            was != before.end() && is != interfaces_.end() && was->second == is->second;
        if (!same) suspect(key, *group, Duration(0));
    }
    // Also when all is as it was: a lease may be younger than what was seen last.
    for (const auto& [id, member] : members_) {
        if (member.client->has_lost_its_way(network)) hurry(id);
    }
}

void LeaseKeeper::start_watching() {
    if (senses_ == Senses::Numb || network_watch_) return;
    if (const auto network = net::read_network()) handle_network(*network);
    auto watch = net::NetworkWatch::open(loop_, kSettle, [this] {
        if (const auto network = net::read_network()) handle_network(*network);
    });
    if (watch) network_watch_ = *std::move(watch);
    auto resume = net::ResumeWatch::open(loop_, [this] { check_everything(); });
    if (resume) resume_watch_ = *std::move(resume);
}

// Never from inside a call of a client: the timer's turn comes later.
void LeaseKeeper::wake(const Key& key, Group& group) {
    const auto next = group.board.deadline();
    if (group.board.empty() || !next) {
        group.timer.stop();
        if (group.board.empty()) {
            // Not now: the ear may be calling.
            group.timer.start_at(net::now(), [this, key] {
                const auto found = groups_.find(key);
                if (found == groups_.end() || !found->second->board.empty()) return;
                const auto gone = std::move(found->second);
                groups_.erase(found);
            });
        }
        return;
    }
    group.timer.start_at(*next, [this, key] { pump(key); });
}

void LeaseKeeper::pump(const Key& key) {
    const auto self = shared_from_this();
    for (;;) {
        const auto found = groups_.find(key);
        if (found == groups_.end()) return;
        const auto action = found->second->board.poll(net::now());
        if (!action) {
            wake(key, *found->second);
            return;
        }
        Client& client = *members_.at(action->id).client;
        switch (action->task) {
        case LeaseBoard::Task::Renew: client.renew(); break;
        case LeaseBoard::Task::Look: client.look(); break;
        case LeaseBoard::Task::Lapse: client.lapse(); break;
        }
    }
}

std::shared_ptr<GatewayMemory> LeaseKeeper::memory_of(const Path& path, const Journal& journal) {
    const auto [found, fresh] = memories_.try_emplace({path.gateway, path.interface});
    if (fresh) {
        const auto hardware = net::hardware_address_of(path.gateway, path.interface);
        *found->second.now = journal.recall(path.gateway, hardware);
        found->second.written = *found->second.now;
    }
    return found->second.now;
}

void LeaseKeeper::remember(const Path& path, const Journal& journal) {
    const auto found = memories_.find({path.gateway, path.interface});
    if (found == memories_.end() || *found->second.now == found->second.written) return;
    found->second.written = *found->second.now;
    const auto written =
        journal.remember({path.gateway, net::hardware_address_of(path.gateway, path.interface),
                          found->second.written},
                         std::chrono::system_clock::now());
    if (!written) g_debug("the gateway is not remembered: %s", written.error().message.c_str());
}

void LeaseKeeper::write(const Journal& journal, JournalChange change) {
    unwritten_.emplace_back(journal, std::move(change));
    if (write_timer_.running()) return;
    if (net::now() >= next_write_) return flush();
    written_ = net::keep_until_done(loop_, shared_from_this());
    write_timer_.start_at(next_write_, [this] { flush(); });
}

void LeaseKeeper::flush() {
    write_timer_.stop();
    next_write_ = std::max(next_write_, net::now() - kWriteBurst) + kWritePause;
    while (!unwritten_.empty()) {
        const Journal journal = unwritten_.front().first;
        std::vector<JournalChange> changes;
        std::erase_if(unwritten_, [&](auto& item) {
            if (item.first != journal) return false;
            changes.push_back(std::move(item.second));
            return true;
        });
        const auto written = journal.apply(changes, std::chrono::system_clock::now());
        if (!written) {
            g_warning("the journal of mappings is not up to date: %s",
                      written.error().message.c_str());
        }
    }
    if (const auto written = std::exchange(written_, nullptr)) written();
}

void LeaseKeeper::sweep(const Path& path, const Journal& journal,
                        std::function<std::unique_ptr<Mapper>(const Mapping&)> make) {
    const Key key{path.gateway, path.interface};
    if (senses_ == Senses::Numb || sweeps_.contains(key)) return;
    auto& timer = sweeps_.try_emplace(key, loop_).first->second;
    timer.start_after(kSweepDelay, [this, path, journal, make = std::move(make)] {
        sweep_now(path, journal, make);
    });
}

void LeaseKeeper::sweep_now(const Path& path, const Journal& journal,
                            const std::function<std::unique_ptr<Mapper>(const Mapping&)>& make) {
    const auto hardware = net::hardware_address_of(path.gateway, path.interface);
    const auto orphans =
        journal.claim_orphans(path.gateway, hardware, process_, std::chrono::system_clock::now());
    for (const Mapping& orphan : orphans) {
        std::shared_ptr<Mapper> mapper = make(orphan);
        if (!mapper) continue;
        auto keep = net::keep_until_done(loop_, mapper);
        mapper->unmap(orphan, undo_deadline(orphan),
                      [self = weak_from_this(), journal, orphan, keep](const Result<void>& gone) {
                          const bool is_gone =
                              gone.has_value() || gone.error().code == Errc::NotFound;
                          const auto keeper = self.lock();
                          if (is_gone && keeper) {
                              keeper->write(journal, {.entry = {.mapping = orphan}, .erase = true});
                          }
                          keep();
                      });
    }
}

} // namespace natterjack
