// SPDX-License-Identifier: MIT
/// \file
/// \brief What two nat-connects say to each other: what a channel is for, and notes besides its
/// data. Pure.
///
/// A channel's label says what it is for; its protocol is kProtocol. Binary messages are data, text
/// messages are notes: JSON objects with one member. A channel of no protocol is a pipe for
/// somebody else's program, see ByteStream.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <natterjack/endpoint.hpp>

#include "specs.hpp"

namespace nat_connect {

inline constexpr std::string_view kProtocol = "nat-connect";

/// What a channel is for.
struct Purpose {
    enum class Kind : std::uint8_t {
        Pipe,     ///< "pipe": standard input and output, or a command's.
        Ping,     ///< "ping": what comes is sent back.
        Connect,  ///< "connect tcp HOST:PORT": a connection, or a UDP client's datagrams.
        Listen,   ///< "listen tcp ADDRESS:PORT": listen there for as long as the channel is open.
        Accepted, ///< "accepted tcp ADDRESS:PORT": somebody came to what Listen asked for.
    };
    Kind kind = Kind::Pipe;
    natterjack::Transport transport = natterjack::Transport::Tcp;
    HostPort where; ///< Port 0 only for Listen and Accepted.

    friend bool operator==(const Purpose&, const Purpose&) = default;
};

[[nodiscard]] std::string to_label(const Purpose& purpose);
/// Nothing when \a label is none of ours.
[[nodiscard]] std::optional<Purpose> parse_label(std::string_view label);

/// {"eof":true}: no more data will come.
struct Eof {
    friend bool operator==(const Eof&, const Eof&) = default;
};
/// {"grant":N}: N more bytes may be sent; see window.hpp.
struct Grant {
    std::uint64_t bytes = 0;
    friend bool operator==(const Grant&, const Grant&) = default;
};
/// {"exit":N}: the command ended, with a shell's $?, 0 to 255. Nobody reads any more.
struct Exit {
    int status = 0;
    friend bool operator==(const Exit&, const Exit&) = default;
};
/// {"error":"..."}: the channel has ended, and why.
struct Failure {
    std::string message; ///< One line, at most kMaxFailure bytes, printable.
    friend bool operator==(const Failure&, const Failure&) = default;
};
/// {"listening":"ADDRESS:PORT"}: where, with the port that the system chose.
struct Listening {
    natterjack::Endpoint at;
    friend bool operator==(const Listening&, const Listening&) = default;
};
using Note = std::variant<Eof, Grant, Exit, Failure, Listening>;

inline constexpr std::size_t kMaxNote = 4096; ///< Bytes of a note that is read.
inline constexpr std::size_t kMaxFailure = 500;

[[nodiscard]] std::string encode(const Note& note);
/// Nothing when \a text is no note that we know.
[[nodiscard]] std::optional<Note> decode_note(std::string_view text);
/// True when \a text looks like a note, perhaps of a kind that we do not know: a JSON object with
/// one member.
[[nodiscard]] bool may_be_note(std::string_view text);

} // namespace nat_connect
