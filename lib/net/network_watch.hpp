// SPDX-License-Identifier: MIT
/// \file
/// \brief Says when the host's addresses or routes may have changed (rtnetlink multicast).
#pragma once

#include <functional>
#include <memory>

#include <natterjack/loop.hpp>
#include <natterjack/result.hpp>

#include "net/loop.hpp"

namespace natterjack::net {

/// Belongs to the loop's thread. Changes come in swarms: the handler is called once they have been
/// over for \a settle. What changed, read_network() tells. All that watch on one loop share a
/// socket, in the network (namespace) of the first.
class NetworkWatch {
public:
    /// \retval Errc::Network  the kernel refused (detail: errno)
    [[nodiscard]] static Result<std::unique_ptr<NetworkWatch>>
    open(const Loop& loop, Duration settle, std::function<void()> handler);
    ~NetworkWatch();
    NetworkWatch(const NetworkWatch&) = delete;
    NetworkWatch& operator=(const NetworkWatch&) = delete;

private:
    class Ear;
    NetworkWatch(const Loop& loop, std::shared_ptr<Ear> ear, Duration settle,
                 std::function<void()> handler);
    void handle_change();

    std::shared_ptr<Ear> ear_;
    Duration settle_;
    std::function<void()> handler_;
    Timer timer_;
};

} // namespace natterjack::net
