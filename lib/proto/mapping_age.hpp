// SPDX-License-Identifier: MIT
/// \file
/// \brief Is a mapping still there after a silence of that length? Sans-IO.
#pragma once

#include <cstdint>
#include <optional>

#include "base/datagram.hpp"
#include "proto/stun_conversation.hpp"

namespace natterjack {

/// One socket makes a mapping and falls silent; then a second socket has the server answer to the
/// first one's mapped port (RESPONSE-PORT, RFC 5780 section 4.6). So the question itself keeps
/// nothing alive. Both sockets must be fresh.
class MappingAge {
public:
    static constexpr int kSubject = 0; ///< The lane of the socket whose mapping is looked at.
    static constexpr int kAsker = 1;

    struct Setup {
        Endpoint server;
        Duration silence{0};
        /// Exchanges before the silence, a second apart. NATs give flows that go on for a while
        /// more time: Linux, after two seconds.
        int exchanges = 1;
    };
    enum class Outcome : std::uint8_t {
        Alive,
        Gone,     ///< No answer came, of five.
        Ignored,  ///< The server answers to the asker: it cannot be asked this.
        Refused,  ///< It answers with an error.
        NoContact ///< It does not answer at all.
    };

    MappingAge(const Setup& setup, const StunConversation::MakeId& make_id);

    void start(TimePoint now);
    void handle_datagram(int lane, const Endpoint& from, ByteView payload, TimePoint now);
    void handle_timeout(TimePoint now);
    [[nodiscard]] std::optional<LaneDatagram> poll_transmit();
    [[nodiscard]] std::optional<TimePoint> deadline() const;
    [[nodiscard]] const std::optional<Outcome>& result() const { return result_; }

private:
    void advance(TimePoint now);

    Setup setup_;
    StunConversation subject_;
    StunConversation asker_;
    std::optional<TimePoint> next_; // the next exchange, or the end of the silence
    std::uint16_t mapped_port_ = 0;
    bool answered_to_asker_ = false;
    std::optional<Outcome> result_;
};

} // namespace natterjack
