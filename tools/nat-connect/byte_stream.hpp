// SPDX-License-Identifier: MIT
/// \file
/// \brief A channel as a stream of bytes between two descriptors here and whatever the peer has
/// there.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <natterjack/channel.hpp>

#include "fd_io.hpp"
#include "protocol.hpp"
#include "window.hpp"

namespace nat_connect {

/// Carries both directions until both have ended, each by itself. What is under way is bounded: see
/// window.hpp. Belongs to the main thread; may be destroyed in its handler.
///
/// A channel whose protocol is not kProtocol is plain, a browser page's for example: all messages
/// are data, there are no notes, and the end of the channel is the end of both directions. What
/// goes out is text where it is UTF-8 and the peer's last message was text. The peer is also taken
/// for such a one once it sends text that cannot be a note.
class ByteStream {
public:
    /// How it ended.
    struct End {
        /// Empty: both directions were carried to their ends.
        std::optional<std::string> error;
        std::optional<int> exit_status; ///< Of the peer's command.
        bool refused = false;           ///< The error is the peer's word.
        bool output_closed = false;     ///< Nobody reads our output any more (EPIPE).
    };
    using DoneHandler = std::function<void(const End& end)>;

    /// \a done is called once, the last call.
    ByteStream(natterjack::Channel channel, Fd input, Fd output, DoneHandler done);

    /// The peer connects to its target only now: it gets little before it says that it is ready().
    void hold_back() { send_window_.hold_back(); }
    /// We are the one who connected, and take the rest of the window.
    void ready() { tell(Grant{kWindow - kFirstWindow}); }
    /// The peer learns the end of our input only by end_by_exit(): our ends are a command's.
    void await_exit() { awaits_exit_ = true; }
    /// The command ended. Once its output has been read to the end, the peer is told.
    void end_by_exit(int status);
    /// All has come, and the channel is gone; what came is still being written.
    [[nodiscard]] bool only_writes() const;

private:
    [[nodiscard]] std::size_t room() const;
    void send_data(std::span<const std::uint8_t> data);
    void send_plain(std::span<const std::uint8_t> data);
    void take_data(std::span<const std::uint8_t> message);
    void handle_written(std::size_t bytes);
    void handle_closed(const std::optional<natterjack::Error>& error);
    void tell(const Note& note);
    void handle_message(std::span<const std::uint8_t> message, bool text);
    void handle(const Note& note);
    void handle_input_end();
    void handle_output_end(int error);
    void fail(const std::string& why);
    void check_end();
    void finish();

    natterjack::Channel channel_;
    DoneHandler done_;
    SendWindow send_window_;
    ReceiveWindow receive_window_;
    bool plain_;
    bool peer_writes_text_ = false;  // plain: its last message was text
    std::vector<std::uint8_t> rest_; // plain: the first bytes of a character that is not complete
    std::size_t unwritten_ = 0;      // plain: bytes that came and wait for our reader
    bool holding_ = false;           // plain: so many that no more is taken
    End end_;
    bool awaits_exit_ = false;
    std::optional<int> own_exit_;
    bool input_ended_ = false;
    bool told_eof_ = false;
    bool heard_eof_ = false;
    bool output_ended_ = false;
    bool closing_ = false;
    bool channel_gone_ = false;
    // Last, so that they are gone first: they call us.
    std::unique_ptr<FdReader> reader_;
    std::unique_ptr<FdWriter> writer_;
};

} // namespace nat_connect
