// SPDX-License-Identifier: MIT
#include "traversal/opening_state.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "traversal/appraisal.hpp"
#include "traversal/paths.hpp"
#include "traversal/undo.hpp"

namespace natterjack {

namespace {

// How long one renewal may take. Shorter than LeaseSchedule::kMinInterval, so that they never
// overlap.
constexpr Duration kRenewalLimit{3500};
// How long a deletion is waited for when what replaces the mapping comes next.
constexpr Duration kClearLimit{1000};

bool is_same_way(const OpeningInfo& a, const OpeningInfo& b) {
    return a.external == b.external && a.internal == b.internal && a.strategy == b.strategy &&
           a.gateway == b.gateway;
}

bool looks_the_same(const OpeningInfo& a, const OpeningInfo& b) {
    return a.external == b.external && a.internal == b.internal && a.strategy == b.strategy &&
           a.reach == b.reach && a.proof == b.proof;
}

} // namespace

OpeningState::OpeningState(Loop loop, OpeningInfo info, Parts parts)
    : loop_(std::move(loop)), parts_(std::move(parts)), info_(std::move(info)) {
    if (!parts_.prove) return;
    proof_watch_ =
        std::make_unique<ProofWatch>(loop_, parts_.prove, parts_.check_interval,
                                     [this](const ProofVerdict& verdict, ProofSchedule::Step step) {
                                         handle_proof(verdict, step);
                                     });
}

OpeningState::~OpeningState() {
    dismiss();
}

void OpeningState::start(Lease lease) {
    lease_ = std::move(lease);
    made_at_ = net::now();
    hold_session();
    write_journal();
    enroll();
    settle_proof(info().proof);
}

void OpeningState::hold_session() {
    const auto& invitation = lease_.mapping.invitation;
    const std::lock_guard lock(mutex_);
    session_ = invitation ? invitation->session : nullptr;
}

void OpeningState::enroll() {
    dismiss();
    enrolled_ = parts_.keeper->enroll(*this, lease_.path, lease_.mapping, parts_.check_interval);
}

void OpeningState::dismiss() {
    if (const auto id = std::exchange(enrolled_, std::nullopt)) parts_.keeper->dismiss(*id);
}

OpeningInfo OpeningState::info() const {
    const std::lock_guard lock(mutex_);
    return info_;
}

void OpeningState::on_changed(Opening::ChangeHandler handler) {
    const std::lock_guard lock(mutex_);
    handler_ = std::move(handler);
}

std::shared_ptr<peer::Session> OpeningState::take_session() {
    const std::lock_guard lock(mutex_);
    return std::exchange(session_, nullptr);
}

void OpeningState::abandon(std::shared_ptr<OpeningState> self) {
    self->on_changed(nullptr);
    const Loop loop = self->loop_;
    loop.post([state = std::move(self)] { state->close([](const Result<void>&) {}); });
}

MappingRequest OpeningState::renewal() const {
    auto request = lease_.request;
    request.renew = lease_.mapping;
    request.external_port = lease_.mapping.external.port;
    return request;
}

void OpeningState::renew() {
    if (run_errand()) return;
    if (is_due_afresh()) {
        remake();
    } else {
        ask_again(false);
    }
}

bool OpeningState::run_errand() {
    if (homeless_) {
        look_for_another_way();
    } else if (errand_ == Errand::Leave) {
        leave();
    } else if (errand_ == Errand::Remake) {
        remake();
    } else {
        return false;
    }
    return true;
}

// As the keeper's next task, so that the gateway gets no more than it may at a time.
void OpeningState::run(Errand errand) {
    if (!enrolled_) return; // on the move, and then it is another mapping
    errand_ = errand;
    parts_.keeper->hurry(*enrolled_);
}

bool OpeningState::is_due_afresh() const {
    return lease_.mapping.strategy == Strategy::Igd &&
           net::now() >= made_at_ + parts_.afresh_interval && info().proof != Proof::Proved;
}

void OpeningState::remake() {
    busy_ = true;
    errand_ = Errand::None;
    lease_.mapper->unmap(
        lease_.mapping, net::now() + kClearLimit, [this](const Result<void>& /*whatever*/) {
            lease_.mapper->map(
                renewal(), net::now() + kRenewalLimit - kClearLimit, [this](Result<Mapping> made) {
                    if (made) {
                        made->restored = false; // says nothing about the gateway's other entries
                        made_at_ = net::now();
                    }
                    if (proof_watch_) proof_watch_->remade();
                    handle_renewal(std::move(made), false);
                });
        });
}

// The other strategies may write into the very same table, so the dead one goes first.
void OpeningState::leave() {
    busy_ = true;
    lease_.mapper->unmap(lease_.mapping, net::now() + kClearLimit,
                         [this](const Result<void>& /*whatever*/) {
                             look_for_another_way(lease_.mapping.strategy);
                         });
}

void OpeningState::ask_again(bool restored) {
    busy_ = true;
    lease_.mapper->map(
        renewal(), net::now() + kRenewalLimit,
        [this, restored](Result<Mapping> result) { handle_renewal(std::move(result), restored); });
}

void OpeningState::look() {
    if (run_errand()) return;
    busy_ = true;
    lease_.mapper->check(renewal(), net::now() + kRenewalLimit,
                         [this](Result<Mapping> result) { handle_look(std::move(result)); });
}

void OpeningState::handle_look(Result<Mapping> result) {
    const auto self = shared_from_this(); // a handler may destroy the opening
    busy_ = false;
    if (phase_ == Phase::Released) return finish_release(std::move(result));
    if (!result) {
        // The gateway has it no more, or leads it elsewhere.
        const bool gone =
            result.error().code == Errc::NotFound && lease_.mapping.strategy == Strategy::Igd;
        if (gone || result.error().code == Errc::Conflict) return ask_again(true);
        parts_.keeper->failed(*enrolled_, result.error());
        return;
    }
    if (result->granted_at != lease_.mapping.granted_at) { // the look was a renewal
        parts_.keeper->granted(*enrolled_, *result);
    } else {
        parts_.keeper->stands(*enrolled_, *result);
    }
    take(*std::move(result));
}

void OpeningState::handle_renewal(Result<Mapping> result, bool restored) {
    const auto self = shared_from_this(); // a handler may destroy the opening
    busy_ = false;
    if (phase_ == Phase::Released) return finish_release(std::move(result));
    if (result) {
        result->restored = result->restored || restored;
        parts_.keeper->granted(*enrolled_, *result);
        take(*std::move(result));
        return;
    }
    // The port is somebody else's by now: another one, on this gateway or elsewhere.
    if (result.error().code == Errc::Conflict && !lease_.request.exact) {
        homeless_ = true;
        look_for_another_way();
        return;
    }
    parts_.keeper->failed(*enrolled_, result.error());
}

void OpeningState::lapse() {
    const auto self = shared_from_this();
    homeless_ = true;
    if (std::exchange(lost_, true)) return;
    const auto before = info();
    {
        const std::lock_guard lock(mutex_);
        info_.note = "the mapping was lost: its gateway did not renew it in time";
    }
    report(Opening::Change::Lost, before);
}

bool OpeningState::has_lost_its_way(const net::Network& network) {
    if (lease_.mapping.strategy == Strategy::Ice) {
        // A session that was taken finds its own way.
        const std::lock_guard lock(mutex_);
        homeless_ = session_ && network.owner_of(lease_.mapping.internal.address) == nullptr &&
                    !network.default_routes.empty();
        return homeless_;
    }
    const auto is_ours = [this](const Path& path) {
        return path.gateway == lease_.path.gateway && path.source == lease_.path.source &&
               path.interface == lease_.path.interface;
    };
    const auto ways = parts_.share ? parts_.share->ways(network)
                      : lease_.mapping.strategy == Strategy::Direct
                          ? public_addresses(network, parts_.network)
                          : choose_paths(network, parts_.network).value_or({});
    // Without any way there is nothing to do but to wait for one.
    const bool nowhere = parts_.share ? ways.empty() : network.default_routes.empty();
    if (std::any_of(ways.begin(), ways.end(), is_ours) || nowhere) return false;
    homeless_ = true;
    return true;
}

void OpeningState::look_for_another_way(std::optional<Strategy> avoided) {
    busy_ = true;
    relocation_ = parts_.relocate(shared_from_this(), lease_.mapping, avoided);
}

void OpeningState::settle_in(Lease lease, Appraisal appraise, const Story& story) {
    const auto self = shared_from_this();
    if (phase_ != Phase::Open) return;
    busy_ = false;
    homeless_ = false;
    const auto former = std::exchange(lease_.mapping, lease.mapping);
    if (!is_same_mapping(former, lease.mapping)) erase_from_journal(former);
    if (is_left_behind(lease.path)) leave_behind(former);
    if (const auto id = std::exchange(enrolled_, std::nullopt)) parts_.keeper->depart(*id);
    lease_ = std::move(lease);
    made_at_ = net::now();
    errand_ = Errand::None;
    hold_session();
    parts_.appraise = std::move(appraise);
    {
        const std::lock_guard lock(mutex_);
        info_.story = story;
    }
    enroll();
    attach(std::exchange(relocation_, nullptr)); // a better stage may still answer
    take(lease_.mapping);
}

void OpeningState::leave_behind(const Mapping& former) {
    remove_in_background(loop_, std::move(lease_.mapper), former,
                         [weak = weak_from_this(), gateway = former.gateway] {
                             const auto self = weak.lock();
                             if (!self || self->phase_ != Phase::Open || !self->enrolled_) return;
                             // Back already: the removal may have met what was made there since.
                             if (self->lease_.mapping.gateway != gateway) return;
                             self->parts_.keeper->hurry(*self->enrolled_);
                         });
}

// Whether what stands would stay open beside the new one: an IPv6 pinhole for another address, and
// what another router on another link has. An address that is deprecated can still be asked from,
// and a link that is no more the default one may still be up; nobody waits for those that are not.
bool OpeningState::is_left_behind(const Path& path) const {
    if (!lease_.mapper) return false;
    if (parts_.share) return path.source != lease_.path.source;
    return path.interface != lease_.path.interface && path.gateway != lease_.path.gateway;
}

void OpeningState::could_not_move(const Error& error) {
    if (phase_ != Phase::Open) return;
    busy_ = false;
    const auto ended = std::exchange(relocation_, nullptr); // it is calling
    parts_.keeper->failed(*enrolled_, error);
    if (errand_ == Errand::Leave) run(Errand::Remake); // what was given up for nothing
}

// A mapping was made or renewed, or looked at: tell what changed.
void OpeningState::take(Mapping mapping) {
    const auto before = info();
    auto after = before;
    after.strategy = mapping.strategy;
    after.gateway = mapping.gateway;
    after.internal = mapping.internal;
    parts_.appraise(mapping, after);
    if (mapping.restored) made_at_ = net::now();
    const bool renewed = mapping.granted_at != lease_.mapping.granted_at ||
                         mapping.external != lease_.mapping.external ||
                         mapping.control_url != lease_.mapping.control_url;
    const bool another = !is_same_way(before, after);
    if (another) {
        after.proof = Proof::Claimed; // what was proved was another
        after.proof_level = ProofLevel::None;
        after.proof_evidence.clear();
    }
    lease_.mapping = std::move(mapping);
    if (another) settle_proof(Proof::Claimed);
    if (renewed || !is_journalled_) write_journal();
    {
        const std::lock_guard lock(mutex_);
        info_ = after;
    }
    homeless_ = false;
    const bool back = std::exchange(lost_, false);
    if (back || !looks_the_same(before, after)) report(Opening::Change::Moved, before);
}

void OpeningState::settle_proof(Proof proof) {
    if (proof_watch_) proof_watch_->settled(lease_.path, lease_.mapping, proof);
}

void OpeningState::suspect() {
    if (proof_watch_) proof_watch_->suspect();
}

void OpeningState::neighbour_revived(Strategy strategy) {
    if (strategy != lease_.mapping.strategy) return;
    if (!proof_watch_) return run(Errand::Remake); // nobody can say whether it is dead as well
    doubted_ = true;
    suspect();
}

void OpeningState::handle_proof(const ProofVerdict& verdict, ProofSchedule::Step step) {
    const auto self = shared_from_this(); // a handler may destroy the opening
    if (phase_ != Phase::Open) return;
    const auto before = info();
    if (verdict.proof != Proof::Claimed) { // else what was known holds
        const std::lock_guard lock(mutex_);
        info_.proof = verdict.proof;
        info_.proof_level = verdict.level;
        info_.proof_evidence = verdict.evidence;
    }
    const bool doubted = std::exchange(doubted_, false) && verdict.proof == Proof::Claimed;
    if (doubted || step == ProofSchedule::Step::Remake) run(Errand::Remake);
    const bool has_others =
        std::any_of(parts_.strategies.begin(), parts_.strategies.end(), [this](Strategy each) {
            return is_a_gateways(each) && each != lease_.mapping.strategy;
        });
    if (step == ProofSchedule::Step::Leave && has_others) run(Errand::Leave);
    if (enrolled_ && proof_watch_->has_mended()) {
        parts_.keeper->revived(*enrolled_, lease_.mapping.strategy);
    }
    if (!looks_the_same(before, info())) report(Opening::Change::Moved, before);
}

void OpeningState::appraise_again() {
    if (phase_ != Phase::Open) return;
    const auto before = info();
    auto after = before;
    parts_.appraise(lease_.mapping, after);
    {
        const std::lock_guard lock(mutex_);
        info_ = after;
    }
    if (!looks_the_same(before, after)) report(Opening::Change::Moved, before);
}

void OpeningState::report(Opening::Change change, const OpeningInfo& before) {
    Opening::ChangeHandler handler;
    {
        const std::lock_guard lock(mutex_);
        handler = handler_;
    }
    if (handler) handler(change, before, info());
}

void OpeningState::move_to(Lease better, Story story) {
    if (phase_ != Phase::Open || busy_) return;
    busy_ = true;
    dismiss();
    better_story_ = std::move(story);
    better_ = std::move(better);
    better_.request.external_port = lease_.mapping.external.port;
    // The old one first: both may stand in one table of one router, and the port is the same.
    lease_.mapper->unmap(lease_.mapping, net::now() + kRenewalLimit,
                         [this](const Result<void>&) { map_better(); });
}

// The journal keeps the old one until the new one is in it: the port is this process's throughout.
void OpeningState::map_better() {
    better_.mapper->map(better_.request, net::now() + kRenewalLimit,
                        [this](Result<Mapping> result) { handle_move(std::move(result)); });
}

// The better one's line has its answer to the probe, the former's that it gave the opening.
void OpeningState::retell() {
    for (auto& line : better_story_) {
        if (line.outcome == StoryLine::Outcome::Opened) line.outcome = StoryLine::Outcome::Spare;
        if (line.strategy == lease_.mapping.strategy && line.gateway == lease_.path.gateway) {
            note_opened(lease_.mapping, line);
        }
    }
    const std::lock_guard lock(mutex_);
    info_.story = std::exchange(better_story_, {});
}

void OpeningState::handle_move(Result<Mapping> result) {
    const auto self = shared_from_this();
    busy_ = false;
    const auto former = lease_.mapping;
    if (phase_ == Phase::Released) {
        if (result) lease_ = std::exchange(better_, {});
        finish_release(std::move(result));
        forget(former);
        return;
    }
    if (result) {
        lease_ = std::exchange(better_, {});
        lease_.mapping = *result;
        retell();
        hold_session();
        enroll();
        write_journal();
        forget(former);
        take(*std::move(result));
        return;
    }
    better_ = {};
    better_story_.clear();
    enroll();
    parts_.keeper->hurry(*enrolled_); // which makes the old one again
}

void OpeningState::close(std::function<void(Result<void>)> done) {
    if (phase_ == Phase::Closed || phase_ == Phase::Released) {
        done({});
        return;
    }
    closing_.push_back(std::move(done));
    if (phase_ == Phase::Closing) return;
    phase_ = Phase::Closing;
    dismiss();
    proof_watch_.reset();
    relocation_.reset();
    attached_.reset();
    std::ignore = take_session(); // nobody will
    auto keep = net::keep_until_done(loop_, shared_from_this());
    const auto finish = [this, keep](const Result<void>& result) {
        finish_close(result);
        keep();
    };
    if (busy_) {
        // A renewal or a move is under way, and its answer or repetition might overtake the
        // removal: destroying the mapper takes back whatever comes of it.
        better_ = {};
        lease_.mapper = lease_.make();
    }
    lease_.mapper->unmap(lease_.mapping, undo_deadline(lease_.mapping), finish);
}

void OpeningState::finish_close(const Result<void>& result) {
    phase_ = Phase::Closed;
    // Gone is gone, whoever removed it.
    const bool gone = result.has_value() || result.error().code == Errc::NotFound;
    if (gone) {
        erase_from_journal(lease_.mapping);
    } else if (auto left = lease_.mapper->remainder()) {
        lease_.mapping = *std::move(left);
        write_journal();
        const std::lock_guard lock(mutex_);
        info_.lifetime = lease_.mapping.lifetime;
    }
    for (auto& done : std::exchange(closing_, {})) done(gone ? Result<void>() : result);
}

void OpeningState::release() {
    if (phase_ != Phase::Open) return;
    phase_ = Phase::Released;
    // Not in the middle of a renewal: it may have deleted the mapping to make it again.
    const bool is_renewing = busy_ && !relocation_ && errand_ != Errand::Leave;
    if (is_renewing) released_ = net::keep_until_done(loop_, shared_from_this());
    dismiss();
    proof_watch_.reset();
    relocation_.reset();
    attached_.reset();
    write_journal();
}

void OpeningState::finish_release(Result<Mapping> result) {
    if (result && result->granted_at != lease_.mapping.granted_at) { // it was a renewal
        lease_.mapping = *std::move(result);
        write_journal();
    }
    if (const auto done = std::exchange(released_, nullptr)) done();
}

void OpeningState::write_journal() {
    is_journalled_ = true;
    if (!is_a_gateways(lease_.mapping.strategy)) return;
    JournalEntry entry{.mapping = lease_.mapping, .owner = parts_.keeper->process()};
    if (lease_.mapping.lifetime.count() != 0) {
        entry.ends = std::chrono::system_clock::now() + lease_.mapping.lifetime -
                     (net::now() - lease_.mapping.granted_at);
    }
    if (phase_ == Phase::Released) entry.owner.pid = 0;
    entry.hardware = net::hardware_address_of(lease_.path.gateway, lease_.path.interface);
    parts_.keeper->write(parts_.journal, {.entry = std::move(entry)});
}

void OpeningState::erase_from_journal(const Mapping& mapping) {
    is_journalled_ = false;
    forget(mapping);
}

void OpeningState::forget(const Mapping& mapping) {
    if (!is_a_gateways(mapping.strategy)) return;
    parts_.keeper->write(parts_.journal, {.entry = {.mapping = mapping}, .erase = true});
}

} // namespace natterjack
