// SPDX-License-Identifier: MIT
/// \file
/// \brief A session with a peer that was invited: ICE finds the way, DTLS guards it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <natterjack/channel.hpp>
#include <natterjack/export.hpp>
#include <natterjack/loop.hpp>
#include <natterjack/peer_info.hpp>
#include <natterjack/result.hpp>
#include <natterjack/traversal.hpp>

namespace natterjack {

/// Who speaks first. One side is the one, the other the other.
enum class PeerRole : std::uint8_t { Offer, Answer };

/// What runs over the path. Both sides must be told the same: descriptions do not say it.
enum class PeerPayload : std::uint8_t {
    Channels,        ///< Data channels over SCTP over DTLS, as browsers do.
    SecureDatagrams, ///< One unreliable channel of datagrams over DTLS.
    UnsafeDatagrams  ///< Datagrams as they are: not encrypted, and anybody on the path can forge.
};

/// What a session is like; fixed for its life.
struct PeerOptions {
    PeerRole role = PeerRole::Offer;
    PeerPayload payload = PeerPayload::Channels;
    /// "HOST:PORT" or "HOST" (port 3478), at most 8. An IPv6 address stands in brackets. Empty: the
    /// first 8 of the user's or the system's `servers.conf`, if there is one; as below.
    std::vector<std::string> stun_servers{};
    /// "turn:USER:PASSWORD@HOST:PORT?transport=udp|tcp", at most 8; the port is 3478 and the
    /// transport udp unless said. '%' quotes bytes as in URLs.
    std::vector<std::string> turn_servers{};
    bool map = true;             ///< Ask the gateways to map the session's port.
    bool relay_only = false;     ///< Show the peer nothing but the relay's address.
    NetworkChoice network{};     ///< Which interface or own address to use; empty: all.
    bool ipv6 = true;            ///< Use IPv6 addresses besides IPv4.
    bool allow_loopback = false; ///< Use 127.0.0.1 and ::1, and let the peer name them.
    /// Candidates follow the description as they are found. False: the description waits for them,
    /// at most \a gathering_limit, and is all that is sent (for pasting).
    bool trickle = true;
    std::chrono::milliseconds gathering_limit{1500}; ///< 1 ms to 10 minutes.
    /// From the remote description to a usable path; then the session has failed. 1 ms to 10
    /// minutes.
    std::chrono::milliseconds connect_limit{8000};
    /// A path that carried nothing from the peer for so long has failed. 5 s to 10 minutes.
    std::chrono::milliseconds silence_limit{12'000};
    /// Restart ICE when the host's addresses change or the path fails. The signalling must then
    /// outlive the connecting.
    bool restart = true;
};

/// Called on the loop, one at a time; each may be empty but `send`. The session may be destroyed
/// inside each.
struct PeerHandlers {
    /// Carry this line (JSON, without line end) to the peer, whose session gets it by receive().
    /// In order, and each once.
    std::function<void(const std::string& line)> send{};
    /// The state changed. \a info.error says why, for Failed and Closed.
    std::function<void(PeerState state, const PeerInfo& info)> on_state{};
    /// The path changed: chosen for the first time, upgraded, or after a restart.
    std::function<void(const PeerInfo& info)> on_path{};
    /// The peer opened a channel. Empty: such channels are closed.
    std::function<void(Channel channel)> on_channel{};
    /// A datagram came (not with PeerPayload::Channels). Valid during the call.
    std::function<void(std::span<const std::uint8_t> datagram)> on_datagram{};
};

namespace peer {
class Session;
} // namespace peer

/// Owns a session: destroying it tells the peer and closes it. Move-only.
///
///     auto session = PeerSession::create(loop, options, {.send = ..., .on_state = ...});
///     ... session->receive(line) for each line that the peer's `send` gave ...
///
/// All calls may come from any thread. After destruction on the loop's thread no handler is called;
/// from another thread one may be running at that moment.
class NATTERJACK_API PeerSession {
public:
    /// Starts at once: the first event comes soon, never before this returns.
    /// \retval Errc::InvalidArgument  a malformed server, no `send`, a limit out of its range
    /// \retval Errc::Malformed, Errc::TooLarge  `servers.conf` cannot be read; the message says why
    /// \retval Errc::Unsupported      a `turns:` server: TURN over TLS is not there; or this GnuTLS
    ///                                cannot make a certificate
    [[nodiscard]] static Result<PeerSession> create(const Loop& loop, PeerOptions options,
                                                    PeerHandlers handlers);
    /// The session of an `ice` opening (make_chain_with_ice()), once: it begins to signal, and from
    /// now on lives on its own, whatever becomes of the opening.
    /// \retval Errc::InvalidArgument  no `send`, or the opening carries no session (any more)
    [[nodiscard]] static Result<PeerSession> take(Opening& opening, PeerHandlers handlers);
    PeerSession(PeerSession&& other) noexcept;
    PeerSession& operator=(PeerSession&& other) noexcept;
    ~PeerSession();

    /// A line of the peer's: an offer, an answer, a candidate or the end of candidates, in the
    /// order sent. What is malformed, or does not belong here, is refused and changes nothing.
    /// \retval Errc::Malformed, Errc::TooLarge, Errc::Unsupported  cannot be read
    /// Whatever else is wrong with a description (no fingerprint, an answer to an answer) comes as
    /// state Failed while the session has none yet, else it is ignored.
    Result<void> receive(std::string_view line);

    /// Opens a channel; it may be used at once. Only with PeerPayload::Channels.
    /// \retval Errc::InvalidArgument  label or protocol too long (4096 bytes), both bounds of
    ///                                ChannelOptions, no such number, another payload, or the
    ///                                session is over. An agreed number that is taken ends the
    ///                                channel with the same, by Channel::on_closed()
    [[nodiscard]] Result<Channel> open_channel(std::string label,
                                               const ChannelOptions& options = {});

    /// Sends a datagram, when connected; like UDP, it may be lost. Not with PeerPayload::Channels.
    /// \retval Errc::InvalidArgument  not connected, or the payload is channels
    /// \retval Errc::TooLarge         longer than max_datagram()
    Result<void> send_datagram(std::span<const std::uint8_t> datagram);
    /// In bytes; 0 until connected.
    [[nodiscard]] std::size_t max_datagram() const;

    /// Looks for the way anew, with fresh candidates (RFC 8445 section 9). The old path is used
    /// until the new one stands. Nothing happens before the session has a remote description.
    void restart();
    /// Tells the peer and ends the session: state Closed follows. What a channel still holds is
    /// lost: close the channel, and wait for its on_closed(), where that matters.
    void close();

    /// A copy of what is known now.
    [[nodiscard]] PeerInfo info() const;

private:
    explicit PeerSession(std::shared_ptr<peer::Session> session);
    std::shared_ptr<peer::Session> session_;
};

/// The chain with `ice` as its last stage. Where nothing maps the port for anyone, the opening then
/// has reach `invited-peer` (or `relayed`) and carries a session: take it, and exchange its lines
/// with the peer's session.
///
/// \a session: what that is like; its payload is Channels for a TCP request, whose connection a
/// reliable channel carries. What it does not name comes from the request (network, STUN servers)
/// or `servers.conf`. \a only: of available_strategies() and Strategy::Ice; empty: all.
///
/// An opening by another strategy carries none; PeerSession::create() makes one at any time.
[[nodiscard]] NATTERJACK_API std::unique_ptr<Traversal>
make_chain_with_ice(const Loop& loop, PeerOptions session, std::vector<Strategy> only = {});

} // namespace natterjack
