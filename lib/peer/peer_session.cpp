// SPDX-License-Identifier: MIT
#include <algorithm>
#include <utility>

#include <natterjack/peer_session.hpp>

#include "peer/session.hpp"
#include "traversal/servers.hpp"

namespace natterjack {

namespace {

using std::chrono::milliseconds;

Error invalid(std::string message) {
    return {Errc::InvalidArgument, std::move(message)};
}

Result<void> check_limits(const PeerOptions& options) {
    const auto within = [](milliseconds value, milliseconds low) {
        return value >= low && value <= std::chrono::minutes(10);
    };
    if (!within(options.gathering_limit, milliseconds(1)) ||
        !within(options.connect_limit, milliseconds(1)) ||
        !within(options.silence_limit, std::chrono::seconds(5))) {
        return invalid("a session's limits: gathering and connecting 1 ms to 10 minutes, silence "
                       "5 s to 10 minutes");
    }
    if (options.stun_servers.size() > ice::kMaxServers ||
        options.turn_servers.size() > ice::kMaxServers) {
        return invalid("a session takes at most 8 STUN and 8 TURN servers");
    }
    if (options.relay_only && options.turn_servers.empty()) {
        return invalid("only a relay is allowed, and no TURN server is named");
    }
    return {};
}

/// Puts the user's servers, or the system's, in the place of those that the caller did not name.
Result<void> add_configured_servers(PeerOptions& options) {
    if (!options.stun_servers.empty() && !options.turn_servers.empty()) return {};
    const auto servers = read_servers();
    if (!servers) return servers.error();
    const auto fill = [](std::vector<std::string>& out, const std::vector<std::string>& from) {
        if (!out.empty()) return;
        out.assign(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(
                                                    std::min(from.size(), ice::kMaxServers)));
    };
    fill(options.stun_servers, servers->stun);
    fill(options.turn_servers, servers->turn);
    return {};
}

Result<peer::FinderConfig> finder_config(const PeerOptions& options) {
    peer::FinderConfig out{.controlling = options.role == PeerRole::Offer,
                           .map = options.map,
                           .relay_only = options.relay_only,
                           .allow_loopback = options.allow_loopback,
                           .network = options.network,
                           .addresses = {},
                           .stun = {},
                           .turn = {}};
    for (const auto& text : options.stun_servers) {
        auto server = parse_stun_server(text);
        if (!server) return server.error();
        out.stun.push_back(*std::move(server));
    }
    for (const auto& text : options.turn_servers) {
        auto server = parse_turn_server(text);
        if (!server) return server.error();
        out.turn.push_back(*std::move(server));
    }
    return out;
}

} // namespace

Result<PeerSession> PeerSession::create(const Loop& loop, PeerOptions options,
                                        PeerHandlers handlers) {
    if (!handlers.send) return invalid("a session needs a `send` handler: it carries signalling");
    if (auto added = add_configured_servers(options); !added) return added.error();
    if (auto limits = check_limits(options); !limits) return limits.error();
    auto finder = finder_config(options);
    if (!finder) return finder.error();
    auto certificate = ice::DtlsCertificate::of_this_process();
    if (!certificate) return certificate.error();
    auto session = std::make_shared<peer::Session>(loop, std::move(options), *std::move(finder),
                                                   std::move(handlers), *std::move(certificate));
    loop.post([session] { session->start(); });
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
