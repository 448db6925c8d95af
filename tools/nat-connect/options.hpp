// SPDX-License-Identifier: MIT
/// \file
/// \brief nat-connect's command line.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <natterjack/peer_session.hpp>

#include "specs.hpp"

namespace nat_connect {

/// How the two sides tell each other where they are.
enum class SignallingKind : std::uint8_t {
    Paste,    ///< `offer`, `answer`: one line each, carried over by a person.
    Command,  ///< --via: a command's standard input and output.
    Standard, ///< --offer, --answer: our own standard input and output.
};

/// What our side of the connection is for, besides forwards.
enum class Use : std::uint8_t {
    Pipe,  ///< Our standard input and output.
    Exec,  ///< --exec: a command's.
    Ping,  ///< --ping.
    Serve, ///< Only what the peer asks for and we allow.
};

struct Options {
    SignallingKind signalling = SignallingKind::Paste;
    std::string via; ///< The command of SignallingKind::Command.
    Use use = Use::Pipe;
    std::string exec;
    bool plain = false;      ///< The pipe is a plain channel; see ByteStream.
    unsigned ping_count = 0; ///< 0: until interrupted.
    std::vector<Forward> forwards;
    std::vector<Forward> reverses;
    std::vector<AllowRule> allow;
    std::vector<ListenRule> allow_listen;
    natterjack::PeerOptions peer; ///< All but the handlers.
    bool json = false;
    bool verbose = false;
};

/// Parses, or says on stderr what is wrong, or prints the help that was asked for. Returns the exit
/// code in the last two cases.
struct Parsed {
    std::optional<Options> options;
    int exit_code = 0;
};
[[nodiscard]] Parsed parse_command_line(int argc, char** argv);

} // namespace nat_connect
