// SPDX-License-Identifier: MIT
/// \file
/// \brief libnice, as we use it: one stream of one component, UDP, on our loop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <natterjack/endpoint.hpp>
#include <natterjack/loop.hpp>

#include "base/bytes.hpp"
#include "wire/candidate.hpp"

namespace natterjack::ice {

/// How many servers of each kind a session takes; libnice has room for 8 relays.
inline constexpr std::size_t kMaxServers = 8;

/// Why not libnice's own ways, see stun_client.hpp (STUN servers) and peer/ (mappings, restarts).
///
/// Belongs to the loop's thread. Handlers may be called inside gather(), add_remote_candidate() and
/// set_remote_credentials(); the agent may be destroyed in any of them. Destroying it closes it:
/// relays are given back in the background.
class IceAgent {
public:
    /// A relay whose name was resolved.
    struct Relay {
        Endpoint address;
        Transport transport = Transport::Udp;
        std::string user;
        std::string password;
    };

    struct Config {
        bool controlling = true;
        std::string ufrag;                ///< Ours; 4 to 256 ICE characters.
        std::string password;             ///< Ours; 22 to 256 ICE characters.
        std::vector<IpAddress> addresses; ///< Where to listen, each at a port of its own.
        bool relay_only = false;          ///< No other candidate is found, used or accepted.
    };

    struct Pair {
        sdp::CandidateType local_type = sdp::CandidateType::Host;
        Endpoint local; ///< As the peer sees it, as far as that is known.
        Endpoint base;  ///< Of the socket.
        sdp::CandidateType remote_type = sdp::CandidateType::Host;
        Endpoint remote;
        std::uint32_t local_priority = 0;

        friend bool operator==(const Pair&, const Pair&) = default;
    };

    /// All but one may be empty; on_datagram's bytes are valid during the call.
    struct Handlers {
        std::function<void(sdp::Candidate)> on_candidate;
        std::function<void()> on_gathered;
        /// A pair works, or a better one does.
        std::function<void(const Pair&)> on_selected;
        /// libnice gave the path up (a relay went away, or silence for 50 s).
        std::function<void()> on_lost;
        std::function<void(ByteView)> on_datagram;
    };

    /// \retval Errc::NoNetwork  no address to listen at, or none of them can be bound
    [[nodiscard]] static Result<std::unique_ptr<IceAgent>>
    create(const Loop& loop, const Config& config, Handlers handlers);
    ~IceAgent();
    IceAgent(const IceAgent&) = delete;
    IceAgent& operator=(const IceAgent&) = delete;

    /// Host candidates come before this returns.
    /// \retval Errc::NoNetwork  no address could be bound
    Result<void> gather();

    /// Asks a relay for an address; on_candidate follows when it gives one. At most kMaxServers,
    /// after gather() has returned.
    void add_relay(const Relay& relay);

    /// A socket of the agent's, for more than libnice does with it.
    struct Socket {
        int fd = -1; ///< Libnice's; lives as long as the agent.
        Endpoint local;
    };
    [[nodiscard]] const std::vector<Socket>& sockets() const { return sockets_; }

    /// Once, before the first candidate. Both as sdp::decode_description() lets them through.
    void set_remote_credentials(const std::string& ufrag, const std::string& password);
    /// Checked by the caller: numeric, and allowed by check_candidate(). Those that this agent
    /// cannot use (TCP) are passed over.
    void add_remote_candidate(const sdp::Candidate& candidate);

    /// Over the selected pair. False: there is none, or there is no room now.
    bool send(ByteView datagram);

private:
    struct Nice;
    explicit IceAgent(Loop loop);
    void set_up(const Config& config);
    void take_sockets();

    Loop loop_;
    Handlers handlers_;
    std::unique_ptr<Nice> nice_;
    std::vector<Socket> sockets_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace natterjack::ice
