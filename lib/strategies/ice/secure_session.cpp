// SPDX-License-Identifier: MIT
#include "strategies/ice/secure_session.hpp"

#include <algorithm>
#include <tuple>

namespace natterjack::ice {

namespace {

// Header, explicit nonce and tag of a GCM record: the most that the ciphers which we offer add
// (RFC 6347 section 4.1, RFC 5288 section 3).
constexpr std::size_t kDtlsOverhead = 13 + 8 + 16;

// RFC 8842 section 5.2: "active" sends the ClientHello.
std::optional<DtlsSession::Role> role_of(const sdp::Description& local,
                                         const sdp::Description& remote) {
    using sdp::Setup;
    if (local.setup == Setup::ActPass && remote.setup == Setup::ActPass) return std::nullopt;
    if (local.setup != Setup::ActPass && local.setup == remote.setup) return std::nullopt;
    const bool client = local.setup == Setup::Active || remote.setup == Setup::Passive;
    return client ? DtlsSession::Role::Client : DtlsSession::Role::Server;
}

} // namespace

Result<std::unique_ptr<SecureSession>>
SecureSession::create(std::shared_ptr<const DtlsCertificate> certificate, Config config) {
    const auto role = role_of(config.local, config.remote);
    if (!role) {
        return Error{Errc::InvalidArgument,
                     "the descriptions do not say which side begins DTLS (a=setup)"};
    }
    config.dtls.role = *role;
    config.dtls.remote = config.remote.fingerprints;
    config.sctp.local_port = config.local.sctp_port;
    config.sctp.remote_port = config.remote.sctp_port;
    if (config.local.max_message_size != 0) {
        config.sctp.max_message = static_cast<std::size_t>(config.local.max_message_size);
    }
    std::unique_ptr<SecureSession> out(new SecureSession(std::move(config)));
    auto dtls = DtlsSession::create(std::move(certificate), out->config_.dtls);
    if (!dtls) return dtls.error();
    out->dtls_ = *std::move(dtls);
    out->config_.sctp.mtu = out->config_.dtls.mtu - kDtlsOverhead;
    auto sctp = SctpAssociation::create(out->config_.sctp);
    if (!sctp) return sctp.error();
    out->sctp_ = *std::move(sctp);
    out->channels_ = std::make_unique<DataChannels>(
        *out->sctp_, DataChannels::Config{*role == DtlsSession::Role::Client,
                                          out->config_.remote.max_message_size});
    return out;
}

void SecureSession::start(TimePoint now) {
    dtls_->start(now);
    flush(now);
}

void SecureSession::handle_datagram(TimePoint now, ByteView datagram) {
    dtls_->handle_datagram(now, datagram);
    update(now);
    while (auto packet = dtls_->poll_received()) sctp_->handle_datagram(now, *packet);
    flush(now);
}

void SecureSession::handle_timeout(TimePoint now) {
    if (state_ == State::Handshaking) {
        dtls_->handle_timeout(now);
    } else {
        sctp_->handle_timeout(now);
    }
    flush(now);
}

std::optional<TimePoint> SecureSession::deadline() const {
    switch (state_) {
    case State::Handshaking: return dtls_->deadline();
    case State::Associating:
    case State::Connected: return sctp_->deadline();
    default: return std::nullopt;
    }
}

void SecureSession::flush(TimePoint now) {
    update(now);
    channels_->process(now);
    update(now);
    while (auto packet = sctp_->poll_transmit()) std::ignore = dtls_->send(*packet);
}

void SecureSession::set_receiving(TimePoint now, bool receiving) {
    sctp_->set_receiving(now, receiving);
    flush(now);
}

bool SecureSession::demand_sign_of_life(TimePoint now) {
    if (state_ != State::Connected) return false;
    sctp_->demand_heartbeat(now);
    flush(now);
    return true;
}

void SecureSession::close(TimePoint now) {
    if (state_ == State::Closed || state_ == State::Failed) return;
    state_ = State::Closed;
    sctp_->close(now);
    channels_->process(now);
    while (auto packet = sctp_->poll_transmit()) std::ignore = dtls_->send(*packet);
    dtls_->close();
}

// Follows the layers' states: SCTP begins when DTLS is there; who fails first says why.
void SecureSession::update(TimePoint now) {
    if (state_ == State::Closed || state_ == State::Failed) return;
    if (state_ == State::Handshaking && dtls_->state() == DtlsSession::State::Connected) {
        state_ = State::Associating;
        sctp_->start(now);
    }
    if (state_ == State::Associating && sctp_->state() == SctpAssociation::State::Connected) {
        state_ = State::Connected;
    }
    if (dtls_->state() == DtlsSession::State::Failed) {
        state_ = State::Failed;
        error_ = dtls_->error();
    } else if (sctp_->state() == SctpAssociation::State::Failed) {
        state_ = State::Failed;
        error_ = sctp_->error();
    } else if (dtls_->state() == DtlsSession::State::Closed ||
               sctp_->state() == SctpAssociation::State::Closed) {
        state_ = State::Closed;
    } else {
        return;
    }
    sctp_->close(now);
    channels_->process(now);
}

} // namespace natterjack::ice
