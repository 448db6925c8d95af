// SPDX-License-Identifier: MIT
#include "peer/channel_state.hpp"

#include <numeric>
#include <utility>

#include "peer/session.hpp"

namespace natterjack::peer {

namespace {

// What may wait for a handler, in bytes, before the peer has to.
constexpr std::size_t kMaxInbox = std::size_t{1} * 1024 * 1024;

// What an event costs that waits: many empty messages are not nothing.
std::size_t cost_of(const ice::ChannelEvent& event) {
    return sizeof(event) + event.data.size();
}

} // namespace

ChannelState::ChannelState(Loop loop, std::weak_ptr<Session> session, std::string label,
                           ChannelOptions options)
    : half_close(options.half_close),
      loop_(std::move(loop)),
      session_(std::move(session)),
      label_(std::move(label)),
      options_(std::move(options)) {
}

void ChannelState::look_again() {
    loop_.post([self = shared_from_this()] {
        self->drain();
        if (const auto session = self->session_.lock()) session->update_receiving();
    });
}

void ChannelState::run_on_loop(std::function<void(Session&, ChannelState&)> task) {
    const auto session = session_.lock();
    if (!session) return;
    loop_.post(
        [session, self = shared_from_this(), task = std::move(task)] { task(*session, *self); });
}

Result<void> ChannelState::send(ByteView message, bool text) {
    const auto session = session_.lock();
    if (finished_ || !session) {
        return Error{Errc::InvalidArgument, "channel \"" + label_ + "\" is closed for sending"};
    }
    const auto limit = session->max_message();
    if (message.size() > limit) {
        return Error{Errc::TooLarge, "a message of " + std::to_string(message.size()) +
                                         " bytes: the peer takes " + std::to_string(limit)};
    }
    if (buffered_amount() + message.size() > ice::DataChannels::kMaxBuffered) {
        return Error{Errc::TooLarge, "too much waits to be sent on channel \"" + label_ + "\""};
    }
    ChannelMessage copy{{message.begin(), message.end()}, text};
    if (loop_.is_current()) {
        session->send(*this, std::move(copy));
        return {};
    }
    posted_ += copy.data.size();
    watch_level();
    auto shared = std::make_shared<ChannelMessage>(std::move(copy));
    run_on_loop([shared](Session& owner, ChannelState& self) {
        self.posted_ -= shared->data.size();
        owner.send(self, std::move(*shared));
    });
    return {};
}

void ChannelState::finish() {
    if (finished_.exchange(true)) return;
    run_on_loop([](Session& session, ChannelState& self) { session.finish(self, false); });
}

void ChannelState::close() {
    finished_ = true;
    closed_ = true;
    run_on_loop([](Session& session, ChannelState& self) { session.finish(self, true); });
    look_again(); // what waits is dropped: the end comes after it
}

void ChannelState::abandon(const std::shared_ptr<ChannelState>& self) {
    self->muted_ = true;
    self->finished_ = true;
    auto none = std::make_shared<const Handlers>();
    {
        const std::lock_guard lock(self->mutex_);
        std::swap(self->handlers_, none); // what they hold goes after the lock
    }
    self->run_on_loop([](Session& session, ChannelState& state) { session.finish(state, true); });
}

void ChannelState::set_half_close(bool on) {
    const auto session = session_.lock();
    if (!session) return;
    const auto change = [session, self = shared_from_this(), on] {
        self->half_close = on;
        session->set_half_close(*self);
    };
    // At once where that is possible: the peer's end may be among what is read next.
    loop_.is_current() ? change() : loop_.post(change);
}

void ChannelState::set_receiving(bool receiving) {
    receiving_ = receiving; // now: a handler that has enough is not called again
    look_again();
}

void ChannelState::set_handler(const std::function<void(Handlers&)>& change) {
    {
        const std::lock_guard lock(mutex_);
        auto changed = std::make_shared<Handlers>(*handlers_);
        change(*changed);
        handlers_ = std::move(changed);
    }
    look_again();
}

std::shared_ptr<const ChannelState::Handlers> ChannelState::handlers() const {
    const std::lock_guard lock(mutex_);
    return handlers_;
}

void ChannelState::on_message(Channel::MessageHandler handler) {
    set_handler([&](Handlers& all) { all.message = std::move(handler); });
}

void ChannelState::on_open(std::function<void()> handler) {
    set_handler([&](Handlers& all) { all.open = std::move(handler); });
}

void ChannelState::on_peer_done(std::function<void()> handler) {
    set_handler([&](Handlers& all) { all.peer_done = std::move(handler); });
}

void ChannelState::on_closed(std::function<void(std::optional<Error>)> handler) {
    set_handler([&](Handlers& all) { all.closed = std::move(handler); });
}

void ChannelState::on_low_buffer(std::size_t level, std::function<void()> handler) {
    set_handler([&](Handlers& all) { all.low_buffer = std::move(handler); });
    low_water_ = level;
    watch_level();
}

// By what the application sees, which is more than the session has: part may be on its way to it.
// It looks again after it has noted "above", as the last change may have come in between. The
// handler is called from the loop, never out of what the application or the session is doing.
void ChannelState::watch_level() {
    if (buffered_amount() > low_water_) above_low_water_ = true;
    if (buffered_amount() > low_water_ || !above_low_water_.exchange(false)) return;
    run_on_loop([](Session&, ChannelState& self) {
        const auto now = self.handlers();
        if (self.buffered_amount() > self.low_water_) {
            self.above_low_water_ = true; // more has come meanwhile
        } else if (!self.muted_ && now->low_buffer) {
            now->low_buffer();
        }
    });
}

void ChannelState::deliver(ice::ChannelEvent event) {
    using Kind = ice::ChannelEvent::Kind;
    if (event.kind == Kind::Open) {
        open_untold_ = true;
    } else {
        inbox_bytes_ += cost_of(event);
        inbox_.push_back(std::move(event));
    }
    drain();
}

void ChannelState::end(std::optional<Error> error) {
    if (std::exchange(ended_, true)) return;
    finished_ = true;
    error_ = std::move(error);
    drain();
}

bool ChannelState::wants_more() const {
    return muted_ || closed_ || (receiving_ && inbox_bytes_ <= kMaxInbox);
}

std::size_t ChannelState::outbox_bytes() const {
    return std::accumulate(
        outbox.begin(), outbox.end(), std::size_t{0},
        [](std::size_t sum, const ChannelMessage& each) { return sum + each.data.size(); });
}

bool ChannelState::is_wanted(const ice::ChannelEvent& event, const Handlers& by) const {
    if (event.kind == ice::ChannelEvent::Kind::Message) return by.message != nullptr;
    // That the peer is done keeps nobody, who does not ask, from hearing that the channel is gone.
    return by.peer_done || by.message || ended_;
}

// In the order of arrival. What has no handler yet waits for one.
void ChannelState::drain() {
    if (draining_) return; // a handler changed something: the loop below sees it
    draining_ = true;
    const auto self = shared_from_this();
    while (!muted_) {
        const auto now = handlers();
        if (open_untold_ && now->open) {
            open_untold_ = false;
            now->open();
        } else if (closed_ && !inbox_.empty()) {
            inbox_.clear();
            inbox_bytes_ = 0;
        } else if (!inbox_.empty() && receiving_ && is_wanted(inbox_.front(), *now)) {
            const auto event = std::move(inbox_.front());
            inbox_.pop_front();
            inbox_bytes_ -= cost_of(event);
            if (event.kind == ice::ChannelEvent::Kind::Message) {
                now->message(event.data, event.text);
            } else if (now->peer_done) {
                now->peer_done();
            }
        } else if (inbox_.empty() && ended_ && !told_end_ && now->closed) {
            told_end_ = true;
            now->closed(error_);
        } else {
            break;
        }
    }
    draining_ = false;
}

} // namespace natterjack::peer
