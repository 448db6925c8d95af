// SPDX-License-Identifier: MIT
/// \file
/// \brief What runs over an ICE path: DTLS, SCTP over it, and data channels over that. Sans-IO.
#pragma once

#include <memory>
#include <optional>

#include "strategies/ice/data_channels.hpp"
#include "strategies/ice/dtls_session.hpp"
#include "strategies/ice/sctp_association.hpp"
#include "wire/sdp.hpp"

namespace natterjack::ice {

/// Both ends' part of a session, from the descriptions to messages (RFC 8261, RFC 8831).
///
///     start(now) -> { handle_datagram(now, ...) | handle_timeout(now) | channels().send(...) }*
///
/// After every call, and after calls on channels(): flush(now), then send poll_transmit() to the
/// peer, take channels().poll_event(), and call handle_timeout() at deadline(). Never calls back.
class SecureSession {
public:
    enum class State : std::uint8_t { Handshaking, Associating, Connected, Closed, Failed };

    struct Config {
        sdp::Description local;       ///< With the certificate's fingerprint.
        sdp::Description remote;      ///< As signalled.
        DtlsSession::Config dtls;     ///< Role and fingerprints are taken from the descriptions.
        SctpAssociation::Config sctp; ///< Ports, MTU and largest message likewise.
    };

    /// \retval Errc::InvalidArgument  the descriptions leave open who is the DTLS client
    [[nodiscard]] static Result<std::unique_ptr<SecureSession>>
    create(std::shared_ptr<const DtlsCertificate> certificate, Config config);

    void start(TimePoint now);
    void handle_datagram(TimePoint now, ByteView datagram);
    void handle_timeout(TimePoint now);
    [[nodiscard]] std::optional<TimePoint> deadline() const;
    /// Moves what waits in one layer to the next.
    void flush(TimePoint now);
    [[nodiscard]] std::optional<std::vector<std::uint8_t>> poll_transmit() {
        return dtls_->poll_transmit();
    }

    /// Channels may be made at once; they open when the session is Connected.
    [[nodiscard]] DataChannels& channels() { return *channels_; }
    /// See SctpAssociation::set_receiving().
    void set_receiving(TimePoint now, bool receiving);

    /// Makes the peer send something, if it is there. False: not connected, nothing can be asked.
    bool demand_sign_of_life(TimePoint now);

    /// Tells the peer and ends the session; messages that were not yet delivered are lost. The last
    /// datagrams are in poll_transmit().
    void close(TimePoint now);

    [[nodiscard]] State state() const { return state_; }
    /// Why, when failed.
    [[nodiscard]] const std::optional<Error>& error() const { return error_; }

private:
    explicit SecureSession(Config config) : config_(std::move(config)) {}
    void update(TimePoint now);

    Config config_;
    State state_ = State::Handshaking;
    std::optional<Error> error_;
    std::unique_ptr<DtlsSession> dtls_;
    std::unique_ptr<SctpAssociation> sctp_;
    std::unique_ptr<DataChannels> channels_; // borrows sctp_
};

} // namespace natterjack::ice
