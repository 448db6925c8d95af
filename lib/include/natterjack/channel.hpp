// SPDX-License-Identifier: MIT
/// \file
/// \brief A data channel of a PeerSession: messages, encrypted, as browsers exchange them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <natterjack/export.hpp>
#include <natterjack/result.hpp>

namespace natterjack {

/// What a channel is like; fixed for its life (RFC 8831 section 6.4).
struct ChannelOptions {
    bool ordered = true; ///< False: messages are handed over as they arrive.
    /// Give a message up after so many retransmissions; 0: it is sent once. Empty, as \a
    /// max_lifetime: never. At most one of the two.
    std::optional<std::uint32_t> max_retransmits{};
    /// Give a message up after so many milliseconds.
    std::optional<std::uint32_t> max_lifetime{};
    /// Shown to the peer: a name from IANA's WebSocket registry, or empty. At most 4096 bytes.
    std::string protocol{};
    /// The channel stays open for sending when the peer is done, as a TCP connection does; both
    /// sides must want it so. Off, as for browsers: when one side is done, so is the other.
    bool half_close = false;
    /// Both sides make the channel, with this number (0 to 65534, as a rule below 256), and nothing
    /// is said about it on the wire: a browser's `negotiated` and `id`. What the peer sends before
    /// it is made here is lost: make it before the session connects. Empty: we tell the peer.
    std::optional<std::uint16_t> agreed{};
};

namespace peer {
class ChannelState;
} // namespace peer

/// Owns one channel: destroying it closes it, after what was sent has been delivered. Move-only.
///
/// All calls may come from any thread. Handlers run on the loop, one at a time, and never after
/// destruction (of the channel, or of the handler's replacement) on the loop's thread; from another
/// thread one may be running at that moment. Everything may be destroyed inside a handler.
class NATTERJACK_API Channel {
public:
    /// Longest message that is sent or received, in bytes.
    static constexpr std::size_t kMaxMessage = std::size_t{256} * 1024;

    Channel(Channel&& other) noexcept;
    Channel& operator=(Channel&& other) noexcept;
    ~Channel();

    /// As the side that opened it named it; at most 4096 bytes, and need not be unique.
    [[nodiscard]] const std::string& label() const;
    /// ChannelOptions::protocol, as the side that opened it named it.
    [[nodiscard]] const std::string& protocol() const;

    /// Takes one message as a whole; may be called before the session is connected.
    /// \retval Errc::TooLarge         longer than kMaxMessage, or than the peer takes; or more than
    ///                                16 MiB wait: see on_low_buffer()
    /// \retval Errc::InvalidArgument  finished or closed
    Result<void> send(std::span<const std::uint8_t> message);
    /// The same, with the same errors, marked as UTF-8 text (which is not verified).
    Result<void> send_text(std::string_view message);
    /// Ends our direction after what has been sent; what the peer sends still comes.
    void finish();
    /// Ends both; what has been sent is still delivered, and what came is handed over no more.
    void close();

    /// Bytes that were sent and did not yet go to SCTP, which holds up to 1 MiB more.
    [[nodiscard]] std::size_t buffered_amount() const;
    /// See ChannelOptions::half_close: for channels that the peer opened, in on_channel().
    void set_half_close(bool on);
    /// False: what comes is not taken, and the peer has to wait when 2 MiB have piled up. Holds for
    /// all channels of the session while it holds for one. In a handler, at once: it is not called
    /// for the next message.
    void set_receiving(bool receiving);

    /// Messages that come before there is a handler wait for it; beyond 1 MiB the peer waits, too.
    /// \a message is valid during the call. \a text: sent as text.
    using MessageHandler = std::function<void(std::span<const std::uint8_t> message, bool text)>;
    void on_message(MessageHandler handler);
    /// The peer knows the channel: called once, for channels that we opened. For agreed ones: there
    /// is a connection to send on.
    void on_open(std::function<void()> handler);
    /// The peer will send no more. Called once, after the last message.
    void on_peer_done(std::function<void()> handler);
    /// buffered_amount() fell from above \a low_water to \a low_water bytes or less.
    void on_low_buffer(std::size_t low_water, std::function<void()> handler);
    /// The channel is gone, both ways. Called once, the last call; after the last message, which
    /// waits for a handler. \a error: why, unless it was closed as one closes channels.
    void on_closed(std::function<void(std::optional<Error> error)> handler);

    explicit Channel(std::shared_ptr<peer::ChannelState> state);

private:
    std::shared_ptr<peer::ChannelState> state_;
};

} // namespace natterjack
