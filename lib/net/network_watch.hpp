// SPDX-License-Identifier: MIT
/// \file
/// \brief Says when the host's addresses or routes may have changed (rtnetlink multicast).
#pragma once

#include <functional>
#include <memory>

#include <natterjack/loop.hpp>
#include <natterjack/result.hpp>

#include "net/fd.hpp"
#include "net/loop.hpp"

namespace natterjack::net {

/// Belongs to the loop's thread. Changes come in swarms: the handler is called once they have been
/// over for \a settle. What changed, read_network() tells.
class NetworkWatch {
public:
    /// \retval Errc::Network  the kernel refused (detail: errno)
    [[nodiscard]] static Result<std::unique_ptr<NetworkWatch>>
    open(const Loop& loop, Duration settle, std::function<void()> handler);
    NetworkWatch(const NetworkWatch&) = delete;
    NetworkWatch& operator=(const NetworkWatch&) = delete;

private:
    NetworkWatch(const Loop& loop, Fd fd, Duration settle, std::function<void()> handler);
    void drain();

    Fd fd_;
    Duration settle_;
    std::function<void()> handler_;
    Timer timer_;
    ReadWatch watch_;
};

} // namespace natterjack::net
