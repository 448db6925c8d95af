// SPDX-License-Identifier: MIT
#include "peer/session_factory.hpp"

#include <algorithm>
#include <utility>

#include "traversal/servers.hpp"

namespace natterjack::peer {

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

Result<FinderConfig> finder_config(const PeerOptions& options) {
    FinderConfig out{.controlling = options.role == PeerRole::Offer,
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

Result<std::shared_ptr<Session>> make_session(const Loop& loop, PeerOptions options,
                                              PeerHandlers handlers) {
    if (auto added = add_configured_servers(options); !added) return added.error();
    if (auto limits = check_limits(options); !limits) return limits.error();
    auto finder = finder_config(options);
    if (!finder) return finder.error();
    auto certificate = ice::DtlsCertificate::of_this_process();
    if (!certificate) return certificate.error();
    return std::make_shared<Session>(loop, std::move(options), *std::move(finder),
                                     std::move(handlers), *std::move(certificate));
}

} // namespace natterjack::peer
