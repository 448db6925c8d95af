// SPDX-License-Identifier: MIT
/// \file
/// \brief A peer that is ICE-lite (RFC 8445 section 2.5), and a session that connects to it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include <gtest/gtest.h>

#include <natterjack/peer_session.hpp>

#include "net/hmac.hpp"
#include "net/udp_socket.hpp"
#include "tests/support/loop_runner.hpp"
#include "tests/support/netns.hpp"
#include "wire/signal_json.hpp"
#include "wire/stun.hpp"

namespace natterjack::test {

/// Answers checks and never sends any; echoes every other datagram once a pair is nominated. It
/// stands at the router's address; the session at the host's carries plain datagrams.
class LitePeer {
public:
    /// What the session's checks said.
    struct Seen {
        bool controlling = false;
        bool controlled = false;
        bool nominated = false;
    };

    /// \a offers: it is the one that offers, and the session answers.
    explicit LitePeer(bool offers) : offers_(offers) {
        const InRouter there;
        auto socket = net::UdpSocket::open(runner_.loop(), {.bind = {kGateway, 0}});
        EXPECT_TRUE(socket);
        if (!socket) return;
        socket_ = *std::move(socket);
        socket_->on_datagram(
            [this](const Endpoint& from, ByteView payload) { take(from, payload); });
    }

    [[nodiscard]] bool connect() {
        PeerOptions options;
        options.map = false;
        options.payload = PeerPayload::UnsafeDatagrams;
        options.role = offers_ ? PeerRole::Answer : PeerRole::Offer;
        PeerHandlers handlers;
        handlers.send = [this](const std::string& line) { hear(line); };
        handlers.on_state = [this](PeerState state, const PeerInfo& info) {
            state_ = state;
            if (info.error) why_ = info.error->message;
        };
        handlers.on_datagram = [this](std::span<const std::uint8_t> datagram) {
            echoed_.assign(datagram.begin(), datagram.end());
        };
        auto made = PeerSession::create(runner_.loop(), options, std::move(handlers));
        if (!made) return false;
        session_ = *std::move(made);
        if (offers_) describe(sdp::Kind::Offer);
        return runner_.run_until([&] { return state_ == PeerState::Connected; });
    }

    /// Whether a datagram comes back.
    [[nodiscard]] bool echoes() {
        const std::string text = "there and back";
        if (!session_->send_datagram(
                {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()})) {
            return false;
        }
        return runner_.run_until([&] { return echoed_ == text; });
    }

    [[nodiscard]] const Seen& seen() const { return seen_; }
    [[nodiscard]] const std::string& why() const { return why_; }

private:
    static constexpr const char* kUfrag = "lite";
    static constexpr const char* kPassword = "litelitelitelitelitelite";

    void describe(sdp::Kind kind) {
        sdp::Description out;
        out.kind = kind;
        out.session_id = 1;
        out.version = 1;
        out.ufrag = kUfrag;
        out.password = kPassword;
        out.trickle = false;
        out.fingerprints = {{sdp::Hash::Sha256, std::vector<std::uint8_t>(32)}};
        out.setup = kind == sdp::Kind::Offer ? sdp::Setup::ActPass : sdp::Setup::Passive;
        sdp::Candidate candidate;
        candidate.foundation = "1";
        candidate.priority = 2130706431;
        candidate.address = kGateway;
        candidate.port = socket_->local().port;
        out.candidates = {candidate};
        out.end_of_candidates = true;
        auto text = sdp::encode(out);
        text.insert(text.find("m="), "a=ice-lite\r\n"); // which encode() never writes
        EXPECT_TRUE(session_->receive(signal::encode(signal::Description{kind, text})));
    }

    void hear(const std::string& line) {
        const auto message = signal::decode(line);
        ASSERT_TRUE(message);
        const auto* const description = std::get_if<signal::Description>(&*message);
        if (description && description->kind == sdp::Kind::Offer) describe(sdp::Kind::Answer);
    }

    void take(const Endpoint& from, ByteView payload) {
        const auto request = stun::decode(payload);
        if (!request) {
            if (seen_.nominated) (void)socket_->send(from, payload);
            return;
        }
        const std::string password = kPassword;
        const std::vector<std::uint8_t> key(password.begin(), password.end());
        if (request->kind != stun::Class::Request ||
            !stun::has_integrity(payload, key, net::hmac_sha1)) {
            return;
        }
        for (const auto& attribute : request->attributes) {
            if (attribute.type == 0x8029) seen_.controlled = true; // ICE-CONTROLLED
            if (attribute.type == 0x802A) seen_.controlling = true;
            if (attribute.type == 0x0025) seen_.nominated = true; // USE-CANDIDATE
        }
        stun::Message answer{.kind = stun::Class::Success, .transaction = request->transaction};
        answer.add(stun::AttributeType::XorMappedAddress,
                   stun::xor_address(from, request->transaction));
        stun::add_integrity(answer, key, net::hmac_sha1);
        stun::add_fingerprint(answer);
        (void)socket_->send(from, stun::encode(answer));
    }

    bool offers_;
    LoopRunner runner_;
    std::unique_ptr<net::UdpSocket> socket_;
    std::optional<PeerSession> session_;
    PeerState state_ = PeerState::Gathering;
    std::string why_;
    std::string echoed_;
    Seen seen_;
};

} // namespace natterjack::test
