// SPDX-License-Identifier: MIT
/// \file
/// \brief Hears what a gateway says to everybody: that it started anew, or has another address.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <natterjack/loop.hpp>

#include "net/udp_socket.hpp"
#include "proto/epoch_check.hpp"
#include "strategies/mapper.hpp"

namespace natterjack {

/// An unsolicited PCP ANNOUNCE (RFC 6887 section 14.1.3), or NAT-PMP's notice of an address change
/// (RFC 6886 section 3.2.1). Anybody on the link can forge one: a reason to ask, never more.
struct Announcement {
    EpochCheck::Rule protocol = EpochCheck::Rule::Pcp;
    Lifetime epoch{0};
    std::optional<IpAddress> external; ///< NAT-PMP's.
    /// From another link-local address than the gateway's: routers that are fe80::1 announce from
    /// the one that they were born with. It may be another router altogether.
    bool uncertain = false;

    friend bool operator==(const Announcement&, const Announcement&) = default;
};

/// What \a payload from \a from announces, if \a from is the PCP port of \a gateway, or may be.
/// Pure.
[[nodiscard]] std::optional<Announcement> announcement_of(const IpAddress& gateway,
                                                          const Endpoint& from, ByteView payload);

/// Listens on port 5350 of the all-hosts group (224.0.0.1, ff02::1) of one link, beside whatever
/// else listens there. Belongs to the loop's thread.
class GatewayEar {
public:
    using Handler = std::function<void(const Announcement&)>;

    /// \retval Errc::Network  the kernel refused (detail: errno); also when another program keeps
    ///                        the port to itself
    [[nodiscard]] static Result<std::unique_ptr<GatewayEar>>
    open(const Loop& loop, const Path& path, Handler handler);
    GatewayEar(const GatewayEar&) = delete;
    GatewayEar& operator=(const GatewayEar&) = delete;

private:
    explicit GatewayEar(std::unique_ptr<net::UdpSocket> socket) : socket_(std::move(socket)) {}

    std::unique_ptr<net::UdpSocket> socket_;
};

} // namespace natterjack
