// SPDX-License-Identifier: MIT
/// \file
/// \brief Two PeerSessions in one process, and the wire that carries their signalling.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <natterjack/peer_session.hpp>

#include "tests/support/loop_runner.hpp"

namespace natterjack::test {

class PeerPair {
public:
    struct End {
        std::optional<PeerSession> session;
        std::vector<PeerState> states;
        std::vector<std::string> said;
        std::vector<Channel> channels; ///< That the other opened.
        std::vector<std::string> datagrams;
        PeerInfo last;

        [[nodiscard]] bool is(PeerState state) const {
            return !states.empty() && states.back() == state;
        }
        [[nodiscard]] std::string why() const { return last.error ? last.error->message : ""; }
    };
    /// Sees, and may change, each line on its way; empty: the line is lost.
    using Tamper = std::function<std::string(const std::string& line)>;

    explicit PeerPair(PeerOptions options = quick()) {
        options.role = PeerRole::Offer;
        make(a, b, options, to_b);
        options.role = PeerRole::Answer;
        make(b, a, options, to_a);
    }

    /// Without gateways and waiting: for tests on one link.
    static PeerOptions quick() {
        PeerOptions out;
        out.map = false;
        return out;
    }

    bool connect() {
        return runner.run_until(
            [&] { return a.is(PeerState::Connected) && b.is(PeerState::Connected); });
    }

    LoopRunner runner;
    Tamper to_a;
    Tamper to_b;
    End a; ///< Offers.
    End b;

private:
    void make(End& end, End& other, const PeerOptions& options, const Tamper& tamper) {
        PeerHandlers handlers;
        handlers.send = [&](const std::string& line) {
            end.said.push_back(line);
            const auto sent = tamper ? tamper(line) : line;
            if (!sent.empty() && other.session) {
                EXPECT_TRUE(other.session->receive(sent)) << sent;
            }
        };
        handlers.on_state = [&](PeerState state, const PeerInfo& info) {
            end.states.push_back(state);
            end.last = info;
        };
        handlers.on_channel = [&](Channel channel) { end.channels.push_back(std::move(channel)); };
        handlers.on_datagram = [&](std::span<const std::uint8_t> datagram) {
            end.datagrams.emplace_back(datagram.begin(), datagram.end());
        };
        auto made = PeerSession::create(runner.loop(), options, std::move(handlers));
        ASSERT_TRUE(made) << made.error().message;
        end.session = *std::move(made);
    }
};

} // namespace natterjack::test
