// SPDX-License-Identifier: MIT
#include "connection.hpp"

#include <csignal>
#include <utility>

#include <unistd.h>

#include <glib.h>

#include "support/exit_code.hpp"

namespace nat_connect {

using natterjack::Channel;
using natterjack::ChannelOptions;
using natterjack::Errc;
using natterjack::Error;
using natterjack::PeerInfo;
using natterjack::PeerRole;
using natterjack::PeerSession;
using natterjack::PeerState;

namespace {

constexpr int kInterrupted = 128 + SIGINT;
/// For the peer's first line, when no person carries it: time to type a password, and then some.
constexpr guint kSignallingLimitS = 120;
/// For an orderly end.
constexpr guint kClosingLimitS = 2;

} // namespace

Connection::Connection(const Options& options, tool_support::Runner& runner)
    : options_(options), runner_(runner), report_(options.json, options.verbose) {
}

Connection::~Connection() {
    if (guard_ != 0) g_source_remove(guard_);
}

int Connection::run() {
    std::signal(SIGPIPE, SIG_IGN); // writes say EPIPE
    input_ = take_standard_stream(STDIN_FILENO);
    const bool writes = options_.use == Use::Pipe || options_.signalling != SignallingKind::Command;
    if (writes && options_.use != Use::Ping) output_ = take_standard_stream(STDOUT_FILENO);
    if (!output_) output_ = duplicate(STDOUT_FILENO);
    runner_.on_interrupt([this] { handle_interrupt(); });
    switchboard_ = std::make_unique<Switchboard>(
        options_,
        Switchboard::Handlers{
            .open_channel =
                [this](const Purpose& purpose, const ChannelOptions& channel_options) {
                    return session_->open_channel(to_label(purpose), channel_options);
                },
            .on_listening = [this](const Forward& forward, const natterjack::Endpoint& at,
                                   bool there) { report_.listening(forward, at, there); },
            .on_problem = [this](const std::string& problem) { report_.problem(problem); },
            .on_failure = [this](const Error& error) { fail(error); }});
    if (!start_signalling() || !start_session()) return *exit_code_;
    return runner_.run();
}

bool Connection::start_signalling() {
    Signalling::Handlers handlers{
        .on_line = [this](const std::string& line) { handle_line(line); },
        .on_noise = [this](const std::string& line) { report_.noise(line); },
        .on_end = [this](const std::string& why) { handle_signalling_end(why); }};
    switch (options_.signalling) {
    case SignallingKind::Paste:
        signalling_ = signal_by_pasting(input_.get(), output_.get(),
                                        options_.peer.role == PeerRole::Offer, std::move(handlers));
        break;
    case SignallingKind::Standard:
        signalling_ = signal_by_streams(std::move(input_), std::move(output_), std::move(handlers));
        break;
    case SignallingKind::Command: {
        auto started = signal_by_command(options_.via, std::move(handlers));
        if (!started) {
            report_.failure(started.error(), nullptr);
            exit_code_ = tool_support::kInternal;
            return false;
        }
        signalling_ = std::move(*started);
        break;
    }
    }
    return true;
}

bool Connection::start_session() {
    auto session = PeerSession::create(
        runner_.loop(), options_.peer,
        {.send = [this](const std::string& line) { signalling_->send(line); },
         .on_state = [this](PeerState state, const PeerInfo& info) { handle_state(state, info); },
         .on_path = [this](const PeerInfo& info) { handle_path(info); },
         .on_channel = [this](Channel channel) { handle_channel(std::move(channel)); }});
    if (!session) {
        report_.failure(session.error(), nullptr);
        exit_code_ = tool_support::exit_code_of(session.error());
        return false;
    }
    session_ = std::move(*session);
    if (options_.signalling != SignallingKind::Paste) {
        runner_.announce("waiting for the peer");
        guard_ = g_timeout_add_seconds(
            kSignallingLimitS,
            [](void* self) -> gboolean {
                auto* connection = static_cast<Connection*>(self);
                connection->guard_ = 0;
                connection->fail(Error{Errc::Timeout, "the peer has not described itself within " +
                                                          std::to_string(kSignallingLimitS) +
                                                          " s"});
                return G_SOURCE_REMOVE;
            },
            this);
    }
    return true;
}

void Connection::handle_line(const std::string& line) {
    if (!session_) return;
    const auto taken = session_->receive(line);
    if (taken) return;
    const std::string why = "what the peer's side sent cannot be used: " + taken.error().message;
    if (connected_ || described_) return report_.detail(why);
    if (!signalling_->ask_again(why)) fail(Error{taken.error().code, why, taken.error().detail});
}

void Connection::handle_signalling_end(const std::string& why) {
    if (described_ || exit_code_) return report_.detail(why);
    fail(Error{Errc::NotFound, why + " before the peer described itself"});
}

void Connection::handle_state(PeerState state, const PeerInfo& info) {
    report_.state(info);
    if (state == PeerState::Checking && !std::exchange(described_, true)) {
        if (guard_ != 0) g_source_remove(std::exchange(guard_, 0));
        runner_.announce("looking for the way to the peer");
    }
    if (state == PeerState::Connected && !std::exchange(connected_, true)) handle_connected(info);
    if (state == PeerState::Failed) {
        report_.failure(info.error.value_or(Error{Errc::Timeout, "the connection failed"}), &info);
        if (!exit_code_)
            exit_code_ =
                info.error ? tool_support::exit_code_of(*info.error) : tool_support::kNoWay;
        end_signalling();
    } else if (state == PeerState::Closed) {
        session_over_ = true;
        if (stream_ && stream_->only_writes()) return; // its end is ours
        const bool needed = stream_ || pinger_ || !connected_ || !options_.forwards.empty() ||
                            !options_.reverses.empty();
        if (!exit_code_ && needed) {
            report_.failure(Error{Errc::Cancelled, "the peer ended the session too early"},
                            nullptr);
            exit_code_ = tool_support::kNoWay;
        }
        end_signalling();
    }
}

void Connection::handle_path(const PeerInfo& info) {
    if (!connected_ || info.path == path_) return;
    path_ = info.path;
    report_.path(info, false);
}

void Connection::handle_connected(const PeerInfo& info) {
    runner_.hush();
    path_ = info.path;
    report_.path(info, true);
    start_use();
}

void Connection::handle_interrupt() {
    if (exit_code_) return end_signalling(); // the second time: at once
    const bool until_interrupted =
        connected_ && (options_.use == Use::Serve || options_.use == Use::Ping);
    if (pinger_) report_.ping_summary(*pinger_);
    finish(until_interrupted ? tool_support::kDone : kInterrupted);
}

void Connection::finish(int exit_code) {
    if (exit_code_) return;
    exit_code_ = exit_code;
    runner_.hush();
    if (guard_ != 0) g_source_remove(guard_);
    guard_ = g_timeout_add_seconds(
        kClosingLimitS,
        [](void* self) -> gboolean {
            auto* connection = static_cast<Connection*>(self);
            connection->guard_ = 0;
            connection->end_signalling();
            return G_SOURCE_REMOVE;
        },
        this);
    if (session_ && !session_over_) return session_->close(); // the state Closed follows
    end_signalling();
}

void Connection::fail(const Error& error) {
    if (exit_code_) return;
    runner_.hush();
    report_.failure(error, nullptr);
    finish(tool_support::exit_code_of(error));
}

void Connection::end_signalling() {
    if (std::exchange(ending_, true)) return;
    command_.reset();
    if (!signalling_) return runner_.quit(exit_code_.value_or(tool_support::kDone));
    signalling_->finish([this] { runner_.quit(exit_code_.value_or(tool_support::kDone)); });
}

} // namespace nat_connect
