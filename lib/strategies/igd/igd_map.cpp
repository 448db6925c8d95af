// SPDX-License-Identifier: MIT
#include "strategies/igd/igd_map.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "net/random.hpp"
#include "strategies/igd/igd_errors.hpp"
#include "strategies/igd/igd_questions.hpp"
#include "strategies/igd/igd_unmap.hpp"

namespace natterjack::igd {

namespace {

using namespace std::chrono_literals;

constexpr int kMaxPorts = 8;
constexpr int kMax501 = 3;                  // 501 may mean a conflict, and a dozen other things
constexpr std::size_t kMaxText = 63;        // OpenRequest::description
constexpr std::uint16_t kFirstHigh = 49152; // RFC 6335 section 6: dynamic ports
constexpr std::uint16_t kLastHigh = 65535;
constexpr std::uint16_t kFirstFree = 1024; // WANIPConnection:2 section 2.5.16: below is privileged
constexpr Duration kAddressLimit = 1000ms;
constexpr Duration kLinger = 500ms; // for an answer that decides what is to be taken back
// Only the answer of AddAnyPortMapping says which port that is.
constexpr Duration kLongLinger = 1400ms;
// Then the table is looked at, and an answer that comes still later counts as long as somebody
// lives who could hear it.
constexpr Duration kLastLinger = 30s;
constexpr Lifetime kPermanent{0};
// WANIPConnection:2 section 2.3.16: the longest lease. Some gateways take this and refuse 0.
constexpr Lifetime kLongest{604800};
// A lease that was just granted is read back a little shorter.
constexpr std::int64_t kAged = 5;

std::uint16_t random_high_port() {
    return static_cast<std::uint16_t>(net::random_between(kFirstHigh, kLastHigh));
}

Lifetime granted(Lifetime asked, Lifetime listed) {
    if (listed == kPermanent || (listed > kLongest && listed > asked)) return asked;
    const auto missing = std::int64_t{asked.count()} - std::int64_t{listed.count()};
    return missing >= 0 && missing <= kAged ? asked : listed;
}

} // namespace

MapOperation::MapOperation(std::shared_ptr<Session> session, MappingRequest request,
                           TimePoint deadline, Handler handler)
    : Operation(std::move(session), deadline),
      request_(std::move(request)),
      handler_(std::move(handler)),
      linger_timer_(this->session().loop) {
    // Gateways and XML lose blanks at the ends, and then the entry would not look like ours.
    request_.description = printable(request_.description, kMaxText);
    request_.description = std::string(trim(request_.description));
    // Some routers refuse an empty one, and by it we know our own.
    if (request_.description.empty()) request_.description = "natterjack";
    wanted_ = request_.renew ? request_.renew->external.port : request_.external_port;
    if (wanted_ == 0) wanted_ = request_.internal.port;
    if (request_.renew) use_service_of(*request_.renew);
}

void MapOperation::begin(const IgdService& service, const std::string& /*product*/) {
    service_ = service;
    const auto host = remote_host_of(request_.only_from);
    if (!host) return fail(cannot_restrict("UPnP, which knows one whole host or everybody,"));
    remote_host_ = *host;
    leases_ = session().only_permanent ? std::vector{kPermanent}
                                       : std::vector{request_.lifetime, kPermanent, kLongest};
    const bool same_port = session().same_port && !request_.renew && !request_.exact;
    external_asked_ = false;
    check(same_port ? request_.internal.port : wanted_);
}

// Asked for by its port, an entry does not say whom it lets in: the table does.
void MapOperation::find_entry(std::uint16_t port,
                              IgdService::Handler<std::optional<PortEntry>> handler) {
    if (remote_host_.empty()) {
        return service_->find_entry({request_.transport, port}, deadline(), handler);
    }
    const auto is_it = [transport = request_.transport, port](const PortEntry& entry) {
        return entry.transport == transport && entry.external_port == port;
    };
    walk_entries(
        *service_, deadline(), [](const PortEntry&) { return false; },
        [is_it, host = remote_host_,
         handler = std::move(handler)](const Result<std::vector<PortEntry>>& entries) {
            if (!entries) return handler(entries.error());
            std::optional<PortEntry> found; // the one that lets in others, if there are several
            for (const auto& entry : *entries) {
                if (is_it(entry) && (!found || entry.remote_host != host)) found = entry;
            }
            handler(found);
        });
}

void MapOperation::ask_external_address() {
    external_asked_ = true;
    external_.reset();
    const auto limit = std::min(deadline(), net::now() + kAddressLimit);
    service_->external_address(limit, guarded([this](const Result<std::string>& text) {
                                   external_ = text ? external_address_in(*text) : IpAddress();
                                   if (external_->is_unspecified())
                                       note("the gateway does not tell its external address");
                                   if (entry_) complete();
                               }));
}

void MapOperation::check(std::uint16_t port) {
    ++ports_tried_;
    was_ours_ = false;
    find_entry(port, guarded([this, port](const Result<std::optional<PortEntry>>& entry) {
                   if (!entry) {
                       if (!retry_afresh(entry.error())) fail(entry.error());
                       return;
                   }
                   if (*entry && !is_ours(**entry)) {
                       return taken(port, {Errc::Conflict, port_name(request_.transport, port) +
                                                               " of the gateway belongs to " +
                                                               owner_name(**entry)});
                   }
                   was_ours_ = entry->has_value();
                   const bool other_peers =
                       request_.renew && request_.renew->only_from != request_.only_from;
                   if (was_ours_ && other_peers) return replace(port);
                   add(port);
               }));
    service_->prepare(); // for the addition
}

// The entry lets in others than it is to.
void MapOperation::replace(std::uint16_t port) {
    const auto host = remote_host_of(request_.renew->only_from).value_or("");
    request_.renew.reset();
    was_ours_ = false;
    service_->remove({request_.transport, port, host}, deadline(),
                     guarded([this, port](const auto&) { add(port); }));
}

// The port may not be had: another one, unless that is not wanted.
void MapOperation::taken(std::uint16_t port, const Error& conflict) {
    if (request_.exact || request_.renew || session().same_port || ports_tried_ >= kMaxPorts) {
        return fail(conflict);
    }
    if (port == wanted_) note(conflict.message + ", so another port was taken");
    other_port_ = true;
    check(random_high_port());
}

void MapOperation::add(std::uint16_t port) {
    adding_ = port;
    added_.reset();
    added_at_ = net::now();
    const NewMapping mapping{request_.transport, port,
                             request_.internal,  request_.description,
                             leases_.front(),    remote_host_};
    // Not guarded(): also an answer that nobody waits for says what there is to take back.
    auto handler = [weak = weak_from_this(), this, port](const Result<IgdService::Answer>& answer) {
        if (const auto self = weak.lock()) added(port, answer);
    };
    // The answer is waited for a little longer than anybody waits for this: see linger().
    const auto limit = deadline() + kLastLinger;
    if (asks_for_any()) {
        service_->add_any(mapping, limit, std::move(handler));
    } else {
        service_->add(mapping, limit, std::move(handler));
    }
    service_->prepare(); // for reading back
    // Takes as long as the addition and the reading back together, side by side with them.
    if (!external_asked_) ask_external_address();
}

void MapOperation::added(std::uint16_t port, const Result<IgdService::Answer>& answer) {
    if (!adding_) return; // lingered too long
    adding_.reset();
    const auto* fault = answer ? std::get_if<soap::Fault>(&*answer) : nullptr;
    if (!answer && asks_for_any()) {
        reclaim(port);
    } else if (fault == nullptr) { // granted, or nobody knows
        // Only AddAnyPortMapping says which port it is.
        const auto* reserved = answer ? std::get<Reply>(*answer).find("NewReservedPort") : nullptr;
        if (reserved != nullptr) port = port_in(*reserved).value_or(port);
        added_ = port;
    }
    if (lingering_) {
        linger_timer_.stop();
        if (added_) take_back(*added_);
        std::exchange(lingered_, nullptr)();
    } else if (!answer) {
        fail(answer.error());
    } else if (fault != nullptr) {
        refused(port, *fault);
    } else {
        read_back(port);
    }
}

void MapOperation::refused(std::uint16_t port, const soap::Fault& fault) {
    const bool any = asks_for_any();
    const auto error =
        upnp_error(fault.code, any ? "AddAnyPortMapping" : "AddPortMapping", fault.description);
    switch (fault.code) {
    case kConflict:
    case kConflictWithOther:
        // Some say so of what one has already.
        return was_ours_ ? read_back(port) : taken(port, error);
    case kActionFailed:
        return ++failures_501_ < kMax501 && !request_.exact ? taken(port, error) : fail(error);
    case kNotAuthorized: return port < kFirstFree ? taken(port, error) : fail(error);
    case kSamePortRequired:
        session().same_port = true;
        if (request_.exact || request_.renew || port == request_.internal.port) return fail(error);
        note("the gateway demands that the external port equals the internal one");
        return check(request_.internal.port);
    case kOnlyPermanentLeases:
        if (leases_.front() == kPermanent) return fail(error);
        session().only_permanent = true;
        leases_ = {kPermanent};
        return add(port);
    case kOnlyAnyRemoteHost:
        return fail(remote_host_.empty() ? error : cannot_restrict("this gateway's UPnP"));
    case kInvalidArgs: return next_lease() ? add(port) : fail(error);
    case kInvalidAction:
    case kOptionalActionNotImplemented:
        if (!any) return fail(error);
        any_unknown_ = true;
        return add(port);
    default: return fail(error);
    }
}

bool MapOperation::next_lease() {
    leases_.erase(leases_.begin());
    return !leases_.empty();
}

void MapOperation::read_back(std::uint16_t port) {
    find_entry(
        port, guarded([this, port](const Result<std::optional<PortEntry>>& entry) {
            const auto name = port_name(request_.transport, port);
            if (!entry) return fail(entry.error());
            if (!*entry) {
                added_.reset();
                return fail({Errc::Mismatch, "the gateway says that it opened " + name +
                                                 ", but its table does not show it; it may be "
                                                 "full, or UPnP only half switched on"});
            }
            if (!leads_to_us(**entry)) {
                added_.reset();
                return fail({Errc::Conflict, "the gateway says that it opened " + name +
                                                 ", but it belongs to " + owner_name(**entry)});
            }
            if (!remote_host_.empty() && (*entry)->remote_host != remote_host_) {
                request_.only_from.clear(); // it lets in everybody, and is taken back as such
                return fail(cannot_restrict("this gateway's UPnP"));
            }
            if (is_dead(**entry) && !std::exchange(repaired_, true)) return repair(port);
            if (!(*entry)->enabled) {
                return fail({Errc::Refused, "the gateway lists " + name +
                                                " as switched off; look at its settings page"});
            }
            entry_ = **entry;
            if (external_) complete();
        }));
}

// Listed, but switched off; or its end did not move although it was made again.
bool MapOperation::is_dead(const PortEntry& entry) const {
    if (!request_.renew || !was_ours_) return false;
    const auto before = request_.renew->lifetime;
    const bool stale =
        before != kPermanent && entry.lease != kPermanent && entry.lease < before / 4 * 3;
    return !entry.enabled || stale;
}

// Some routers revive an entry only when it is deleted first.
void MapOperation::repair(std::uint16_t port) {
    service_->remove({request_.transport, port, remote_host_}, deadline(),
                     guarded([this, port](const auto&) {
                         add(port); // whose answer says more than this one
                     }));
}

void MapOperation::complete() {
    auto mapping = mapping_on(entry_->external_port);
    mapping.external.address = *external_;
    mapping.lifetime = granted(leases_.front(), entry_->lease);
    mapping.description = entry_->description;
    mapping.host_name = entry_->host;
    if (mapping.lifetime == kPermanent) {
        note("the gateway keeps the mapping until it is deleted");
    } else if (entry_->lease == kPermanent) {
        note("the gateway shows no end for the mapping: it may stay until it is deleted");
    }
    mapping.note = note_;
    mapping.restored = request_.renew && !was_ours_;
    finish(handler_, Result<Mapping>(std::move(mapping)));
}

void MapOperation::fail(const Error& error) {
    if (adding_) {
        linger();
    } else if (added_) {
        take_back(*added_);
    }
    finish(handler_, Result<Mapping>(error));
}

void MapOperation::abandon() {
    handler_ = nullptr;
    if (adding_) {
        linger();
    } else if (added_) {
        take_back(*added_);
    }
    Operation::abandon();
}

bool MapOperation::asks_for_any() const {
    return other_port_ && service_->service().is_version_2() && !any_unknown_;
}

Duration MapOperation::patience() const {
    return asks_for_any() ? kLongLinger : kLinger;
}

// Deleting before the addition has been answered could come too early, so its answer is waited for.
void MapOperation::linger() {
    if (lingering_ || stood_before()) return;
    lingering_ = true;
    lingered_ = net::keep_until_done(session().loop, shared_from_this());
    linger_timer_.start_after(patience(), [this] {
        reclaim(*adding_);
        linger_timer_.start_after(kLastLinger - patience(), [this] {
            adding_.reset(); // an answer from now on is too late
            const auto done = std::exchange(lingered_, nullptr); // may be the end of this
            done();
        });
    });
}

// What may have been granted without a word. Which port AddAnyPortMapping chose, the table knows.
void MapOperation::reclaim(std::uint16_t port) {
    if (!asks_for_any()) return take_back(port);
    const auto take_back_ours = [this,
                                 keep = net::keep_until_done(session().loop, shared_from_this())](
                                    const Result<std::vector<PortEntry>>& entries) {
        for (const PortEntry& entry : entries.value_or({})) {
            if (entry.transport == request_.transport && entry.internal == request_.internal &&
                entry.description == request_.description && may_be_new(entry)) {
                take_back(entry.external_port);
            }
        }
        keep();
    };
    walk_entries(
        *service_, net::now() + kUndoLimit - patience(), [](const PortEntry&) { return false; },
        take_back_ours);
}

// Another opening of ours may lead to the same endpoint: its lease began before. Where no lease is
// shown nobody can tell, and one too few, which its keeper makes again, is better than one for
// ever.
bool MapOperation::may_be_new(const PortEntry& entry) const {
    if (entry.lease == kPermanent) return true;
    const auto age = std::chrono::ceil<Lifetime>(net::now() - added_at_);
    return leases_.front() != kPermanent && entry.lease + age + Lifetime(kAged) >= leases_.front();
}

void MapOperation::take_back(std::uint16_t port) {
    if (stood_before()) return;
    remove_in_background(shared_session(), mapping_on(port), net::now() + kUndoLimit - patience());
}

bool MapOperation::is_ours(const PortEntry& entry) const {
    // A renewal knows its entry: some gateways change descriptions.
    if (request_.renew) return leads_to(entry, *request_.renew);
    return entry.internal == request_.internal && entry.description == request_.description;
}

// Of the entry read back.
bool MapOperation::leads_to_us(const PortEntry& entry) const {
    if (entry.host.empty()) return entry.internal == request_.internal;
    // By name it can be nobody else's but the one just added, where there was none before.
    const bool is_new = added_ && !was_ours_ && entry.internal.port == request_.internal.port;
    return is_new || (request_.renew && leads_to(entry, *request_.renew));
}

Mapping MapOperation::mapping_on(std::uint16_t port) const {
    Mapping mapping;
    mapping.strategy = Strategy::Igd;
    mapping.transport = request_.transport;
    mapping.internal = request_.internal;
    mapping.external.port = port;
    mapping.granted_at = added_at_;
    mapping.gateway = service_->host();
    mapping.control_url = service_->service().control_url;
    mapping.service_type = service_->service().type;
    mapping.description = request_.description;
    mapping.only_from = request_.only_from;
    return mapping;
}

void MapOperation::note(const std::string& line) {
    note_ += (note_.empty() ? "" : "; ") + line;
}

} // namespace natterjack::igd
