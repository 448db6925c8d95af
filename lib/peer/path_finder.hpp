// SPDX-License-Identifier: MIT
/// \file
/// \brief One round of ICE: from our own addresses to a path that works, and is watched.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <natterjack/peer_info.hpp>
#include <natterjack/peer_session.hpp>

#include "base/server_url.hpp"
#include "net/loop.hpp"
#include "net/resolver.hpp"
#include "peer/path_kind.hpp"
#include "peer/port_mapping.hpp"
#include "strategies/ice/ice_agent.hpp"
#include "strategies/ice/stun_client.hpp"
#include "wire/sdp.hpp"

namespace natterjack::peer {

/// What a session asks of every round.
struct FinderConfig {
    bool controlling = true;
    bool map = true; ///< At once.
    bool relay_only = false;
    bool allow_loopback = false;
    NetworkChoice network;
    std::vector<IpAddress> addresses;
    std::vector<HostPort> stun;
    std::vector<TurnServer> turn;
};

inline constexpr std::size_t kMaxRemoteCandidates = 150; ///< As many as libnice checks pairs.
inline constexpr std::size_t kMaxRemoteNames = 16;       ///< A browser hides each of its addresses.

/// A restart makes another one. Belongs to the loop's thread.
///
/// Handlers may be called inside start(), set_remote() and add_remote_candidate(), but for
/// those of time-outs; the finder must not be destroyed inside one: mute() it and destroy it later.
class PathFinder {
public:
    struct Handlers {
        std::function<void(const sdp::Candidate&)> on_candidate;
        std::function<void()> on_gathered; ///< Once: no more candidates are waited for.
        std::function<void()> on_mapped;   ///< Once, if ever.
        std::function<void(const PeerPath&)> on_path;
        std::function<void()>
            on_quiet;                  ///< The peer did not answer lately; again while it does not.
        std::function<void()> on_lost; ///< libnice gave up.
        /// The peer is asked through a relay, whose answers are not always seen here: make it send
        /// something else. False: there is nothing, or nothing yet, that can.
        std::function<bool()> on_asking;
        std::function<void()> on_round_trip; ///< It was measured.
        std::function<void(ByteView)> on_datagram;
    };

    PathFinder(const Loop& loop, FinderConfig config, Handlers handlers);
    ~PathFinder();
    PathFinder(const PathFinder&) = delete;
    PathFinder& operator=(const PathFinder&) = delete;

    /// \retval Errc::NoNetwork  no address can be bound
    Result<void> start();
    /// Has the gateways map the port, after a start() with FinderConfig::map off.
    void map_port();
    /// No handler any more.
    void mute();

    [[nodiscard]] const std::string& ufrag() const { return ufrag_; }
    [[nodiscard]] const std::string& password() const { return password_; }
    /// So far; what may be shown to the peer.
    [[nodiscard]] const std::vector<sdp::Candidate>& candidates() const { return candidates_; }
    [[nodiscard]] bool gathered() const { return gathered_; }

    /// Once. The description's candidates are taken too.
    void set_remote(const sdp::Description& remote);
    [[nodiscard]] bool has_remote() const { return !remote_ufrag_.empty(); }
    [[nodiscard]] const std::string& remote_ufrag() const { return remote_ufrag_; }
    /// Names are looked up; what may not be sent to is refused, and so is what goes beyond the two
    /// bounds below: in a note.
    void add_remote_candidate(const sdp::Candidate& candidate);

    bool send(ByteView datagram) { return agent_ && agent_->send(datagram); }
    [[nodiscard]] const std::optional<PeerPath>& path() const { return path_; }
    [[nodiscard]] std::optional<std::chrono::microseconds> round_trip() const { return rtt_; }
    /// When the peer was last heard; only with a path.
    [[nodiscard]] TimePoint last_heard() const { return last_heard_; }
    [[nodiscard]] const std::vector<IpAddress>& addresses() const { return config_.addresses; }

    /// Fills in what this knows of our own addresses.
    void describe(PeerInfo& info) const;
    /// Why there is no path, and what may help. One line.
    [[nodiscard]] std::string explain_failure() const;

private:
    struct Socket {
        Socket(const Loop& loop, const ice::IceAgent::Socket& socket)
            : fd(socket.fd), local(socket.local), stun(loop, socket.fd) {}
        int fd;
        Endpoint local;
        ice::StunClient stun;
        std::optional<Endpoint> reflexive;
    };

    void take_local(sdp::Candidate candidate);
    void emit(sdp::Candidate candidate);
    void resolve_servers();
    void note(std::string what);
    void begin_waiting() { ++awaited_; }
    void done_waiting();
    void greet_relay(const Endpoint& relay);
    void query_stun(const Endpoint& server);
    void ask_where(Socket& socket, std::size_t server);
    void take_reflexive(Socket& socket, const Endpoint& mapped, std::size_t server);
    void refresh_reflexive();
    void take_mapping(const Result<PortMapping::Mapped>& result);
    [[nodiscard]] const sdp::Candidate* host_candidate(const Endpoint& base) const;
    [[nodiscard]] sdp::Candidate derived(const Endpoint& base, const Endpoint& external,
                                         unsigned type_preference, const std::string& from) const;

    void use_remote_candidate(const sdp::Candidate& candidate);
    void resolve_remote(const sdp::Candidate& candidate);
    void send_openers(const Endpoint& to);
    void repeat_openers();

    void take_pair(const ice::IceAgent::Pair& pair);
    void update_path();
    void seek_direct();
    void ask_directly();
    [[nodiscard]] ice::IceCheck check_from(std::uint32_t local_priority) const;
    void watch();
    void ask_peer();
    [[nodiscard]] bool may_pad();
    [[nodiscard]] bool take_padded_check(ByteView datagram);
    [[nodiscard]] std::string why_relayed() const;

    Loop loop_;
    FinderConfig config_;
    Handlers handlers_;
    std::string ufrag_;
    std::string password_;
    std::string remote_ufrag_;
    std::string remote_password_;
    std::uint64_t tie_breaker_ = 0;
    std::unique_ptr<ice::IceAgent> agent_;
    std::deque<Socket> sockets_; // before agent_'s end: they borrow its descriptors
    std::vector<std::unique_ptr<net::Resolution>> resolutions_;
    std::vector<Endpoint> stun_servers_;
    std::vector<ice::IceAgent::Relay> relays_;
    std::unique_ptr<PortMapping> mapping_;
    std::optional<PortMapping::Mapped> mapped_;
    std::vector<sdp::Candidate> candidates_;
    std::vector<sdp::Candidate> remote_candidates_; // numeric
    std::vector<sdp::Candidate> remote_names_;
    bool cut_off_ = false; // there were more
    std::vector<std::string> notes_;
    std::size_t awaited_ = 0;
    bool relays_asked_ = false;
    bool relay_answers_ = false; // one of them, to a plain question
    bool gathered_ = false;
    std::optional<ice::IceAgent::Pair> pair_;
    std::optional<PeerPath> path_;
    std::optional<std::chrono::microseconds> rtt_;
    TimePoint last_heard_{};
    bool must_answer_ = false;   // to the question under way, in one way or another
    bool answered_once_ = false; // the peer answers our checks: silence means something
    bool asking_ = false;
    int padded_ = 0; // checks that were sent as data
    int openers_sent_ = 0;
    Duration seek_pause_{};
    net::Timer opener_timer_;
    net::Timer refresh_timer_;
    net::Timer watch_timer_;
    net::Timer seek_timer_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace natterjack::peer
