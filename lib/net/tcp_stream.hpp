// SPDX-License-Identifier: MIT
/// \file
/// \brief TCP connections on the loop: made, and taken.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <natterjack/endpoint.hpp>
#include <natterjack/loop.hpp>

#include "base/bytes.hpp"
#include "net/icmp_report.hpp"

namespace natterjack::net {

/// One connection, for exchanges of a few hundred bytes: what the kernel's buffer does not take at
/// once is an error. Belongs to the loop's thread; after destruction no handler is called.
class TcpStream {
public:
    struct Options {
        Endpoint bind;           ///< Our side; an unspecified address means any, port 0 any.
        unsigned interface = 0;  ///< Index, as UdpSocket::Options.
        bool share_port = false; ///< With other connections of this process, to other endpoints.
        bool heed_icmp = false;  ///< Remember what ICMP says about it: icmp().
    };
    struct Handlers {
        /// Once, when it stands; never for one that was taken. Empty: nobody wants to know.
        std::function<void()> on_open;
        /// Valid during the call. At most 16 KiB.
        std::function<void(ByteView bytes)> on_bytes;
        /// Once, and nothing after it: it could not be made, broke, or the other side ended it
        /// (Errc::NotFound). Errors: Errc::Network (detail: errno).
        std::function<void(const Error& error)> on_end;
    };

    /// Starts to connect; on_open or on_end follows, never before this returns. The kernel itself
    /// waits for minutes: the caller sets its own deadline.
    /// \retval Errc::Network  the kernel refused at once (detail: errno)
    [[nodiscard]] static Result<std::unique_ptr<TcpStream>>
    connect(const Loop& loop, const Endpoint& to, const Options& options, Handlers handlers);
    ~TcpStream();
    TcpStream(const TcpStream&) = delete;
    TcpStream& operator=(const TcpStream&) = delete;

    void set_handlers(Handlers handlers);
    /// Our end of it.
    [[nodiscard]] Endpoint local() const;
    /// \retval Errc::Network  broken, or not all was taken (detail: errno)
    Result<void> send(ByteView bytes);
    /// Why it could not be made, if an ICMP message said so and that was asked for.
    [[nodiscard]] const std::optional<IcmpReport>& icmp() const;
    /// Ends it by a reset when it is destroyed: nothing of it then lingers on the port.
    void reset_at_end();

private:
    friend class TcpListener;
    struct State;
    explicit TcpStream(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
};

/// Takes connections at one endpoint. Belongs to the loop's thread.
class TcpListener {
public:
    /// \a stream has no handlers yet.
    using Handler = std::function<void(std::unique_ptr<TcpStream> stream, const Endpoint& from)>;

    /// Shares the port with connections of the past (SO_REUSEADDR), never with another listener.
    /// \retval Errc::Conflict  somebody listens there already
    /// \retval Errc::Network   the kernel refused (detail: errno)
    [[nodiscard]] static Result<std::unique_ptr<TcpListener>>
    open(const Loop& loop, const Endpoint& at, Handler handler);
    ~TcpListener();
    TcpListener(const TcpListener&) = delete;
    TcpListener& operator=(const TcpListener&) = delete;

    /// With the port that the kernel chose, when 0 was asked for.
    [[nodiscard]] Endpoint local() const;

private:
    struct State;
    explicit TcpListener(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
};

} // namespace natterjack::net
