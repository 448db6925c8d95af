// SPDX-License-Identifier: MIT
#include <csignal>
#include <utility>

#include "connection.hpp"
#include "support/exit_code.hpp"

namespace nat_connect {

using natterjack::Channel;
using natterjack::ChannelOptions;
using natterjack::Errc;
using natterjack::Error;
using natterjack::PeerRole;

namespace {

constexpr int kBrokenPipe = 128 + SIGPIPE; // as a shell sees a program that SIGPIPE ended
constexpr std::size_t kMaxEchoes = 4;      // channels of the peer's pings that are answered

} // namespace

void Connection::start_use() {
    switchboard_->start();
    if (options_.use == Use::Ping) return start_pings();
    const bool has_stream = options_.use == Use::Pipe || options_.use == Use::Exec;
    // One side makes the channel; a pipe at the other end of an answer is taken when it comes.
    if (!has_stream || options_.peer.role != PeerRole::Offer) return;
    ChannelOptions channel_options;
    if (!options_.plain) channel_options.protocol = kProtocol;
    auto channel = open_channel({.kind = Purpose::Kind::Pipe, .where = {}}, channel_options);
    if (channel) attach(std::move(*channel));
}

std::optional<Channel> Connection::open_channel(const Purpose& purpose,
                                                const ChannelOptions& options) {
    auto channel = session_->open_channel(to_label(purpose), options);
    if (channel) return std::move(*channel);
    fail(channel.error());
    return std::nullopt;
}

void Connection::handle_channel(Channel channel) {
    const bool plain = channel.protocol() != kProtocol; // a browser page's, for example
    const auto purpose = plain ? Purpose{} : parse_label(channel.label());
    if (!purpose) {
        report_.detail("closed a channel of the peer's that is none of ours: \"" + channel.label() +
                       "\"");
        return channel.close();
    }
    switch (purpose->kind) {
    case Purpose::Kind::Pipe: {
        const bool has_stream = options_.use == Use::Pipe || options_.use == Use::Exec;
        if (has_stream && options_.peer.role == PeerRole::Answer && !stream_ && !exit_code_)
            return attach(std::move(channel));
        return refuse_pipe(std::move(channel));
    }
    case Purpose::Kind::Ping: return answer_pings(std::move(channel));
    case Purpose::Kind::Connect:
    case Purpose::Kind::Listen:
    case Purpose::Kind::Accepted: switchboard_->handle(*purpose, std::move(channel));
    }
}

void Connection::refuse_pipe(Channel channel) const {
    const char* why = options_.use == Use::Ping ? "the peer only pings"
                      : stream_                 ? "the peer has a pipe already"
                                : "the peer has nothing to connect to: give it --exec CMD";
    if (channel.protocol() == kProtocol) {
        (void)channel.send_text(encode(Failure{why}));
    } else { // who opened it takes no notes
        report_.problem(
            "closed the peer's channel \"" + channel.label() + "\": " +
            (stream_ ? "there is one already" : "nothing to connect it to; give --exec CMD"));
    }
    channel.close();
}

void Connection::attach(Channel channel) {
    Fd input = std::move(input_);
    Fd output = std::move(output_);
    if (options_.use == Use::Exec) {
        auto started = Child::start(options_.exec, [this](int status) {
            command_status_ = status;
            if (stream_) stream_->end_by_exit(status);
        });
        if (!started) {
            (void)channel.send_text(encode(Failure{started.error().message}));
            channel.close();
            return fail(started.error());
        }
        command_ = std::move(*started);
        input = command_->take_output();
        output = command_->take_input();
    }
    stream_ = std::make_unique<ByteStream>(
        std::move(channel), std::move(input), std::move(output),
        [this](const ByteStream::End& end) { handle_stream_end(end); });
    if (command_) stream_->await_exit();
}

void Connection::handle_stream_end(const ByteStream::End& end) {
    stream_.reset();
    if (exit_code_) return;
    if (end.output_closed) return finish(kBrokenPipe);
    if (end.error) {
        return fail(Error{end.refused ? Errc::Refused : Errc::NotFound, *end.error});
    }
    finish(command_status_.value_or(end.exit_status.value_or(tool_support::kDone)));
}

void Connection::start_pings() {
    ChannelOptions options;
    options.protocol = kProtocol;
    options.ordered = false;
    options.max_retransmits = 0;
    auto channel = open_channel({.kind = Purpose::Kind::Ping, .where = {}}, options);
    if (!channel) return;
    pinger_ = std::make_unique<Pinger>(
        std::move(*channel), options_.ping_count,
        Pinger::Handlers{.on_reply =
                             [this](unsigned number, Pinger::Duration took) {
                                 const bool heard = report_.ping(number, took, session_->info());
                                 if (!heard) finish(kBrokenPipe);
                             },
                         .on_done =
                             [this] {
                                 if (exit_code_) return;
                                 report_.ping_summary(*pinger_);
                                 finish(pinger_->round_trips().empty() ? tool_support::kNoWay
                                                                       : tool_support::kDone);
                             }});
}

void Connection::answer_pings(Channel channel) {
    if (echoes_.size() >= kMaxEchoes) return channel.close();
    const auto place = echoes_.emplace(echoes_.end(), std::move(channel));
    echo(*place);
    place->on_closed([this, place](const auto&) { echoes_.erase(place); });
}

} // namespace nat_connect
