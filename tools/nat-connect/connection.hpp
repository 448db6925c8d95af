// SPDX-License-Identifier: MIT
/// \file
/// \brief One run of nat-connect: signalling, the session, and what it is used for.
#pragma once

#include <list>
#include <memory>
#include <optional>

#include <natterjack/peer_session.hpp>

#include "byte_stream.hpp"
#include "child.hpp"
#include "options.hpp"
#include "pinger.hpp"
#include "report.hpp"
#include "signalling.hpp"
#include "support/runner.hpp"
#include "switchboard.hpp"

namespace nat_connect {

/// Belongs to the main thread.
class Connection {
public:
    Connection(const Options& options, tool_support::Runner& runner);
    ~Connection();

    /// Until it is over; returns the exit code.
    int run();

private:
    bool start_signalling();
    bool start_session();
    void handle_line(const std::string& line);
    void handle_signalling_end(const std::string& why);
    void handle_state(natterjack::PeerState state, const natterjack::PeerInfo& info);
    void handle_path(const natterjack::PeerInfo& info);
    void handle_channel(natterjack::Channel channel);
    void handle_connected(const natterjack::PeerInfo& info);
    void handle_interrupt();

    [[nodiscard]] std::optional<natterjack::Channel>
    open_channel(const Purpose& purpose, const natterjack::ChannelOptions& options);
    void start_use();
    /// Gives \a channel to our standard streams or to the command.
    void attach(natterjack::Channel channel);
    void handle_stream_end(const ByteStream::End& end);
    void start_pings();
    void answer_pings(natterjack::Channel channel);
    /// No pipe here: tells the peer what else this side is for.
    void refuse_pipe(natterjack::Channel channel) const;

    /// Closes everything in order, then ends run(). The first call decides.
    void finish(int exit_code);
    void fail(const natterjack::Error& error);
    void end_signalling();

    const Options& options_;
    tool_support::Runner& runner_;
    Report report_;
    Fd input_;
    Fd output_;
    std::unique_ptr<Signalling> signalling_;
    std::optional<natterjack::PeerSession> session_;
    std::unique_ptr<Switchboard> switchboard_;
    std::unique_ptr<Child> command_;
    std::unique_ptr<ByteStream> stream_;
    std::optional<int> command_status_;
    std::unique_ptr<Pinger> pinger_;
    std::list<natterjack::Channel> echoes_;
    unsigned guard_ = 0; // a timer: nobody waits for ever
    bool described_ = false;
    bool connected_ = false;
    bool session_over_ = false;
    std::optional<natterjack::PeerPath> path_;
    std::optional<int> exit_code_;
    bool ending_ = false;
};

} // namespace nat_connect
