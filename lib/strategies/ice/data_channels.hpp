// SPDX-License-Identifier: MIT
/// \file
/// \brief The data channels of one session (RFC 8831, RFC 8832). Sans-IO, over SctpAssociation.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <natterjack/result.hpp>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "strategies/ice/sctp_association.hpp"
#include "wire/dcep.hpp"

namespace natterjack::ice {

/// The stream that carries a channel, in both directions.
using ChannelId = std::uint16_t;

/// What a channel is like; fixed for its life.
struct ChannelOptions {
    dcep::Open open; ///< Label, protocol, order and reliability, as the peer learns them.
    /// Both sides make the channel with this number, and nothing is said about it on the wire
    /// ("negotiated" of a browser).
    std::optional<ChannelId> agreed;
};

/// What happened to a channel.
struct ChannelEvent {
    enum class Kind : std::uint8_t {
        Incoming, ///< The peer made it; see DataChannels::options(). Messages may be sent.
        Open,     ///< The peer knows the channel that we made; an agreed one: it can carry.
        Message,  ///< \a data; \a text when sent as UTF-8, which is not verified.
        PeerDone, ///< The peer will send no more; see DataChannels::set_half_close().
        Closed,   ///< Gone, both ways. The number may be used again.
        /// Gone before it began, with what was sent on it: the connection has fewer channels than
        /// its number.
        Impossible
    };
    Kind kind = Kind::Message;
    ChannelId channel = 0;
    bool text = false;
    std::vector<std::uint8_t> data;
};

/// Messages on any number of channels, each with its own order and reliability.
///
/// Calls that may send take \a now. The owner calls process() whenever the association was given a
/// datagram or a timeout, and drains poll_event() after every call. Bound to one thread; never
/// calls back.
///
/// Closing (RFC 8831 section 6.7): each direction is ended by itself, after all that was sent on it
/// has been delivered. close() ends ours and the peer, as browsers do, ends its own in answer. For
/// a pipe with half-closing see set_half_close().
class DataChannels {
public:
    /// What may wait in a channel, in bytes (browsers have the same bound).
    static constexpr std::size_t kMaxBuffered = std::size_t{16} * 1024 * 1024;

    struct Config {
        bool dtls_client = true; ///< Decides who uses even numbers (RFC 8832 section 6).
        /// The peer's a=max-message-size, in bytes; 0: any.
        std::uint64_t remote_max_message = 65536;
    };

    /// \a association must outlive this.
    DataChannels(SctpAssociation& association, const Config& config);

    /// Makes a channel. May be called, and messages may be sent, before the association is up.
    /// \retval Errc::InvalidArgument  \a agreed is taken or more than there are, label or protocol
    ///                                are too long, or the association is over
    /// \retval Errc::TooLarge         all numbers are in use
    Result<ChannelId> open(TimePoint now, ChannelOptions options);

    /// Takes a message as a whole; empty ones are fine.
    /// \retval Errc::InvalidArgument  no such channel, or our direction has been ended
    /// \retval Errc::TooLarge         longer than max_message(); or kMaxBuffered is reached: wait
    ///                                until buffered_amount() is less
    Result<void> send(TimePoint now, ChannelId channel, ByteView message, bool text = false);
    /// Longest message that send() takes, in bytes: 256 KiB, or less where the peer says so.
    [[nodiscard]] std::size_t max_message() const { return max_message_; }

    /// Ends our direction after what has been sent; what the peer sends still comes.
    void finish(TimePoint now, ChannelId channel);
    /// Ends our direction after what has been sent, and drops what the peer still sends.
    void close(TimePoint now, ChannelId channel);
    /// Whether a channel stays open for sending when the peer is done (PeerDone). Off, as for
    /// browsers: our direction is then ended, too. On both sides it makes a channel a pipe, as
    /// shutdown(SHUT_WR) does for TCP.
    void set_half_close(ChannelId channel, bool on);

    /// Bytes that send() took and SCTP did not yet; SCTP itself holds up to 1 MiB more for all
    /// channels together.
    [[nodiscard]] std::size_t buffered_amount(ChannelId channel) const;

    /// Null when there is no such channel.
    [[nodiscard]] const ChannelOptions* options(ChannelId channel) const;
    [[nodiscard]] std::size_t size() const { return channels_.size(); }

    /// Takes what the association received, and gives it what waits.
    void process(TimePoint now);
    [[nodiscard]] std::optional<ChannelEvent> poll_event();

private:
    struct Outgoing {
        std::uint32_t ppid = 0;
        std::vector<std::uint8_t> data;
        std::size_t counted = 0; // of buffered_amount; 0 for what DCEP sends
    };
    struct Channel {
        ChannelOptions options;
        std::deque<Outgoing> queue;
        std::size_t buffered = 0;
        bool acknowledged = false; // the peer knows it: order may now be given up
        bool half_close = false;
        bool finishing = false; // ours ends once the queue is empty
        bool reset_sent = false;
        bool ours_ended = false;
        bool theirs_ended = false;
        bool muted = false;      // close() was called: what comes is dropped
        bool impossible = false; // see ChannelEvent
    };

    [[nodiscard]] bool is_taken(ChannelId id) const;
    [[nodiscard]] std::optional<ChannelId> free_id() const;
    Channel& add(ChannelId id, ChannelOptions options);
    void begin();
    void handle(TimePoint now, SctpAssociation::Message& message);
    void handle(TimePoint now, const SctpAssociation::StreamReset& reset);
    void handle_dcep(TimePoint now, const SctpAssociation::Message& message);
    void handle_reset(TimePoint now, ChannelId id, SctpAssociation::StreamReset::Direction how);
    void flush(TimePoint now);
    bool flush(TimePoint now, ChannelId id, Channel& channel);
    void end_ours(TimePoint now, ChannelId id, Channel& channel);
    void drop_ended();
    void emit(ChannelEvent::Kind kind, ChannelId id);

    SctpAssociation& association_;
    Config config_;
    std::size_t max_message_;
    ChannelId next_served_ = 0;
    bool up_ = false; // the association is, or was
    bool over_ = false;
    std::map<ChannelId, Channel> channels_;
    std::deque<ChannelEvent> events_;
};

} // namespace natterjack::ice
