// SPDX-License-Identifier: MIT
#include "strategies/ice/data_channels.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace natterjack::ice {

namespace {

// Payload protocol identifiers (RFC 8831 section 8). 52 and 54, pieces of messages, are deprecated,
// and nobody sends them to whom says how long messages may be.
constexpr std::uint32_t kDcep = 50;
constexpr std::uint32_t kString = 51;
constexpr std::uint32_t kBinary = 53;
constexpr std::uint32_t kEmptyString = 56;
constexpr std::uint32_t kEmptyBinary = 57;

constexpr std::size_t kLargestMessage = std::size_t{256} * 1024; // a quarter of SCTP's buffer

std::uint32_t ppid_of(bool text, bool empty) {
    if (text) return empty ? kEmptyString : kString;
    return empty ? kEmptyBinary : kBinary;
}

bool is_user_data(std::uint32_t ppid) {
    return ppid == kString || ppid == kBinary || ppid == kEmptyString || ppid == kEmptyBinary;
}

} // namespace

DataChannels::DataChannels(SctpAssociation& association, const Config& config)
    : association_(association), config_(config), max_message_(kLargestMessage) {
    if (config.remote_max_message != 0 && config.remote_max_message < max_message_) {
        max_message_ = static_cast<std::size_t>(config.remote_max_message);
    }
}

// A number is free again when the owner knows that what had it is gone.
bool DataChannels::is_taken(ChannelId id) const {
    return channels_.contains(id) ||
           std::any_of(events_.begin(), events_.end(),
                       [id](const ChannelEvent& event) { return event.channel == id; });
}

std::optional<ChannelId> DataChannels::free_id() const {
    // Before the association is up that is what we ask for: see begin().
    const std::uint32_t limit = association_.stream_count();
    for (std::uint32_t id = config_.dtls_client ? 0 : 1; id < limit; id += 2) {
        if (!is_taken(static_cast<ChannelId>(id))) return static_cast<ChannelId>(id);
    }
    return std::nullopt;
}

DataChannels::Channel& DataChannels::add(ChannelId id, ChannelOptions options) {
    auto& channel = channels_[id];
    channel.options = std::move(options);
    return channel;
}

Result<ChannelId> DataChannels::open(TimePoint now, ChannelOptions options) {
    const auto& text = options.open;
    if (over_ || text.label.size() > dcep::kMaxText || text.protocol.size() > dcep::kMaxText ||
        (options.agreed &&
         (*options.agreed >= association_.stream_count() || is_taken(*options.agreed)))) {
        return Error{Errc::InvalidArgument,
                     "data channel: the session is over, the agreed number is taken or more than "
                     "there are, or label or protocol is too long"};
    }
    const auto id = options.agreed ? options.agreed : free_id();
    if (!id) return Error{Errc::TooLarge, "data channel: all streams are in use"};
    auto& channel = add(*id, std::move(options));
    if (channel.options.agreed) {
        channel.acknowledged = true;
        if (up_) emit(ChannelEvent::Kind::Open, *id);
    } else {
        channel.queue.push_back({kDcep, dcep::encode(channel.options.open), 0});
    }
    flush(now);
    return *id;
}

Result<void> DataChannels::send(TimePoint now, ChannelId id, ByteView message, bool text) {
    const auto found = channels_.find(id);
    if (found == channels_.end() || found->second.finishing) {
        return Error{Errc::InvalidArgument,
                     "data channel " + std::to_string(id) + " is not open for sending"};
    }
    if (message.size() > max_message_) {
        return Error{Errc::TooLarge, "message of " + std::to_string(message.size()) +
                                         " bytes: the peer takes " + std::to_string(max_message_)};
    }
    auto& channel = found->second;
    if (channel.buffered + message.size() > kMaxBuffered) {
        return Error{Errc::TooLarge,
                     "too much is waiting to be sent on data channel " + std::to_string(id)};
    }
    Outgoing outgoing{ppid_of(text, message.empty()), {}, message.size()};
    if (message.empty()) {
        outgoing.data = {0}; // SCTP knows no empty messages (RFC 8831 section 6.6)
    } else {
        outgoing.data.assign(message.begin(), message.end());
    }
    channel.buffered += outgoing.counted;
    channel.queue.push_back(std::move(outgoing));
    flush(now);
    return {};
}

void DataChannels::finish(TimePoint now, ChannelId id) {
    const auto found = channels_.find(id);
    if (found == channels_.end()) return;
    found->second.finishing = true;
    flush(now);
}

void DataChannels::close(TimePoint now, ChannelId id) {
    const auto found = channels_.find(id);
    if (found == channels_.end()) return;
    found->second.muted = true;
    finish(now, id);
}

void DataChannels::set_half_close(ChannelId id, bool on) {
    const auto found = channels_.find(id);
    if (found != channels_.end()) found->second.half_close = on;
}

std::size_t DataChannels::buffered_amount(ChannelId id) const {
    const auto found = channels_.find(id);
    return found == channels_.end() ? 0 : found->second.buffered;
}

const ChannelOptions* DataChannels::options(ChannelId id) const {
    const auto found = channels_.find(id);
    return found == channels_.end() ? nullptr : &found->second.options;
}

void DataChannels::process(TimePoint now) {
    while (auto event = association_.poll_event()) {
        std::visit([&](auto& each) { handle(now, each); }, *event);
    }
    const auto state = association_.state();
    if (state == SctpAssociation::State::Connected) {
        if (!std::exchange(up_, true)) begin();
    } else if (state != SctpAssociation::State::Connecting && !over_) {
        over_ = true;
        for (auto& [id, channel] : channels_) channel.ours_ended = channel.theirs_ended = true;
    }
    flush(now);
    drop_ended();
}

// The association has come up. Numbers that were given out before may be more than it has.
void DataChannels::begin() {
    for (auto& [id, channel] : channels_) {
        if (id >= association_.stream_count()) {
            channel.impossible = channel.ours_ended = channel.theirs_ended = true;
        } else if (channel.options.agreed) {
            emit(ChannelEvent::Kind::Open, id);
        }
    }
}

std::optional<ChannelEvent> DataChannels::poll_event() {
    if (events_.empty()) return std::nullopt;
    auto out = std::move(events_.front());
    events_.pop_front();
    return out;
}

void DataChannels::handle(TimePoint now, SctpAssociation::Message& message) {
    if (message.ppid == kDcep) {
        handle_dcep(now, message);
        return;
    }
    const auto found = channels_.find(message.stream);
    if (found == channels_.end() || found->second.muted || found->second.theirs_ended) return;
    if (!is_user_data(message.ppid)) {
        close(now, message.stream); // RFC 8831 section 6.6; better than a message with holes
        return;
    }
    // Whoever sends on a channel knows it (RFC 8832 section 6), even if its ACK comes later.
    ChannelEvent event{ChannelEvent::Kind::Message,
                       message.stream,
                       message.ppid == kString || message.ppid == kEmptyString,
                       {}};
    if (message.ppid == kString || message.ppid == kBinary) event.data = std::move(message.data);
    events_.push_back(std::move(event));
}

void DataChannels::handle_dcep(TimePoint now, const SctpAssociation::Message& message) {
    const auto id = message.stream;
    const auto found = channels_.find(id);
    if (dcep::is_ack(message.data)) {
        if (found == channels_.end() || found->second.acknowledged) return;
        found->second.acknowledged = true;
        emit(ChannelEvent::Kind::Open, id);
        return;
    }
    auto open = dcep::decode_open(message.data);
    const bool theirs = (id % 2 == 0) != config_.dtls_client;
    if (!open || !theirs || found != channels_.end() || id >= association_.stream_count()) {
        // RFC 8832 section 6: a channel that cannot be is closed by resetting its stream.
        if (found == channels_.end() && id < association_.stream_count()) {
            std::ignore = association_.reset_stream(now, id);
        }
        return;
    }
    auto& channel = add(id, {*std::move(open), std::nullopt});
    channel.acknowledged = true;
    channel.queue.push_back({kDcep, dcep::encode_ack(), 0});
    emit(ChannelEvent::Kind::Incoming, id);
}

void DataChannels::handle(TimePoint now, const SctpAssociation::StreamReset& reset) {
    if (!reset.streams.empty()) {
        for (const auto id : reset.streams) handle_reset(now, id, reset.direction);
        return;
    }
    std::vector<ChannelId> all;
    for (const auto& [id, channel] : channels_) all.push_back(id);
    for (const auto id : all) handle_reset(now, id, reset.direction);
}

void DataChannels::handle_reset(TimePoint now, ChannelId id,
                                SctpAssociation::StreamReset::Direction how) {
    using Direction = SctpAssociation::StreamReset::Direction;
    const auto found = channels_.find(id);
    if (found == channels_.end()) return;
    auto& channel = found->second;
    if (how != Direction::Incoming) {
        // A peer that denies the reset learns of the end no better by our waiting.
        channel.ours_ended = channel.reset_sent;
        return;
    }
    if (channel.theirs_ended) return;
    channel.theirs_ended = true;
    if (!channel.muted) emit(ChannelEvent::Kind::PeerDone, id);
    if (!channel.half_close) {
        channel.finishing = true;
        flush(now);
    }
}

// Each channel in turn gives one message, beginning after the one that was served last, so that a
// busy channel does not starve the others.
void DataChannels::flush(TimePoint now) {
    if (!association_.may_send()) return;
    bool room = true;
    bool any = true;
    while (room && any) {
        any = false;
        auto next = channels_.upper_bound(next_served_);
        for (std::size_t i = 0; i < channels_.size() && room; ++i, ++next) {
            if (next == channels_.end()) next = channels_.begin();
            if (next->second.queue.empty() || next->first >= association_.stream_count()) continue;
            room = flush(now, next->first, next->second);
            if (!room) break;
            next_served_ = next->first;
            any = true;
        }
    }
    if (association_.state() != SctpAssociation::State::Connected) return; // streams end later
    for (auto& [id, channel] : channels_) {
        if (channel.finishing && channel.queue.empty()) end_ours(now, id, channel);
    }
}

// Gives SCTP one message of this channel. False: there is no room.
bool DataChannels::flush(TimePoint now, ChannelId id, Channel& channel) {
    const auto& outgoing = channel.queue.front();
    const auto& open = channel.options.open;
    SctpAssociation::Delivery delivery{id, outgoing.ppid};
    // DCEP is reliable and ordered, and so is the rest until the peer knows the channel (RFC 8832
    // section 6).
    if (outgoing.ppid != kDcep) {
        delivery.ordered = open.ordered || !channel.acknowledged;
        delivery.reliability = open.reliability;
        delivery.reliability_parameter = open.reliability_parameter;
    }
    const auto taken = association_.send(now, delivery, outgoing.data);
    if (taken && !*taken) return false;
    // What SCTP will never take (the association is ending) is dropped; process() tells the end.
    channel.buffered -= outgoing.counted;
    channel.queue.pop_front();
    return true;
}

void DataChannels::end_ours(TimePoint now, ChannelId id, Channel& channel) {
    if (channel.reset_sent || channel.ours_ended) return;
    channel.reset_sent = true;
    // Without stream reset the peer cannot be told; ours is over nevertheless.
    if (!association_.reset_stream(now, id)) channel.ours_ended = channel.theirs_ended = true;
}

void DataChannels::drop_ended() {
    for (auto each = channels_.begin(); each != channels_.end();) {
        auto& [id, channel] = *each;
        if (!channel.ours_ended || !channel.theirs_ended) {
            ++each;
            continue;
        }
        emit(channel.impossible ? ChannelEvent::Kind::Impossible : ChannelEvent::Kind::Closed, id);
        each = channels_.erase(each);
    }
}

void DataChannels::emit(ChannelEvent::Kind kind, ChannelId id) {
    events_.push_back({kind, id, false, {}});
}

} // namespace natterjack::ice
