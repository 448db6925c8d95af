// SPDX-License-Identifier: MIT
/// \file
/// \brief A STUN server in the private network of tests/support/netns.hpp.
#pragma once

#include <memory>
#include <utility>

#include <gtest/gtest.h>

#include "base/host_port.hpp"
#include "net/udp_socket.hpp"
#include "tests/support/netns.hpp"
#include "wire/stun.hpp"

namespace natterjack::test {

/// A STUN server at the gateway's address, on any port, that says everybody comes from kSeen.
class FakeStun {
public:
    static constexpr IpAddress kSeen = IpAddress::v4(0x19007107); ///< 25.0.113.7

    explicit FakeStun(const Loop& loop) {
        const InRouter there;
        auto socket = net::UdpSocket::open(loop, {.bind = {kGateway, 0}});
        EXPECT_TRUE(socket);
        if (!socket) return;
        socket_ = *std::move(socket);
        socket_->on_datagram([this](const Endpoint& from, ByteView payload) {
            const auto request = stun::decode(payload);
            if (!request) return;
            ++requests;
            stun::Message answer{.kind = stun::Class::Success, .transaction = request->transaction};
            answer.add(stun::AttributeType::XorMappedAddress,
                       stun::xor_address({kSeen, from.port}, request->transaction));
            (void)socket_->send(from, stun::encode(answer));
        });
    }

    [[nodiscard]] HostPort name() const { return {kGateway.to_string(), socket_->local().port}; }

    int requests = 0;

private:
    std::unique_ptr<net::UdpSocket> socket_;
};

} // namespace natterjack::test
