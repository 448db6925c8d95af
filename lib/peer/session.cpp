// SPDX-License-Identifier: MIT
#include "peer/session.hpp"

#include <algorithm>
#include <tuple>
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
constexpr std::size_t kMaxEarly = 16;        // datagrams before there is somebody to take them
constexpr std::size_t kMaxOutgoing = 1024;   // datagrams of other threads
constexpr std::size_t kPlainDatagram = 1400; // passes Ethernet, with a relay's wrapping
constexpr std::size_t kMaxNotes = 16;

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

Result<std::shared_ptr<ChannelState>> Session::open_channel(std::string label,
                                                            const ChannelOptions& options) {
    if (options_.payload != PeerPayload::Channels) {
        return Error{Errc::InvalidArgument, "this session carries datagrams, not channels"};
    }
    if (ended_)
        return Error{Errc::InvalidArgument, "the session is over: no channel can be opened"};
    if (label.size() > dcep::kMaxText || options.protocol.size() > dcep::kMaxText ||
        (options.max_retransmits && options.max_lifetime)) {
        return Error{Errc::InvalidArgument,
                     "a channel's label and protocol have at most 4096 bytes, and of "
                     "max_retransmits and max_lifetime one can be set"};
    }
    auto state = std::make_shared<ChannelState>(weak_from_this(), std::move(label), options);
    const auto add = [self = shared_from_this(), state] {
        if (self->over()) {
            state->end(Error{Errc::Cancelled, "the session was over before the channel opened"});
        } else if (self->secure_) {
            self->assign(*state);
            self->post_pump();
        } else {
            self->unassigned_.push_back(state);
        }
    };
    loop_.is_current() ? add() : loop_.post(add);
    return state;
}

Result<void> Session::send_datagram(ByteView datagram) {
    const std::size_t limit = max_datagram_;
    if (options_.payload == PeerPayload::Channels || limit == 0 || ended_) {
        return Error{Errc::InvalidArgument, "datagrams can be sent on a connected session that was "
                                            "made for them, and on no other"};
    }
    if (datagram.size() > limit) {
        return Error{Errc::TooLarge, "a datagram of " + std::to_string(datagram.size()) +
                                         " bytes: at most " + std::to_string(limit) + " fit"};
    }
    std::vector<std::uint8_t> copy(datagram.begin(), datagram.end());
    const std::lock_guard lock(outgoing_mutex_);
    if (outgoing_.size() >= kMaxOutgoing) return {}; // lost, as datagrams may be
    outgoing_.push_back(std::move(copy));
    if (outgoing_.size() == 1) {
        loop_.post([self = shared_from_this()] { self->send_outgoing(); });
    }
    return {};
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
    end(PeerState::Closed, std::nullopt);
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
                if (round == round_ && described_ && options_.trickle) {
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
    } else if (options_.trickle && !said_end_) {
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

// --- what runs over the path

Result<void> Session::make_payload() {
    auto local = local_description();
    local.setup = setup_;
    if (options_.payload == PeerPayload::Channels) {
        auto made = ice::SecureSession::create(certificate_, {local, *remote_, {}, {}});
        if (!made) return made.error();
        secure_ = *std::move(made);
        max_message_ = secure_->channels().max_message();
        for (const auto& channel : std::exchange(unassigned_, {})) assign(*channel);
    } else if (options_.payload == PeerPayload::SecureDatagrams) {
        ice::DtlsSession::Config config;
        config.role = setup_ == sdp::Setup::Active ? ice::DtlsSession::Role::Client
                                                   : ice::DtlsSession::Role::Server;
        config.remote = remote_->fingerprints;
        auto made = ice::DtlsSession::create(certificate_, std::move(config));
        if (!made) return made.error();
        dtls_ = *std::move(made);
    }
    for (auto& datagram : std::exchange(early_datagrams_, {})) handle_datagram(datagram);
    return {};
}

void Session::start_payload() {
    if (std::exchange(payload_started_, true)) return;
    if (secure_) secure_->start(net::now());
    if (dtls_) dtls_->start(net::now());
    if (!secure_ && !dtls_) {
        max_datagram_ = kPlainDatagram;
        timings_.connected = elapsed();
        connect_timer_.stop();
        set_state(PeerState::Connected);
        return;
    }
    pump();
}

void Session::handle_datagram(ByteView datagram) {
    if (over()) return;
    bytes_received_ += datagram.size();
    if (secure_) {
        secure_->handle_datagram(net::now(), datagram);
        pump();
    } else if (dtls_) {
        dtls_->handle_datagram(net::now(), datagram);
        pump();
    } else if (options_.payload == PeerPayload::UnsafeDatagrams) {
        const auto self = shared_from_this();
        const auto handlers = this->handlers();
        if (state_ == PeerState::Connected && handlers->on_datagram) {
            handlers->on_datagram(datagram);
        }
    } else if (early_datagrams_.size() < kMaxEarly) {
        early_datagrams_.emplace_back(datagram.begin(), datagram.end());
    }
}

void Session::transmit(ByteView datagram) {
    if (!active_) {
        if (unsent_.size() < kMaxEarly) unsent_.emplace_back(datagram.begin(), datagram.end());
        return;
    }
    if (active_->send(datagram)) bytes_sent_ += datagram.size();
}

void Session::send_outgoing() {
    std::deque<std::vector<std::uint8_t>> batch;
    {
        const std::lock_guard lock(outgoing_mutex_);
        batch.swap(outgoing_);
    }
    if (over()) return;
    for (const auto& datagram : batch) {
        if (dtls_) {
            std::ignore = dtls_->send(datagram);
            while (auto record = dtls_->poll_transmit()) transmit(*record);
        } else {
            transmit(datagram);
        }
    }
}

void Session::post_pump() {
    if (std::exchange(pump_posted_, true)) return;
    loop_.post([self = shared_from_this()] {
        self->pump_posted_ = false;
        self->pump();
    });
}

// Moves everything that can move. Events' handlers only post pumps, so this never nests.
void Session::pump() {
    if (over()) return;
    const auto self = shared_from_this();
    if (secure_) {
        secure_->flush(net::now());
        while (auto datagram = secure_->poll_transmit()) transmit(*datagram);
        note_progress();
        while (!over()) {
            auto event = secure_->channels().poll_event();
            if (!event) break;
            handle_event(*std::move(event));
        }
        if (over()) return;
        for (const auto& [id, channel] : channels_) {
            channel->set_buffered(secure_->channels().buffered_amount(id));
        }
        note_end();
    } else if (dtls_) {
        while (auto datagram = dtls_->poll_transmit()) transmit(*datagram);
        note_progress();
        while (!over()) {
            const auto message = dtls_->poll_received();
            if (!message) break;
            const auto handlers = this->handlers();
            if (handlers->on_datagram) handlers->on_datagram(*message);
        }
        if (!over()) note_end();
    }
    if (over()) return;
    const auto deadline = secure_ ? secure_->deadline() : dtls_->deadline();
    if (!deadline) {
        payload_timer_.stop();
        return;
    }
    payload_timer_.start_at(*deadline, [this] {
        if (secure_) secure_->handle_timeout(net::now());
        if (dtls_) dtls_->handle_timeout(net::now());
        pump();
    });
}

void Session::note_progress() {
    if (state_ != PeerState::Checking) return;
    using Secure = ice::SecureSession::State;
    using Dtls = ice::DtlsSession::State;
    const bool secured =
        secure_ ? secure_->state() == Secure::Associating || secure_->state() == Secure::Connected
                : dtls_->state() == Dtls::Connected;
    if (secured && !timings_.secured) timings_.secured = elapsed();
    const bool connected = secure_ ? secure_->state() == Secure::Connected : secured;
    if (!connected) return;
    timings_.connected = elapsed();
    if (dtls_) max_datagram_ = dtls_->max_message();
    if (!next_) connect_timer_.stop();
    set_state(PeerState::Connected);
}

void Session::note_end() {
    const auto& error = secure_ ? secure_->error() : dtls_->error();
    const bool failed = secure_ ? secure_->state() == ice::SecureSession::State::Failed
                                : dtls_->state() == ice::DtlsSession::State::Failed;
    const bool closed = secure_ ? secure_->state() == ice::SecureSession::State::Closed
                                : dtls_->state() == ice::DtlsSession::State::Closed;
    if (failed) {
        fail(error.value_or(Error{Errc::Network, "the secure session failed"}));
    } else if (closed) {
        end(PeerState::Closed, std::nullopt);
    }
}

// --- channels

void Session::assign(ChannelState& channel) {
    const auto& options = channel.options();
    ice::ChannelOptions inner;
    inner.open.label = channel.label();
    inner.open.protocol = options.protocol;
    inner.open.ordered = options.ordered;
    if (options.max_retransmits) {
        inner.open.reliability = dcep::Reliability::MaxRetransmits;
        inner.open.reliability_parameter = *options.max_retransmits;
    } else if (options.max_lifetime) {
        inner.open.reliability = dcep::Reliability::MaxLifetime;
        inner.open.reliability_parameter = *options.max_lifetime;
    }
    auto& channels = secure_->channels();
    const auto id = channels.open(net::now(), std::move(inner));
    if (!id) {
        channel.end(id.error());
        return;
    }
    channel.id = *id;
    channels_[*id] = channel.shared_from_this();
    channels.set_half_close(*id, channel.half_close);
    channels.set_low_water(*id, channel.low_water);
    for (auto& message : std::exchange(channel.outbox, {})) {
        std::ignore = channels.send(net::now(), *id, message.data, message.text);
    }
    channel.set_buffered(channels.buffered_amount(*id));
    if (channel.closing) finish(channel, channel.both_ways);
}

void Session::send(ChannelState& channel, ChannelMessage message) {
    if (over() || channel.ended() || channel.closing) return;
    if (channel.id && secure_) {
        auto& channels = secure_->channels();
        std::ignore = channels.send(net::now(), *channel.id, message.data, message.text);
        channel.set_buffered(channels.buffered_amount(*channel.id));
        post_pump();
    } else {
        channel.outbox.push_back(std::move(message));
        channel.set_buffered(0);
    }
}

void Session::finish(ChannelState& channel, bool both_ways) {
    channel.closing = true;
    channel.both_ways = channel.both_ways || both_ways;
    if (over() || channel.ended() || !channel.id || !secure_) return;
    if (both_ways) {
        secure_->channels().close(net::now(), *channel.id);
    } else {
        secure_->channels().finish(net::now(), *channel.id);
    }
    post_pump();
    update_receiving();
}

void Session::set_low_water(const ChannelState& channel) {
    if (secure_ && channel.id && !channel.ended()) {
        secure_->channels().set_low_water(*channel.id, channel.low_water);
    }
}

void Session::set_half_close(const ChannelState& channel) {
    if (secure_ && channel.id && !channel.ended()) {
        secure_->channels().set_half_close(*channel.id, channel.half_close);
    }
}

void Session::update_receiving() {
    if (over() || !secure_) return;
    const bool receiving = std::all_of(channels_.begin(), channels_.end(),
                                       [](const auto& each) { return each.second->wants_more(); });
    if (receiving == receiving_) return;
    receiving_ = receiving;
    secure_->set_receiving(net::now(), receiving);
    post_pump();
}

void Session::handle_event(ice::ChannelEvent event) {
    using Kind = ice::ChannelEvent::Kind;
    if (event.kind == Kind::Incoming) {
        take_incoming(event.channel);
        return;
    }
    const auto found = channels_.find(event.channel);
    if (found == channels_.end()) return;
    const auto channel = found->second;
    if (event.kind == Kind::Closed) {
        channels_.erase(found);
        channel->end(std::nullopt);
    } else {
        channel->set_buffered(secure_->channels().buffered_amount(event.channel));
        channel->deliver(std::move(event));
    }
    update_receiving();
}

void Session::take_incoming(ice::ChannelId id) {
    auto& channels = secure_->channels();
    const auto* inner = channels.options(id);
    const auto handlers = this->handlers();
    if (inner == nullptr) return; // gone again
    if (!handlers->on_channel) {
        channels.close(net::now(), id);
        return;
    }
    const auto& open = inner->open;
    ChannelOptions options;
    options.ordered = open.ordered;
    options.protocol = open.protocol;
    if (open.reliability == dcep::Reliability::MaxRetransmits) {
        options.max_retransmits = open.reliability_parameter;
    } else if (open.reliability == dcep::Reliability::MaxLifetime) {
        options.max_lifetime = open.reliability_parameter;
    }
    auto state = std::make_shared<ChannelState>(weak_from_this(), open.label, std::move(options));
    state->id = id;
    channels_[id] = state;
    handlers->on_channel(Channel(std::move(state)));
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
    loop_.post([secure = std::shared_ptr(std::move(secure_)),
                dtls = std::shared_ptr(std::move(dtls_)),
                watch = std::shared_ptr(std::move(network_watch_))] {});
    for (const auto& [id, channel] : channels) channel->end(error);
    for (const auto& channel : unassigned) channel->end(error);
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
    if (network_note_ && info.notes.size() < kMaxNotes) info.notes.push_back(*network_note_);
    const std::lock_guard lock(mutex_);
    public_info_ = std::move(info);
}

} // namespace natterjack::peer
