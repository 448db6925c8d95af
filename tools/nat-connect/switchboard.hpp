// SPDX-License-Identifier: MIT
/// \file
/// \brief All forwards of a connection: those that we asked for, and those that the peer asks for.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <natterjack/channel.hpp>

#include "network_io.hpp"
#include "options.hpp"
#include "protocol.hpp"

namespace nat_connect {

/// Listens, connects and carries; refuses what is not allowed. Belongs to the main thread.
class Switchboard {
public:
    /// Connections, UDP clients and listening sockets at a time.
    static constexpr std::size_t kMaxItems = 256;

    struct Handlers {
        /// Opens a channel to the peer.
        std::function<natterjack::Result<natterjack::Channel>(
            const Purpose& purpose, const natterjack::ChannelOptions& options)>
            open_channel;
        /// A forward stands: ours, or (\a there) the peer's end of a reverse one.
        std::function<void(const Forward& forward, const natterjack::Endpoint& at, bool there)>
            on_listening;
        /// One line: what could not be done, while the rest goes on.
        std::function<void(const std::string& problem)> on_problem;
        /// Nobody can listen where we were asked to.
        std::function<void(const natterjack::Error& error)> on_failure;
    };
    Switchboard(const Options& options, Handlers handlers);
    ~Switchboard();

    /// Listens for our forwards, and asks the peer for our reverse ones.
    void start();
    /// A channel of the peer's, of a kind that names a place.
    void handle(const Purpose& purpose, natterjack::Channel channel);

private:
    /// One connection, one UDP client, one listening socket, or one wish to listen over there.
    struct Item;
    using Id = std::uint64_t;

    /// Leads \a channel, which the peer opened, to \a target.
    void connect(const Purpose& purpose, const HostPort& target, natterjack::Channel channel);
    /// Gives the peer what comes to a socket here, for as long as \a channel lives.
    void listen_for_peer(const Purpose& purpose, natterjack::Channel channel);
    void ask_to_listen(const Forward& reverse);
    natterjack::Result<natterjack::Endpoint> listen(Item& item, natterjack::Transport transport,
                                                    const natterjack::Endpoint& at,
                                                    const Purpose& purpose);
    void handle_connection(const std::weak_ptr<BoundSocket>& weak_listener, const Purpose& purpose);
    void handle_datagram(const std::weak_ptr<BoundSocket>& weak_listener, const Purpose& purpose,
                         const std::shared_ptr<std::map<natterjack::Endpoint, Id>>& clients);
    /// Whom \a socket leads to: one that we connected to, or one that connected to us.
    enum class Side : std::uint8_t { Target, Client };
    void carry(Side side, const Purpose& purpose, natterjack::Channel channel, Fd socket);
    [[nodiscard]] std::optional<natterjack::Channel> open_channel(const Purpose& purpose) const;
    static void refuse(natterjack::Channel channel, const std::string& why);

    const Options& options_;
    Handlers handlers_;
    Id next_ = 1;
    std::map<Id, Item> items_;
};

} // namespace nat_connect
