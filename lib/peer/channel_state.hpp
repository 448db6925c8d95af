// SPDX-License-Identifier: MIT
/// \file
/// \brief The inside of a Channel: what its owner and its session share.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <natterjack/channel.hpp>
#include <natterjack/loop.hpp>

#include "base/bytes.hpp"
#include "strategies/ice/data_channels.hpp"

namespace natterjack::peer {

class Session;

/// One message of either direction.
struct ChannelMessage {
    std::vector<std::uint8_t> data;
    bool text = false;
};

/// What is marked so belongs to the loop's thread, the rest is for any.
class ChannelState : public std::enable_shared_from_this<ChannelState> {
public:
    ChannelState(Loop loop, std::weak_ptr<Session> session, std::string label,
                 ChannelOptions options);

    [[nodiscard]] const std::string& label() const { return label_; }
    [[nodiscard]] const ChannelOptions& options() const { return options_; }

    Result<void> send(ByteView message, bool text);
    void finish();
    void close();
    void set_half_close(bool on);
    void set_receiving(bool receiving);
    [[nodiscard]] std::size_t buffered_amount() const { return posted_ + inside_; }
    void on_message(Channel::MessageHandler handler);
    void on_open(std::function<void()> handler);
    void on_peer_done(std::function<void()> handler);
    void on_low_buffer(std::size_t low_water, std::function<void()> handler);
    void on_closed(std::function<void(std::optional<Error>)> handler);
    /// The Channel was destroyed: no handler any more, and the channel closes.
    static void abandon(const std::shared_ptr<ChannelState>& self);

    // The loop's thread only.

    /// What is to be sent as soon as there is a number.
    std::deque<ChannelMessage> outbox;
    std::optional<ice::ChannelId> id;
    bool closing = false;   ///< Ours ends when \a outbox is empty ...
    bool both_ways = false; ///< ... and what the peer sends is dropped.
    bool half_close = false;

    /// Hands it to the handler, or keeps it.
    void deliver(ice::ChannelEvent event);
    /// Over. Called once.
    void end(std::optional<Error> error);
    [[nodiscard]] bool ended() const { return ended_; }
    /// False while the peer ought to wait.
    [[nodiscard]] bool wants_more() const;
    /// What is left of what was sent.
    void set_buffered(std::size_t inside) {
        inside_ = inside + outbox_bytes();
        watch_level();
    }

private:
    struct Handlers {
        Channel::MessageHandler message;
        std::function<void()> open;
        std::function<void()> peer_done;
        std::function<void()> low_buffer;
        std::function<void(std::optional<Error>)> closed;
    };

    [[nodiscard]] std::size_t outbox_bytes() const;
    void set_handler(const std::function<void(Handlers&)>& change);
    /// A handler keeps running on what it was when it is replaced meanwhile.
    [[nodiscard]] std::shared_ptr<const Handlers> handlers() const;
    [[nodiscard]] bool is_wanted(const ice::ChannelEvent& event, const Handlers& by) const;
    void drain();
    /// Whether buffered_amount() has passed the low-water mark; any thread, after each change.
    void watch_level();
    /// Hands over what waits, if the owner wants it now. Also when the session is gone.
    void look_again();
    void run_on_loop(std::function<void(Session&, ChannelState&)> task);

    const Loop loop_;
    const std::weak_ptr<Session> session_;
    const std::string label_;
    const ChannelOptions options_;
    std::atomic<std::size_t> posted_ = 0; // bytes on their way to the loop
    std::atomic<std::size_t> inside_ = 0; // bytes that the session holds
    // From above which less is told; nobody wants to know at first.
    std::atomic<std::size_t> low_water_ = std::numeric_limits<std::size_t>::max();
    std::atomic<bool> above_low_water_ = false;
    std::atomic<bool> finished_ = false; // no more may be sent
    std::atomic<bool> closed_ = false;   // and no message is wanted
    std::atomic<bool> muted_ = false;    // no handler any more
    std::atomic<bool> receiving_ = true; // the owner wants what comes

    mutable std::mutex mutex_; // guards handlers_
    std::shared_ptr<const Handlers> handlers_ = std::make_shared<const Handlers>();

    // The loop's thread only.
    std::deque<ice::ChannelEvent> inbox_;
    std::size_t inbox_bytes_ = 0; // with what keeping them costs
    bool draining_ = false;
    bool ended_ = false;
    bool told_end_ = false;
    bool open_untold_ = false;
    std::optional<Error> error_;
};

} // namespace natterjack::peer
