// SPDX-License-Identifier: MIT
#include <utility>

#include <natterjack/channel.hpp>

#include "peer/channel_state.hpp"

namespace natterjack {

Channel::Channel(std::shared_ptr<peer::ChannelState> state) : state_(std::move(state)) {
}

Channel::Channel(Channel&&) noexcept = default;

Channel& Channel::operator=(Channel&& other) noexcept {
    if (this != &other) {
        if (state_) peer::ChannelState::abandon(state_);
        state_ = std::move(other.state_);
    }
    return *this;
}

Channel::~Channel() {
    if (state_) peer::ChannelState::abandon(state_);
}

const std::string& Channel::label() const {
    return state_->label();
}

const std::string& Channel::protocol() const {
    return state_->options().protocol;
}

Result<void> Channel::send(std::span<const std::uint8_t> message) {
    return state_->send(message, false);
}

Result<void> Channel::send_text(std::string_view message) {
    return state_->send(
        ByteView(reinterpret_cast<const std::uint8_t*>(message.data()), message.size()), true);
}

void Channel::finish() {
    state_->finish();
}

void Channel::close() {
    state_->close();
}

std::size_t Channel::buffered_amount() const {
    return state_->buffered_amount();
}

void Channel::set_half_close(bool on) {
    state_->set_half_close(on);
}

void Channel::set_receiving(bool receiving) {
    state_->set_receiving(receiving);
}

void Channel::on_message(MessageHandler handler) {
    state_->on_message(std::move(handler));
}

void Channel::on_open(std::function<void()> handler) {
    state_->on_open(std::move(handler));
}

void Channel::on_peer_done(std::function<void()> handler) {
    state_->on_peer_done(std::move(handler));
}

void Channel::on_low_buffer(std::size_t low_water, std::function<void()> handler) {
    state_->on_low_buffer(low_water, std::move(handler));
}

void Channel::on_closed(std::function<void(std::optional<Error>)> handler) {
    state_->on_closed(std::move(handler));
}

} // namespace natterjack
