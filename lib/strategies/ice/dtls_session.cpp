// SPDX-License-Identifier: MIT
#include "strategies/ice/dtls_session.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <gnutls/dtls.h>

#include "strategies/ice/dtls_credentials.hpp"

namespace natterjack::ice {

namespace {

// GnuTLS's own limit is out of the way: give_up_at_ decides. (0 would mean "at once".)
constexpr unsigned kNoTotalTimeout = 24U * 3600U * 1000U;
constexpr std::size_t kMaxRecord = 16384; // RFC 6347 section 4.1
constexpr std::size_t kMinMtu = 256;      // below it a handshake would take a hundred datagrams

// Content types (RFC 5246 section 6.2.1): change_cipher_spec and handshake.
bool is_handshake(std::uint8_t content_type) {
    return content_type == 20 || content_type == 22;
}

} // namespace

struct DtlsSession::Tls {
    explicit Tls(DtlsSession& session) : owner(session) {}
    ~Tls() {
        if (handle) gnutls_deinit(handle);
    }
    Tls(const Tls&) = delete;
    Tls& operator=(const Tls&) = delete;

    int init();

    static Tls& of(gnutls_transport_ptr_t pointer) { return *static_cast<Tls*>(pointer); }
    static ssize_t push(gnutls_transport_ptr_t pointer, const void* data, std::size_t size);
    static ssize_t pull(gnutls_transport_ptr_t pointer, void* data, std::size_t size);
    static int wait(gnutls_transport_ptr_t pointer, unsigned milliseconds);
    static int verify(gnutls_session_t session);

    DtlsSession& owner;
    gnutls_session_t handle = nullptr;
    ByteView inbox; // the datagram in hand, until GnuTLS takes it
    bool has_input = false;
    bool starved = false;  // GnuTLS asked for more than there is
    bool mismatch = false; // the certificate was not the announced one
};

int DtlsSession::Tls::init() {
    const auto& config = owner.config_;
    const unsigned side = config.role == Role::Client ? GNUTLS_CLIENT : GNUTLS_SERVER;
    const unsigned flags =
        side | GNUTLS_DATAGRAM | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS;
    const auto& credentials = owner.certificate_->credentials();
    if (const int rc = gnutls_init(&handle, flags); rc < 0) return rc;
    if (const int rc = gnutls_priority_set(handle, credentials.priorities); rc < 0) return rc;
    if (const int rc =
            gnutls_credentials_set(handle, GNUTLS_CRD_CERTIFICATE, credentials.credentials);
        rc < 0) {
        return rc;
    }
    // Nothing here is SRTP. But browsers always negotiate it (RFC 5764 section 4.1.1), and Pion
    // ends the handshake with whom does not.
    if (const int rc = gnutls_srtp_set_profile(handle, GNUTLS_SRTP_AES128_CM_HMAC_SHA1_80);
        rc < 0) {
        return rc;
    }
    if (config.role == Role::Server) {
        gnutls_certificate_server_set_request(handle, GNUTLS_CERT_REQUIRE);
    }
    gnutls_session_set_ptr(handle, this);
    gnutls_session_set_verify_function(handle, &Tls::verify);
    gnutls_transport_set_ptr(handle, this);
    gnutls_transport_set_push_function(handle, &Tls::push);
    gnutls_transport_set_pull_function(handle, &Tls::pull);
    gnutls_transport_set_pull_timeout_function(handle, &Tls::wait);
    gnutls_dtls_set_mtu(handle, static_cast<unsigned>(config.mtu));
    gnutls_dtls_set_timeouts(handle, static_cast<unsigned>(config.retransmit.count()),
                             kNoTotalTimeout);
    return 0;
}

// GnuTLS pushes record by record. Those of one flight are put together in as few datagrams as the
// MTU allows (RFC 6347 section 4.1.1): fewer packets, fewer losses. Application data stays apart.
ssize_t DtlsSession::Tls::push(gnutls_transport_ptr_t pointer, const void* data, std::size_t size) {
    auto& owner = of(pointer).owner;
    const auto* const bytes = static_cast<const std::uint8_t*>(data);
    auto& outbox = owner.outbox_;
    const bool joins = size > 0 && is_handshake(bytes[0]) && !outbox.empty() &&
                       is_handshake(outbox.back().front()) &&
                       outbox.back().size() + size <= owner.config_.mtu;
    if (!joins) outbox.emplace_back();
    outbox.back().insert(outbox.back().end(), bytes, bytes + size);
    return static_cast<ssize_t>(size);
}

ssize_t DtlsSession::Tls::pull(gnutls_transport_ptr_t pointer, void* data, std::size_t size) {
    auto& tls = of(pointer);
    if (!tls.has_input) {
        tls.starved = true;
        gnutls_transport_set_errno(tls.handle, EAGAIN);
        return -1;
    }
    const auto count = std::min(size, tls.inbox.size());
    if (count > 0) std::memcpy(data, tls.inbox.data(), count);
    tls.has_input = false;
    tls.inbox = {};
    return static_cast<ssize_t>(count);
}

int DtlsSession::Tls::wait(gnutls_transport_ptr_t pointer, unsigned /*milliseconds*/) {
    auto& tls = of(pointer);
    tls.starved = !tls.has_input;
    return tls.has_input ? 1 : 0;
}

int DtlsSession::Tls::verify(gnutls_session_t session) {
    auto& tls = *static_cast<Tls*>(gnutls_session_get_ptr(session));
    unsigned count = 0;
    const auto* const chain = gnutls_certificate_get_peers(session, &count);
    // RFC 8122 section 5: the strongest hash decides, and any fingerprint by it.
    const auto& announced = tls.owner.config_.remote;
    const auto strongest =
        std::max_element(announced.begin(), announced.end(),
                         [](const auto& a, const auto& b) { return a.hash < b.hash; });
    const auto shown = count > 0 ? fingerprint_of(chain[0], strongest->hash) : std::nullopt;
    const bool known =
        shown && std::find(announced.begin(), announced.end(), *shown) != announced.end();
    tls.mismatch = !known;
    return known ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

DtlsSession::DtlsSession(std::shared_ptr<const DtlsCertificate> certificate, Config config)
    : certificate_(std::move(certificate)), config_(std::move(config)) {
}

DtlsSession::~DtlsSession() = default;

Result<std::unique_ptr<DtlsSession>>
DtlsSession::create(std::shared_ptr<const DtlsCertificate> certificate, Config config) {
    if (config.remote.empty() || config.mtu < kMinMtu) {
        return Error{Errc::InvalidArgument, "DTLS needs the peer's fingerprint and an MTU of " +
                                                std::to_string(kMinMtu) + " bytes or more"};
    }
    std::unique_ptr<DtlsSession> out(new DtlsSession(std::move(certificate), std::move(config)));
    out->tls_ = std::make_unique<Tls>(*out);
    if (const int rc = out->tls_->init(); rc < 0) {
        return Error{Errc::Unsupported, std::string("setting up DTLS: ") + gnutls_strerror(rc), rc};
    }
    return out;
}

void DtlsSession::start(TimePoint now) {
    if (give_up_at_) return;
    give_up_at_ = now + config_.handshake_timeout;
    deadline_ = give_up_at_;
    // A server has nothing to do before the ClientHello.
    if (config_.role == Role::Client) advance_handshake(now);
}

void DtlsSession::handle_datagram(TimePoint now, ByteView datagram) {
    if (state_ == State::Closed || state_ == State::Failed || datagram.empty()) return;
    if (!give_up_at_ && config_.role == Role::Client) return; // nothing was asked yet
    start(now);                                               // a browser may be ready before us
    tls_->inbox = datagram;
    tls_->has_input = true;
    if (state_ == State::Handshaking) advance_handshake(now);
    if (state_ == State::Connected) read_records();
    tls_->has_input = false;
    tls_->inbox = {};
}

void DtlsSession::handle_timeout(TimePoint now) {
    if (state_ != State::Handshaking) return;
    if (now >= *give_up_at_) {
        fail({Errc::Timeout, "DTLS handshake: the peer did not answer in " +
                                 std::to_string(config_.handshake_timeout.count()) + " ms"});
        return;
    }
    advance_handshake(now);
}

void DtlsSession::advance_handshake(TimePoint now) {
    int rc = GNUTLS_E_AGAIN;
    tls_->starved = false;
    do {
        rc = gnutls_handshake(tls_->handle);
    } while (rc < 0 && gnutls_error_is_fatal(rc) == 0 && !tls_->starved);
    if (rc == 0) {
        state_ = State::Connected;
        deadline_.reset();
        return;
    }
    if (gnutls_error_is_fatal(rc) != 0) {
        fail_from(rc);
        return;
    }
    // At least a millisecond, so that a clock that lags behind GnuTLS's makes no busy loop.
    const Duration repeat{std::max(1U, gnutls_dtls_get_timeout(tls_->handle))};
    deadline_ = std::min(*give_up_at_, now + repeat);
}

void DtlsSession::read_records() {
    std::array<std::uint8_t, kMaxRecord> buffer; // NOLINT(*member-init): filled before it is read
    // One datagram may hold several records, which GnuTLS hands out one by one.
    tls_->starved = false;
    while (!tls_->starved) {
        const auto rc = gnutls_record_recv(tls_->handle, buffer.data(), buffer.size());
        if (rc > 0) {
            received_.emplace_back(buffer.begin(), buffer.begin() + rc);
        } else if (rc == 0) {
            state_ = State::Closed;
            return;
        } else if (rc == GNUTLS_E_REHANDSHAKE) {
            // RFC 8827 section 6.5: renegotiation has no place here.
            gnutls_alert_send(tls_->handle, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
        } else if (gnutls_error_is_fatal(static_cast<int>(rc)) != 0) {
            fail_from(static_cast<int>(rc));
            return;
        }
    }
}

std::optional<std::vector<std::uint8_t>> DtlsSession::poll_transmit() {
    if (outbox_.empty()) return std::nullopt;
    auto out = std::move(outbox_.front());
    outbox_.pop_front();
    return out;
}

std::optional<std::vector<std::uint8_t>> DtlsSession::poll_received() {
    if (received_.empty()) return std::nullopt;
    auto out = std::move(received_.front());
    received_.pop_front();
    return out;
}

Result<void> DtlsSession::send(ByteView message) {
    if (state_ != State::Connected) {
        return Error{Errc::InvalidArgument, "DTLS session is not connected"};
    }
    if (message.size() > max_message()) {
        return Error{Errc::TooLarge, "message of " + std::to_string(message.size()) +
                                         " bytes: a datagram takes " +
                                         std::to_string(max_message())};
    }
    const auto rc = gnutls_record_send(tls_->handle, message.data(), message.size());
    if (rc < 0) {
        fail_from(static_cast<int>(rc));
        return *error_;
    }
    return {};
}

std::size_t DtlsSession::max_message() const {
    return state_ == State::Connected ? gnutls_dtls_get_data_mtu(tls_->handle) : 0;
}

void DtlsSession::close() {
    if (state_ == State::Connected) gnutls_bye(tls_->handle, GNUTLS_SHUT_WR);
    if (state_ == State::Connected || state_ == State::Handshaking) state_ = State::Closed;
    deadline_.reset();
}

void DtlsSession::fail(Error error) {
    state_ = State::Failed;
    deadline_.reset();
    error_ = std::move(error);
}

namespace {

/// In quotes, or the number of what has no name.
std::string alert_name(int alert) {
    if (alert > GNUTLS_A_NO_APPLICATION_PROTOCOL) return std::to_string(alert); // the last one
    const char* name = gnutls_alert_get_name(static_cast<gnutls_alert_description_t>(alert));
    return name != nullptr ? '"' + std::string(name) + '"' : std::to_string(alert);
}

} // namespace

void DtlsSession::fail_from(int rc) {
    if (rc == GNUTLS_E_FATAL_ALERT_RECEIVED) {
        // A number: the peer may send one that is no value of GnuTLS's enumeration.
        const auto alert = static_cast<int>(gnutls_alert_get(tls_->handle));
        fail({Errc::Refused,
              "the peer ended DTLS with the alert " + alert_name(alert) +
                  "; it may have another fingerprint of us",
              alert});
        return;
    }
    // Tell the peer why; what GnuTLS has no alert for is sent as internal_error.
    gnutls_alert_send_appropriate(tls_->handle, rc);
    if (tls_->mismatch) {
        fail({Errc::Mismatch,
              "the peer's certificate does not match the fingerprint that came with the "
              "signalling: somebody may stand in between",
              rc});
        return;
    }
    fail({Errc::Malformed, std::string("DTLS: ") + gnutls_strerror(rc), rc});
}

} // namespace natterjack::ice
