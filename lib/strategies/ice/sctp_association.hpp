// SPDX-License-Identifier: MIT
/// \file
/// \brief One SCTP association over any path of datagrams (RFC 9260, RFC 8261). Sans-IO, over
/// usrsctp.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include <natterjack/result.hpp>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "wire/dcep.hpp"

struct socket; // usrsctp's, not the system's

namespace natterjack::ice {

/// An association that both sides start at once, as WebRTC does (RFC 8841 section 9.3).
///
///     start(now) -> { handle_datagram(now, ...) | handle_timeout(now) | send(now, ...) }*
///
/// The caller drains poll_transmit() and poll_event() after every call and calls handle_timeout()
/// at deadline(). usrsctp runs without threads; its timers go by \a now in steps of 10 ms. Round
/// trips and lifetimes of messages it measures with gettimeofday(), which it offers no way to
/// replace: a step of the wall clock can make one retransmission, or a message's end, early or
/// late.
///
/// Bound to one thread, but associations on several threads may exist. Never calls back.
class SctpAssociation {
public:
    enum class State : std::uint8_t { Connecting, Connected, Closed, Failed };

    struct Config {
        std::uint16_t local_port = 5000; ///< a=sctp-port of our description.
        std::uint16_t remote_port = 5000;
        std::size_t mtu = 1163; ///< Longest packet, in bytes: DtlsSession::max_message().
        /// Streams that we ask for. Each costs about 90 bytes on this side and 40 on the other.
        std::uint16_t outgoing_streams = 256;
        std::uint16_t max_incoming_streams = 1024;         ///< As many as Chrome asks for.
        std::size_t max_message = std::size_t{256} * 1024; ///< Longest that is received, in bytes.
    };

    /// How a message travels.
    struct Delivery {
        std::uint16_t stream = 0;
        std::uint32_t ppid = 0; ///< Payload protocol identifier (RFC 8831 section 8).
        bool ordered = true;
        dcep::Reliability reliability = dcep::Reliability::Reliable;
        std::uint32_t reliability_parameter = 0; ///< Retransmissions, or milliseconds.
    };

    struct Message {
        std::uint16_t stream = 0;
        std::uint32_t ppid = 0;
        std::vector<std::uint8_t> data;
    };
    /// Streams whose one direction ended (RFC 6525). All messages sent before have come before.
    struct StreamReset {
        enum class Direction : std::uint8_t {
            Incoming, ///< The peer will send no more on them.
            Outgoing, ///< The peer knows that we will send no more.
            Denied    ///< The peer did not let us reset ours.
        };
        Direction direction = Direction::Incoming;
        std::vector<std::uint16_t> streams; ///< Empty: all.
    };
    using Event = std::variant<Message, StreamReset>;

    /// Errors: Errc::Unsupported when usrsctp refuses (detail: its errno).
    [[nodiscard]] static Result<std::unique_ptr<SctpAssociation>> create(const Config& config);
    ~SctpAssociation();
    SctpAssociation(const SctpAssociation&) = delete;
    SctpAssociation& operator=(const SctpAssociation&) = delete;

    void start(TimePoint now);
    /// \a packet has been authenticated by the layer below: its checksum is not looked at.
    void handle_datagram(TimePoint now, ByteView packet);
    void handle_timeout(TimePoint now);
    /// Every 10 ms while anything is under way, else every second; empty when over.
    [[nodiscard]] std::optional<TimePoint> deadline() const;

    [[nodiscard]] std::optional<std::vector<std::uint8_t>> poll_transmit();
    [[nodiscard]] std::optional<Event> poll_event();

    /// Hands \a message, which must not be empty, to SCTP as a whole or not at all. False: its
    /// buffer of 1 MiB is full; try again after the next datagram or timeout.
    /// \retval Errc::InvalidArgument  not may_send(), or no such stream
    Result<bool> send(TimePoint now, const Delivery& delivery, ByteView message);
    /// Ends our direction of \a stream after what was sent on it. Answered by an event.
    /// \retval Errc::Unsupported  the peer cannot reset streams
    Result<void> reset_stream(TimePoint now, std::uint16_t stream);
    /// Whether messages are taken from SCTP. While not, they fill its receive buffer of 2 MiB and
    /// then the peer has to wait; events of streams wait with them.
    void set_receiving(TimePoint now, bool receiving);

    /// Asks the peer for a sign of life (HEARTBEAT, RFC 9260 section 8.3); when connected.
    void demand_heartbeat(TimePoint now);

    /// Tells the peer (ABORT) and ends it. What was not delivered is lost.
    void close(TimePoint now);

    [[nodiscard]] State state() const { return state_; }
    [[nodiscard]] const std::optional<Error>& error() const { return error_; }
    /// Whether send() takes messages: from start() to the end. What comes before the association is
    /// up travels with its COOKIE ECHO (RFC 9260 section 5.1), a round trip earlier than after it.
    [[nodiscard]] bool may_send() const {
        return state_ == State::Connected || (state_ == State::Connecting && started_);
    }
    /// Channels are possible on streams below this number. Before Connected it is what we ask for;
    /// the peer may grant less.
    [[nodiscard]] std::uint16_t stream_count() const {
        return state_ == State::Connecting ? config_.outgoing_streams : streams_;
    }

    /// For SctpStack only.
    void take_output(ByteView packet);

private:
    explicit SctpAssociation(const Config& config);
    int set_up_socket();
    void receive();
    void take_piece(ByteView piece, int flags, std::uint16_t stream, std::uint32_t ppid);
    void take_notification(ByteView bytes);
    void take_association_change(ByteView bytes);
    void take_loss(int cause);
    void take_stream_reset(ByteView bytes);
    void end(State state, std::optional<Error> error);
    [[nodiscard]] bool is_busy() const;

    Config config_;
    std::uintptr_t address_ = 0;
    struct socket* socket_ = nullptr;
    State state_ = State::Connecting;
    bool started_ = false;
    std::optional<Error> error_;
    std::uint16_t streams_ = 0;
    bool receiving_ = true;
    bool by_packet_ = false; // what happens now is a packet's doing, not a timer's
    bool all_acknowledged_ = true;
    std::size_t resets_under_way_ = 0;
    TimePoint now_{};                                            // of the last call
    TimePoint last_input_{};                                     // of the last packet
    std::map<std::uint16_t, std::vector<std::uint8_t>> partial_; // by stream, not yet whole
    std::size_t partial_size_ = 0;
    std::vector<std::uint8_t> partial_notification_;
    std::deque<std::vector<std::uint8_t>> outbox_;
    std::deque<std::optional<Event>> events_; // never empty ones
};

} // namespace natterjack::ice
