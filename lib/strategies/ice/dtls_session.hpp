// SPDX-License-Identifier: MIT
/// \file
/// \brief DTLS 1.2 over any path of datagrams (RFC 6347, RFC 8842). Sans-IO, over GnuTLS.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include <natterjack/result.hpp>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "strategies/ice/dtls_certificate.hpp"

namespace natterjack::ice {

/// One DTLS association, from the first flight to close_notify. Both sides show a certificate, and
/// each must match a fingerprint that came with the signalling.
///
///     start(now) -> { handle_datagram(now, ...) | handle_timeout(now) | send(...) }*
///
/// The caller drains poll_transmit() and poll_received() after every call and calls
/// handle_timeout() at deadline(). Datagrams that are not DTLS, or do not authenticate, are
/// ignored. Before the keys are agreed nothing can be authenticated: then a forged alert can end
/// the attempt (RFC 6347 section 4.1.2.7), which the path below (ICE) must keep strangers from.
///
/// Time: \a now decides when the whole handshake is given up. When a flight is repeated GnuTLS
/// decides by CLOCK_REALTIME, which it offers no way to replace: a step of the wall clock during a
/// handshake makes one repetition early or late, nothing else. After the handshake no clock is
/// read.
///
/// Bound to one thread; never calls back into the caller.
class DtlsSession {
public:
    enum class Role : std::uint8_t { Client, Server }; ///< Client: a=setup:active.
    enum class State : std::uint8_t { Handshaking, Connected, Closed, Failed };

    struct Config {
        Role role = Role::Client;
        /// The peer's certificate must match any of those with the strongest hash.
        std::vector<sdp::Fingerprint> remote;
        /// Largest datagram that is sent, in bytes. 1200 passes every IPv6 path (RFC 8261 section
        /// 5), relayed ones included.
        std::size_t mtu = 1200;
        /// Until a flight is repeated for the first time; then doubling. Well above the round trip.
        Duration retransmit{250};
        Duration handshake_timeout{30'000};
    };

    /// Errors: Errc::InvalidArgument without a fingerprint; Errc::Unsupported when GnuTLS refuses
    /// (detail: its code).
    [[nodiscard]] static Result<std::unique_ptr<DtlsSession>>
    create(std::shared_ptr<const DtlsCertificate> certificate, Config config);
    ~DtlsSession();
    DtlsSession(const DtlsSession&) = delete;
    DtlsSession& operator=(const DtlsSession&) = delete;

    /// A client sends its ClientHello.
    void start(TimePoint now);
    void handle_datagram(TimePoint now, ByteView datagram);
    void handle_timeout(TimePoint now);
    /// When to call handle_timeout(); empty when nothing is waited for.
    [[nodiscard]] std::optional<TimePoint> deadline() const { return deadline_; }

    /// The next datagram for the peer. Records of one flight share datagrams up to the MTU.
    [[nodiscard]] std::optional<std::vector<std::uint8_t>> poll_transmit();
    /// The next message from the peer, in order of arrival.
    [[nodiscard]] std::optional<std::vector<std::uint8_t>> poll_received();

    /// Encrypts one message into one datagram.
    /// \retval Errc::InvalidArgument  not connected
    /// \retval Errc::TooLarge         longer than max_message()
    Result<void> send(ByteView message);
    /// Longest message that send() takes, in bytes: the MTU less DTLS's own 37 (with GCM). 0 before
    /// the session is connected.
    [[nodiscard]] std::size_t max_message() const;

    /// Tells the peer (close_notify) and ends the session.
    void close();

    [[nodiscard]] State state() const { return state_; }
    /// Why, when failed. Errc::Mismatch: the certificate is not the one that the signalling
    /// announced; Errc::Timeout: no answer; Errc::Refused: the peer's alert (detail: its number).
    [[nodiscard]] const std::optional<Error>& error() const { return error_; }

private:
    struct Tls; // the GnuTLS session and its callbacks

    DtlsSession(std::shared_ptr<const DtlsCertificate> certificate, Config config);
    void advance_handshake(TimePoint now);
    void read_records();
    void fail(Error error);
    void fail_from(int rc);

    std::shared_ptr<const DtlsCertificate> certificate_;
    Config config_;
    State state_ = State::Handshaking;
    std::optional<Error> error_;
    std::optional<TimePoint> deadline_;
    std::optional<TimePoint> give_up_at_; // none: not started
    std::deque<std::vector<std::uint8_t>> outbox_;
    std::deque<std::vector<std::uint8_t>> received_;
    std::unique_ptr<Tls> tls_; // last: its callbacks see the members above
};

} // namespace natterjack::ice
