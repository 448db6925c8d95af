// SPDX-License-Identifier: MIT
/// \file
/// \brief --ping: how long a message takes to the peer and back.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <vector>

#include <natterjack/channel.hpp>

namespace nat_connect {

/// Sends a numbered message a second and waits for each to come back. Belongs to the main thread.
class Pinger {
public:
    using Duration = std::chrono::steady_clock::duration;
    static constexpr std::chrono::seconds kInterval{1};

    struct Handlers {
        std::function<void(unsigned number, Duration round_trip)> on_reply;
        std::function<void()>
            on_done; ///< All were sent, and came back or did not within kInterval.
    };
    /// \a count: 0 for no end.
    Pinger(natterjack::Channel channel, unsigned count, Handlers handlers);
    ~Pinger();
    Pinger(const Pinger&) = delete;
    Pinger& operator=(const Pinger&) = delete;

    [[nodiscard]] unsigned sent() const { return sent_; }
    /// Of all that came back, in their order.
    [[nodiscard]] const std::vector<Duration>& round_trips() const { return round_trips_; }

private:
    static int tick(void* self);
    void send_next();

    natterjack::Channel channel_;
    unsigned count_;
    Handlers handlers_;
    unsigned sent_ = 0;
    unsigned timer_ = 0;
    std::map<unsigned, std::chrono::steady_clock::time_point> under_way_;
    std::vector<Duration> round_trips_;
};

/// Sends back what comes on \a channel, for the peer's Pinger.
void echo(natterjack::Channel& channel);

} // namespace nat_connect
