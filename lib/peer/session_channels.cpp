// SPDX-License-Identifier: MIT
// Channels: from numbers and events of DataChannels to the Channels that applications hold.
#include <algorithm>
#include <utility>

#include "peer/session.hpp"

namespace natterjack::peer {

namespace {

constexpr std::uint16_t kMaxAgreed = 65534; // RFC 8831 section 6.2: 65535 is no stream

} // namespace

Result<std::shared_ptr<ChannelState>> Session::open_channel(std::string label,
                                                            const ChannelOptions& options) {
    if (options_.payload != PeerPayload::Channels) {
        return Error{Errc::InvalidArgument, "this session carries datagrams, not channels"};
    }
    if (ended_)
        return Error{Errc::InvalidArgument, "the session is over: no channel can be opened"};
    if (label.size() > dcep::kMaxText || options.protocol.size() > dcep::kMaxText ||
        (options.max_retransmits && options.max_lifetime) || options.agreed > kMaxAgreed) {
        return Error{Errc::InvalidArgument,
                     "a channel's label and protocol have at most 4096 bytes, an agreed number is "
                     "at most 65534, and of max_retransmits and max_lifetime one can be set"};
    }
    auto state = std::make_shared<ChannelState>(loop_, weak_from_this(), std::move(label), options);
    const auto add = [self = shared_from_this(), state] {
        if (self->over()) {
            state->end(Error{Errc::Cancelled, "the session was over before the channel opened"});
        } else if (self->secure_) {
            self->assign(*state);
            self->post_pump();
        } else {
            self->unassigned_.push_back(state);
        }
    };
    loop_.is_current() ? add() : loop_.post(add);
    return state;
}

void Session::assign(ChannelState& channel) {
    const auto& options = channel.options();
    ice::ChannelOptions inner;
    inner.open.label = channel.label();
    inner.open.protocol = options.protocol;
    inner.open.ordered = options.ordered;
    inner.agreed = options.agreed;
    if (options.max_retransmits) {
        inner.open.reliability = dcep::Reliability::MaxRetransmits;
        inner.open.reliability_parameter = *options.max_retransmits;
    } else if (options.max_lifetime) {
        inner.open.reliability = dcep::Reliability::MaxLifetime;
        inner.open.reliability_parameter = *options.max_lifetime;
    }
    auto& channels = secure_->channels();
    const auto id = channels.open(net::now(), std::move(inner));
    if (!id) {
        channel.end(id.error());
        return;
    }
    channel.id = *id;
    channels_[*id] = channel.shared_from_this();
    channels.set_half_close(*id, channel.half_close);
    for (auto& message : std::exchange(channel.outbox, {})) {
        hand_over(channel, message);
    }
    channel.set_buffered(channels.buffered_amount(*id));
    if (channel.closing) finish(channel, channel.both_ways);
}

// A channel with a hole would be worse than none: what was taken before it was known how long the
// peer's messages may be.
void Session::hand_over(ChannelState& channel, const ChannelMessage& message) {
    auto& channels = secure_->channels();
    const auto sent = channels.send(net::now(), *channel.id, message.data, message.text);
    if (sent || sent.error().code == Errc::InvalidArgument) return; // closing: its end is told
    channels.close(net::now(), *channel.id);
    loop_.post([state = channel.shared_from_this(), error = sent.error()] { state->end(error); });
}

void Session::send(ChannelState& channel, ChannelMessage message) {
    if (over() || channel.ended() || channel.closing) return;
    if (channel.id && secure_) {
        auto& channels = secure_->channels();
        hand_over(channel, message);
        channel.set_buffered(channels.buffered_amount(*channel.id));
        post_pump();
    } else {
        channel.outbox.push_back(std::move(message));
        channel.set_buffered(0);
    }
}

void Session::finish(ChannelState& channel, bool both_ways) {
    channel.closing = true;
    channel.both_ways = channel.both_ways || both_ways;
    if (over() || channel.ended() || !channel.id || !secure_) return;
    if (both_ways) {
        secure_->channels().close(net::now(), *channel.id);
    } else {
        secure_->channels().finish(net::now(), *channel.id);
    }
    post_pump();
    update_receiving();
}

void Session::set_half_close(const ChannelState& channel) {
    if (secure_ && channel.id && !channel.ended()) {
        secure_->channels().set_half_close(*channel.id, channel.half_close);
    }
}

void Session::update_receiving() {
    if (over() || !secure_) return;
    const bool receiving = std::all_of(channels_.begin(), channels_.end(),
                                       [](const auto& each) { return each.second->wants_more(); });
    if (receiving == receiving_) return;
    receiving_ = receiving;
    secure_->set_receiving(net::now(), receiving);
    post_pump();
}

void Session::handle_event(ice::ChannelEvent event) {
    using Kind = ice::ChannelEvent::Kind;
    if (event.kind == Kind::Incoming) {
        take_incoming(event.channel);
        return;
    }
    const auto found = channels_.find(event.channel);
    if (found == channels_.end()) return;
    const auto channel = found->second;
    if (event.kind == Kind::Closed) {
        channels_.erase(found);
        channel->end(std::nullopt);
    } else if (event.kind == Kind::Impossible) {
        channels_.erase(found);
        channel->end(Error{Errc::InvalidArgument, "the connection has fewer channels than number " +
                                                      std::to_string(event.channel)});
    } else {
        channel->set_buffered(secure_->channels().buffered_amount(event.channel));
        channel->deliver(std::move(event));
    }
    update_receiving();
}

void Session::take_incoming(ice::ChannelId id) {
    auto& channels = secure_->channels();
    const auto* inner = channels.options(id);
    const auto handlers = this->handlers();
    if (inner == nullptr) return; // gone again
    if (!handlers->on_channel) {
        channels.close(net::now(), id);
        return;
    }
    const auto& open = inner->open;
    ChannelOptions options;
    options.ordered = open.ordered;
    options.protocol = open.protocol;
    if (open.reliability == dcep::Reliability::MaxRetransmits) {
        options.max_retransmits = open.reliability_parameter;
    } else if (open.reliability == dcep::Reliability::MaxLifetime) {
        options.max_lifetime = open.reliability_parameter;
    }
    auto state =
        std::make_shared<ChannelState>(loop_, weak_from_this(), open.label, std::move(options));
    state->id = id;
    channels_[id] = state;
    handlers->on_channel(Channel(std::move(state)));
}

} // namespace natterjack::peer
