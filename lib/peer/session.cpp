// SPDX-License-Identifier: MIT
#include "peer/session.hpp"

#include <algorithm>
#include <utility>

#include "net/network.hpp"
#include "net/random.hpp"
#include "peer/local_addresses.hpp"

namespace natterjack::peer {

namespace {

// Changes come in swarms (link, addresses, routes); a second address of the new network follows
// within this time.
constexpr Duration kSettle{300};
constexpr Duration kFirstBackOff{1000};
constexpr Duration kMaxBackOff{32'000};

bool is_over(PeerState state) {
    return state == PeerState::Failed || state == PeerState::Closed;
}

std::string seconds(std::chrono::milliseconds time) {
    const auto tenths = time.count() / 100;
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

} // namespace

Session::Session(Loop loop, PeerOptions options, FinderConfig finder, PeerHandlers handlers,
                 std::shared_ptr<const ice::DtlsCertificate> certificate)
    : loop_(std::move(loop)),
      options_(std::move(options)),
      finder_config_(std::move(finder)),
      certificate_(std::move(certificate)),
      handlers_(std::make_shared<const PeerHandlers>(std::move(handlers))),
      max_message_(Channel::kMaxMessage),
      tls_id_(net::random_text(24)), // RFC 8842 section 4: 120 bits or more
      payload_timer_(loop_),
      connect_timer_(loop_),
      describe_timer_(loop_),
      silence_timer_(loop_),
      restart_timer_(loop_) {
    for (const auto byte : net::random_bytes<8>()) session_id_ = session_id_ << 8U | byte;
    session_id_ &= ~(std::uint64_t{1} << 63U); // RFC 8829 section 5.2.1
}

Session::~Session() = default;

// --- any thread

PeerInfo Session::info() const {
    const std::lock_guard lock(mutex_);
    auto out = public_info_;
    out.bytes_sent = bytes_sent_;
    out.bytes_received = bytes_received_;
    return out;
}

std::shared_ptr<const PeerHandlers> Session::handlers() const {
    const std::lock_guard lock(mutex_);
    return handlers_;
}

void Session::abandon() {
    auto none = std::make_shared<const PeerHandlers>();
    {
        const std::lock_guard lock(mutex_);
        std::swap(handlers_, none); // what they hold goes after the lock
    }
    loop_.post([self = shared_from_this()] { self->close(); });
}

// --- the loop's thread

bool Session::over() const {
    return is_over(state_);
}

std::chrono::microseconds Session::elapsed() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(net::now() - started_);
}

void Session::start() {
    if (over()) return;
    started_ = net::now();
    begin_signalling();
}

void Session::gather(std::function<void()> on_news) {
    started_ = net::now();
    invited_ = false;
    on_news_ = std::move(on_news);
    if (const auto begun = begin_round(); !begun) {
        fail(begun.error());
        return;
    }
    publish();
}

void Session::tell_news() {
    if (!on_news_) return;
    loop_.post([weak = weak_from_this()] {
        const auto self = weak.lock();
        if (!self || !self->on_news_) return;
        self->publish();
        self->on_news_();
    });
}

std::vector<sdp::Candidate> Session::candidates() const {
    const auto& finder = active_ ? active_ : next_;
    return finder ? finder->candidates() : std::vector<sdp::Candidate>();
}

void Session::invite(PeerHandlers handlers) {
    auto wanted = std::make_shared<const PeerHandlers>(std::move(handlers));
    {
        const std::lock_guard lock(mutex_);
        std::swap(handlers_, wanted);
    }
    invited_ = true;
    loop_.post([self = shared_from_this()] {
        self->on_news_ = nullptr;
        if (self->over()) return;
        self->begin_signalling();
    });
}

void Session::begin_signalling() {
    if (options_.restart) {
        auto watch = net::NetworkWatch::open(loop_, kSettle, [this] { handle_network_change(); });
        if (watch) network_watch_ = *std::move(watch);
    }
    if (next_) {
        if (finder_config_.map) next_->map_port(); // the rest has been gathered
    } else if (const auto begun = begin_round(); !begun) {
        fail(begun.error());
        return;
    }
    publish();
    if (options_.role == PeerRole::Offer) {
        offering_ = true;
        say_description();
    }
}

void Session::restart() {
    if (over() || !remote_ || next_) return;
    if (const auto begun = begin_round(); !begun) {
        network_note_ = "restart: " + begun.error().message;
        restart_soon("");
        return;
    }
    ++restarts_;
    offering_ = true;
    start_connect_timer();
    say_description();
}

void Session::close() {
    end(PeerState::Closed, Error{Errc::Cancelled, "closed here"});
}

Result<void> Session::begin_round() {
    const auto network = net::read_network();
    if (!network) return network.error();
    auto addresses = choose_addresses(
        *network,
        {.network = options_.network, .ipv6 = options_.ipv6, .loopback = options_.allow_loopback});
    if (!addresses) return addresses.error();
    auto config = finder_config_;
    config.addresses = *std::move(addresses);
    config.map = config.map && invited_;
    described_ = false;
    said_end_ = false;
    trickling_ = options_.trickle && (!remote_ || remote_->trickle);
    next_ = std::make_shared<PathFinder>(loop_, std::move(config), finder_handlers(++round_));
    auto started = next_->start();
    if (!started) bury(std::exchange(next_, nullptr));
    return started;
}

PathFinder::Handlers Session::finder_handlers(std::uint64_t round) {
    return {
        .on_candidate =
            [this, round](const sdp::Candidate& each) {
                tell_news();
                if (round == round_ && described_ && trickling_) {
                    say_candidate(each, (next_ ? next_ : active_)->ufrag());
                }
            },
        .on_gathered =
            [this, round] {
                loop_.post([self = shared_from_this(), round] { self->handle_gathered(round); });
            },
        .on_mapped =
            [this] {
                if (!timings_.mapped) timings_.mapped = elapsed();
            },
        .on_path = [this, round](const PeerPath& path) { handle_path(round, path); },
        .on_quiet = [this, round] { handle_quiet(round); },
        .on_lost = [this, round] { handle_quiet(round); },
        .on_asking =
            [this] {
                if (!secure_ || !secure_->demand_sign_of_life(net::now())) return false;
                post_pump();
                return true;
            },
        .on_round_trip = [this] { publish(); },
        .on_datagram = [this](ByteView datagram) { handle_datagram(datagram); },
    };
}

void Session::handle_gathered(std::uint64_t round) {
    if (over() || round != round_) return;
    if (!timings_.gathered) timings_.gathered = elapsed();
    publish();
    tell_news();
    const auto& finder = next_ ? next_ : active_;
    if (!described_) {
        say_description(); // one that waited for this
    } else if (trickling_ && !said_end_) {
        said_end_ = true;
        say_end(finder->ufrag());
    }
}

void Session::take_remote(const sdp::Description& remote) {
    const bool first = !remote_;
    remote_ = remote;
    if (!timings_.answered) timings_.answered = elapsed();
    if (first) {
        if (const auto made = make_payload(); !made) {
            fail(made.error());
            return;
        }
        set_state(PeerState::Checking);
        if (over()) return;
    }
    start_connect_timer();
    const auto finder = next_;
    finder->set_remote(remote);
    for (const auto& line : std::exchange(early_candidates_, {})) {
        if (const auto candidate = sdp::decode_candidate(line)) {
            finder->add_remote_candidate(*candidate);
        }
    }
}

void Session::start_connect_timer() {
    connect_timer_.start_after(options_.connect_limit, [this] {
        const auto self = shared_from_this();
        if (state_ == PeerState::Connected) {
            // A restart came to nothing; the old path, if it lives, goes on.
            if (next_) bury(std::exchange(next_, nullptr));
            offering_ = false;
            restart_soon("no other path was found");
            return;
        }
        const auto& finder = next_ ? next_ : active_;
        if (finder && !active_) {
            fail({Errc::Timeout,
                  finder->explain_failure() + " (for " + seconds(options_.connect_limit) + ")"});
        } else {
            fail({Errc::Timeout,
                  "a path stands, but the peer did not complete DTLS over it within " +
                      seconds(options_.connect_limit) +
                      ": does it carry the same payload (channels, datagrams)?"});
        }
    });
}

void Session::handle_path(std::uint64_t round, const PeerPath&) {
    if (over()) return;
    const auto self = shared_from_this();
    if (next_ && round == round_) {
        if (active_) bury(std::move(active_));
        active_ = std::move(next_);
        next_ = nullptr;
        failed_restarts_ = 0;
        network_note_.reset();
        silence_timer_.stop();
        restart_timer_.stop();
        if (state_ == PeerState::Connected) connect_timer_.stop();
    } else if (!active_) {
        return;
    }
    if (!timings_.path) timings_.path = elapsed();
    publish();
    while (!unsent_.empty()) {
        const auto datagram = std::move(unsent_.front());
        unsent_.pop_front();
        transmit(datagram);
    }
    start_payload();
    if (over()) return;
    const auto handlers = this->handlers();
    if (handlers->on_path) handlers->on_path(info());
}

// The path in use carries nothing back. A new one is looked for; the old may still recover.
void Session::handle_quiet(std::uint64_t) {
    if (over() || !active_) return;
    const auto self = shared_from_this();
    const auto silent = std::chrono::duration_cast<Duration>(net::now() - active_->last_heard());
    if (silent >= options_.silence_limit) {
        fail({Errc::Timeout, "the peer has been silent for " + seconds(silent) +
                                 ": it ended, or the network between is down"});
        return;
    }
    // Also when nothing asks any more, because the path itself went.
    if (!silence_timer_.running()) {
        silence_timer_.start_after(options_.silence_limit - silent, [this] { handle_silence(); });
    }
    if (options_.restart && failed_restarts_ == 0) restart();
}

void Session::handle_silence() {
    if (over() || !active_) return;
    const auto silent = std::chrono::duration_cast<Duration>(net::now() - active_->last_heard());
    if (silent >= options_.silence_limit) {
        fail({Errc::Timeout, "the peer has been silent for " + seconds(silent) +
                                 ": it ended, or the network between is down"});
    }
}

void Session::handle_network_change() {
    if (over() || !remote_) return;
    const auto network = net::read_network();
    if (!network) return;
    auto now = choose_addresses(
        *network,
        {.network = options_.network, .ipv6 = options_.ipv6, .loopback = options_.allow_loopback});
    if (!now) return; // none at all: there will be others, or the silence tells
    auto before = (next_ ? next_ : active_)->addresses();
    std::sort(before.begin(), before.end());
    std::sort(now->begin(), now->end());
    if (before == *now) return;
    if (next_ && state_ == PeerState::Connected) {
        bury(std::exchange(next_, nullptr)); // of a network that is gone
        offering_ = false;
    }
    restart_timer_.stop();
    restart();
}

// With a pause that doubles: whoever cannot be reached is not asked all the time.
void Session::restart_soon(const std::string& why) {
    if (!why.empty()) network_note_ = why;
    const auto pause =
        std::min(kFirstBackOff * (1U << std::min(failed_restarts_, 5U)), kMaxBackOff);
    ++failed_restarts_;
    const bool quiet = active_ && net::now() - active_->last_heard() > kFirstBackOff * 5;
    publish();
    if (options_.restart && quiet) restart_timer_.start_after(pause, [this] { restart(); });
}

// Its handlers may be running: it goes later, and until then what they call must be there.
void Session::bury(std::shared_ptr<PathFinder> finder) {
    loop_.post([self = shared_from_this(), finder = std::move(finder)] { finder->mute(); });
}

// --- states

void Session::set_state(PeerState state, std::optional<Error> error) {
    if (state == state_ || over()) return;
    state_ = state;
    error_ = std::move(error);
    publish();
    const auto handlers = this->handlers();
    if (handlers->on_state) handlers->on_state(state, info());
}

void Session::fail(Error error) {
    end(PeerState::Failed, std::move(error));
}

void Session::end(PeerState state, const std::optional<Error>& error) {
    if (over()) return;
    const auto self = shared_from_this();
    ended_ = true;
    tell_news();
    if (secure_) {
        secure_->close(net::now());
        while (auto datagram = secure_->poll_transmit()) transmit(*datagram);
    }
    if (dtls_) {
        dtls_->close();
        while (auto datagram = dtls_->poll_transmit()) transmit(*datagram);
    }
    for (auto* timer :
         {&payload_timer_, &connect_timer_, &describe_timer_, &silence_timer_, &restart_timer_}) {
        timer->stop();
    }
    max_datagram_ = 0;
    auto channels = std::exchange(channels_, {});
    auto unassigned = std::exchange(unassigned_, {});
    set_state_quietly(state, error);
    for (auto& finder : {std::exchange(next_, nullptr), std::exchange(active_, nullptr)}) {
        if (finder) bury(finder);
    }
    // Not now: their handlers may be running.
    loop_.post([self, secure = std::shared_ptr(std::move(secure_)),
                dtls = std::shared_ptr(std::move(dtls_)),
                watch = std::shared_ptr(std::move(network_watch_))] {});
    const auto why = state == PeerState::Failed ? error : std::nullopt; // else they just end
    for (const auto& [id, channel] : channels) channel->end(why);
    for (const auto& channel : unassigned) channel->end(why);
    const auto handlers = this->handlers();
    if (handlers->on_state) handlers->on_state(state, info());
}

void Session::set_state_quietly(PeerState state, const std::optional<Error>& error) {
    state_ = state;
    error_ = error;
    publish();
}

void Session::publish() {
    PeerInfo info;
    info.state = state_;
    info.error = error_;
    if (const auto& finder = active_ ? active_ : next_) finder->describe(info);
    info.timings = timings_;
    info.restarts = restarts_;
    if (network_note_) info.notes.push_back(*network_note_);
    const std::lock_guard lock(mutex_);
    public_info_ = std::move(info);
}

} // namespace natterjack::peer
