// SPDX-License-Identifier: MIT
/// \file
/// \brief A virtual clock and an event queue. Nothing in it sleeps or opens a socket.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "base/bytes.hpp"
#include "base/datagram.hpp"
#include "base/time.hpp"

namespace natterjack::test {

/// Runs scheduled actions in time order; time jumps from one to the next.
class Simulator {
public:
    [[nodiscard]] TimePoint now() const { return now_; }

    void at(TimePoint when, std::function<void()> action) {
        queue_.emplace(when, std::move(action));
    }
    void after(Duration delay, std::function<void()> action) {
        at(now_ + delay, std::move(action));
    }

    /// Runs until done() or until nothing is scheduled. Returns done().
    bool run_until(const std::function<bool()>& done) {
        while (!done() && !queue_.empty()) {
            auto next = queue_.extract(queue_.begin());
            now_ = next.key();
            next.mapped()();
        }
        return done();
    }

    /// Forgets what is scheduled: for machines that are gone.
    void clear() { queue_.clear(); }

private:
    TimePoint now_{std::chrono::hours(1)};                  // not zero: zero often means "unset"
    std::multimap<TimePoint, std::function<void()>> queue_; // equal times keep insertion order
};

/// Runs one exchange against a scripted peer over a link with a fixed delay.
/// The peer returns an answer, or nothing to model loss.
template<class Exchange>
void run_exchange(Simulator& sim, Exchange& exchange, Duration one_way_delay,
                  const std::function<std::optional<Datagram>(const Datagram&)>& peer) {
    std::function<void()> pump = [&] {
        while (auto sent = exchange.poll_transmit()) {
            sim.after(one_way_delay, [&, request = *sent] {
                if (auto answer = peer(request)) {
                    sim.after(one_way_delay, [&, from = request.to, reply = *answer] {
                        exchange.handle_datagram(from, reply.payload);
                        pump();
                    });
                }
            });
        }
        if (const auto deadline = exchange.deadline()) {
            sim.at(*deadline, [&] {
                exchange.handle_timeout(sim.now());
                pump();
            });
        }
    };
    exchange.start(sim.now());
    pump();
    sim.run_until([&] { return exchange.result().has_value(); });
}

} // namespace natterjack::test
