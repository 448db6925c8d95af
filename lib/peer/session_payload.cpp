// SPDX-License-Identifier: MIT
// What runs over the path: DTLS and SCTP, DTLS alone, or datagrams as they are.
#include <algorithm>
#include <deque>
#include <tuple>
#include <utility>

#include "peer/session.hpp"

namespace natterjack::peer {

namespace {

constexpr std::size_t kMaxEarly = 16;        // datagrams before there is somebody to take them
constexpr std::size_t kMaxOutgoing = 1024;   // datagrams of other threads
constexpr std::size_t kPlainDatagram = 1400; // passes Ethernet, with a relay's wrapping

} // namespace

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

Result<void> Session::make_payload() {
    auto local = local_description();
    local.setup = setup_;
    if (options_.payload == PeerPayload::Channels) {
        auto made = ice::SecureSession::create(certificate_, {local, *remote_, {}, {}});
        if (!made) return made.error();
        secure_ = *std::move(made);
        max_message_ = secure_->channels().max_message();
        // The agreed numbers first: the others take what is left.
        auto waiting = std::exchange(unassigned_, {});
        std::stable_partition(waiting.begin(), waiting.end(),
                              [](const auto& each) { return each->options().agreed.has_value(); });
        for (const auto& channel : waiting) assign(*channel);
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
    if (payload_timer_.running() && payload_due_ == *deadline) return; // most datagrams leave it
    payload_due_ = *deadline;
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
        end(PeerState::Closed, Error{Errc::Cancelled, "the peer closed the session"});
    }
}

} // namespace natterjack::peer
