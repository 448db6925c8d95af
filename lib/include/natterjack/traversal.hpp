// SPDX-License-Identifier: MIT
/// \file
/// \brief The one interface: ask for a port to be reachable, get an Opening.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <natterjack/endpoint.hpp>
#include <natterjack/export.hpp>
#include <natterjack/loop.hpp>
#include <natterjack/opening.hpp>
#include <natterjack/remote_peers.hpp>
#include <natterjack/result.hpp>

namespace natterjack {

/// Which of the host's ways out to use. Default-made: the kernel's default routes.
struct NetworkChoice {
    std::string interface {};           ///< Its name; empty: any.
    std::optional<IpAddress> source{};  ///< One of our own addresses.
    std::optional<IpAddress> gateway{}; ///< Ask this one, default route or not.
};

/// By which of the host's addresses a port is to be reachable.
enum class Families : std::uint8_t {
    Ipv4, ///< A mapping on the gateway.
    Ipv6, ///< A pinhole in the firewall for each global address, temporary ones last; 16 at most.
    Both
};

/// What the application wants. Ports are in host byte order.
struct OpenRequest {
    std::uint16_t port = 0; ///< Internal port, 1 to 65535.
    Transport transport = Transport::Udp;
    std::uint16_t external_port = 0; ///< Wanted outside; 0: the same as \a port.
    /// Take whichever external port the gateway chooses; external_port is not looked at.
    bool any_external_port = false;
    /// Rather fail than take another external port. Otherwise another is taken when the wanted one
    /// belongs to somebody else. By PCP one round trip says which (PREFER_FAILURE).
    bool exact = false;
    /// Let in these, and nobody else; empty: anyone. At most 32. PCP can do it (FILTER), IGD for
    /// one whole host; a gateway that cannot opens nothing. With Families::Both each family is
    /// opened to those of its own.
    std::vector<RemotePeers> only_from{};
    std::chrono::seconds lifetime{7200}; ///< To ask for, 1 to 2^32-1. The gateway may grant less.
    /// How often the gateway is looked at between renewals, 1 second to a day: one that lost its
    /// mappings without a word is noticed within half of it.
    std::chrono::seconds check_interval{60};
    std::string description = "natterjack";   ///< Shown in the gateway's list; at most 63 bytes.
    std::chrono::milliseconds deadline{5000}; ///< For the answer, 1 ms to 10 minutes.
    /// Map for this host of the local network instead of ours. Gateways rarely allow it, and
    /// NAT-PMP cannot express it.
    std::optional<IpAddress> internal_address{};
    NetworkChoice network{};
    /// With Ipv6 or Both there may be several endpoints: OpeningInfo::also. One that is open makes
    /// a success; the answer waits for all.
    Families families = Families::Ipv4;
    /// "HOST:PORT" each, asked how the outside sees us: an external address that differs shows
    /// another NAT. Empty: those of the user's or the system's `servers.conf`, if there is one;
    /// else nobody.
    std::vector<std::string> stun_servers{};
    /// Have the opening tried from outside: OpeningInfo::proof is then more than a claim, where a
    /// server can be found that does it. For UDP a STUN server that answers to another port than
    /// the one that asked (RFC 5780), or a TURN server; for TCP `nat-probe serve`, which proves but
    /// never refutes, or a TURN server that makes connections (RFC 6062). Of each kind the first
    /// four are asked.
    ///
    /// The library listens on \a port itself while it tries, so open() comes before the application
    /// binds a UDP port. A TCP port may be in use: then a connection is made, and nothing is sent
    /// into it. It takes about three round trips to a server; some 4 s to refute a mapping.
    ///
    /// While the opening lives the proof is repeated, every ten check_intervals and when something
    /// has happened to the gateway, where the port allows it: a UDP port that is free, a TCP port
    /// at which the application listens. A mapping that is dead is deleted and made again.
    bool prove = false;
    /// For the proof: as PeerOptions::turn_servers, "turn:USER:PASSWORD@HOST:PORT?transport=udp" or
    /// "tcp". Empty: those of `servers.conf`.
    std::vector<std::string> turn_servers{};
};

/// Why there is no opening, and what each strategy tried.
struct OpenFailure {
    Error error;
    Story story;
};

/// Cancels its attempt when destroyed. Move-only; any thread.
///
/// After cancel() or destruction on the loop's thread the handler is never called; from another
/// thread it may be running at that moment. A mapping that was already asked for is removed.
class NATTERJACK_API Attempt {
public:
    Attempt() = default;
    explicit Attempt(std::function<void()> cancel) : cancel_(std::move(cancel)) {}
    Attempt(Attempt&& other) noexcept : cancel_(std::exchange(other.cancel_, nullptr)) {}
    Attempt& operator=(Attempt&& other) noexcept {
        if (this != &other) {
            cancel();
            cancel_ = std::exchange(other.cancel_, nullptr);
        }
        return *this;
    }
    ~Attempt() { cancel(); }

    void cancel() {
        if (auto cancel = std::exchange(cancel_, nullptr)) cancel();
    }

private:
    std::function<void()> cancel_;
};

/// One way, or a chain of ways, of making a port reachable. What it has begun and opened goes on
/// without it.
///
/// Errors of open(), besides those of the strategies:
/// \retval Errc::InvalidArgument  the request names no port, an unknown interface, ...
/// \retval Errc::Malformed        `servers.conf` cannot be read (detail: the line)
/// \retval Errc::TooLarge         ... as it is too long, or names too many servers; or the request
/// \retval Errc::NoNetwork        this host has no default route (or not the one that was named)
/// \retval Errc::NotFound         nothing here opens ports
/// \retval Errc::Refused          a gateway answered and said no
/// \retval Errc::Unsupported      ... because it cannot do this: `only_from`, another host, ...; or
///                                this build has none of the strategies that were named
/// \retval Errc::Conflict         `exact`, and the port belongs to somebody else
/// \retval Errc::Timeout          request.deadline passed
class NATTERJACK_API Traversal {
public:
    using Handler = std::function<void(Result<Opening, OpenFailure>)>;

    virtual ~Traversal() = default;

    /// Starts an attempt and returns at once. \a handler is called once, on the loop, before
    /// request.deadline, unless the attempt is cancelled. Any thread.
    [[nodiscard]] virtual Attempt open(OpenRequest request, Handler handler) = 0;
};

/// The chain of all strategies that this build has, in order of preference; or of \a only those.
[[nodiscard]] NATTERJACK_API std::unique_ptr<Traversal> make_chain(const Loop& loop,
                                                                   std::vector<Strategy> only = {});

/// The strategies that this build has, in order of preference.
[[nodiscard]] NATTERJACK_API std::vector<Strategy> available_strategies();

/// The simple way: blocks until the port is open or cannot be. Renewals run on Loop::shared().
/// \retval Errc::InvalidArgument  called on that loop's own thread
[[nodiscard]] NATTERJACK_API Result<Opening, OpenFailure> open(const OpenRequest& request);

} // namespace natterjack
