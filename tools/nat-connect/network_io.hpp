// SPDX-License-Identifier: MIT
/// \file
/// \brief Listening for and making ordinary connections, for forwards: a wrapper of GIO's sockets.
///
/// Belongs to the main thread; handlers run on GLib's default context. Objects may be destroyed
/// inside their own handlers.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include <natterjack/endpoint.hpp>
#include <natterjack/result.hpp>

#include "fd_io.hpp"
#include "specs.hpp"

struct _GSocket;        // NOLINT(bugprone-reserved-identifier)
struct _GSocketAddress; // NOLINT(bugprone-reserved-identifier)
struct _GCancellable;   // NOLINT(bugprone-reserved-identifier)

namespace nat_connect {

/// Connects to a host, by name or address; for UDP, names the peer of a socket.
class Dial {
public:
    using Handler = std::function<void(natterjack::Result<Fd> socket)>;
    static constexpr std::chrono::seconds kLimit{20}; ///< Then it has failed.

    /// \a done is called once, never before this returns; the socket is non-blocking.
    /// \retval Errc::Network  no such host, refused, unreachable, too late
    Dial(natterjack::Transport transport, const HostPort& target, Handler done);
    /// Cancels it.
    ~Dial();
    Dial(const Dial&) = delete;
    Dial& operator=(const Dial&) = delete;

private:
    struct State;
    std::shared_ptr<State> state_;
};

/// A TCP or UDP socket that is bound for others to come to.
class BoundSocket {
public:
    /// \retval Errc::Network  the port is taken, the address is not ours, ...; detail: errno or 0
    [[nodiscard]] static natterjack::Result<std::unique_ptr<BoundSocket>>
    open(natterjack::Transport transport, const natterjack::Endpoint& at);
    ~BoundSocket();
    BoundSocket(const BoundSocket&) = delete;
    BoundSocket& operator=(const BoundSocket&) = delete;

    /// With the port that the system chose.
    [[nodiscard]] natterjack::Endpoint local() const { return local_; }
    /// Called whenever accept() or receive() may have something.
    void on_readable(std::function<void()> handler);

    /// TCP: the next connection, non-blocking; none: an empty Fd.
    /// \retval Errc::Network  one came and was turned away: there are too many open files
    [[nodiscard]] natterjack::Result<Fd> accept();

    /// UDP: the next datagram; its source in \a from. False: none. \a data is replaced.
    [[nodiscard]] bool receive(std::vector<std::uint8_t>& data, natterjack::Endpoint& from);
    /// UDP. May be lost, as all datagrams.
    void send(std::span<const std::uint8_t> data, const natterjack::Endpoint& to);

private:
    BoundSocket() = default;
    _GSocket* socket_ = nullptr;
    natterjack::Endpoint local_;
    std::unique_ptr<FdWatch> watch_;
    Fd spare_; // given up to turn a connection away, which would else stay at the door for ever
};

} // namespace nat_connect
