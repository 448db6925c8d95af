// SPDX-License-Identifier: MIT
#include <utility>

#include <natterjack/peer_session.hpp>

#include "peer/session.hpp"
#include "peer/session_factory.hpp"
#include "traversal/opening_state.hpp"

namespace natterjack {

namespace {

Error invalid(std::string message) {
    return {Errc::InvalidArgument, std::move(message)};
}

Error without_send() {
    return invalid("a session needs a `send` handler: it carries signalling");
}

} // namespace

Result<PeerSession> PeerSession::create(const Loop& loop, PeerOptions options,
                                        PeerHandlers handlers) {
    if (!handlers.send) return without_send();
    auto session = peer::make_session(loop, std::move(options), std::move(handlers));
    if (!session) return session.error();
    loop.post([session = *session] { session->start(); });
    return PeerSession(*std::move(session));
}

Result<PeerSession> PeerSession::take(Opening& opening, PeerHandlers handlers) {
    if (!handlers.send) return without_send();
    auto session = opening.state_->take_session();
    if (!session) return invalid("this opening carries no session (any more)");
    session->invite(std::move(handlers));
    return PeerSession(std::move(session));
}

PeerSession::PeerSession(std::shared_ptr<peer::Session> session) : session_(std::move(session)) {
}

PeerSession::PeerSession(PeerSession&&) noexcept = default;

PeerSession& PeerSession::operator=(PeerSession&& other) noexcept {
    if (this != &other) {
        if (session_) session_->abandon();
        session_ = std::move(other.session_);
    }
    return *this;
}

PeerSession::~PeerSession() {
    if (session_) session_->abandon();
}

Result<void> PeerSession::receive(std::string_view line) {
    return session_->receive(line);
}

Result<Channel> PeerSession::open_channel(std::string label, const ChannelOptions& options) {
    auto state = session_->open_channel(std::move(label), options);
    if (!state) return state.error();
    return Channel(*std::move(state));
}

Result<void> PeerSession::send_datagram(std::span<const std::uint8_t> datagram) {
    return session_->send_datagram(datagram);
}

std::size_t PeerSession::max_datagram() const {
    return session_->max_datagram();
}

void PeerSession::restart() {
    session_->loop().post([session = session_] { session->restart(); });
}

void PeerSession::close() {
    session_->loop().post([session = session_] { session->close(); });
}

PeerInfo PeerSession::info() const {
    return session_->info();
}

} // namespace natterjack
