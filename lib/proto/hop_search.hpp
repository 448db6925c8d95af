// SPDX-License-Identifier: MIT
/// \file
/// \brief Which routers stand on the way to an address, by datagrams of short life. Sans-IO.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include <natterjack/endpoint.hpp>

#include "base/time.hpp"
#include "proto/retransmit.hpp"

namespace natterjack {

/// One place on the way.
struct Hop {
    int distance = 0; ///< 1: the first router.
    IpAddress router; ///< Unspecified: there is one, and it did not answer.
    /// Since the last probe of this distance; 0 for a silent router.
    std::chrono::microseconds round_trip{0};

    friend bool operator==(const Hop&, const Hop&) = default;
};

/// The way as far as it was seen.
struct HopList {
    enum class End : std::uint8_t {
        Open,    ///< It goes on beyond the last hop, or nobody there answers.
        Reached, ///< The next after the last hop is the target.
        Refused  ///< The last hop says that it does not lead there.
    };
    /// By distance from the first that was looked for, without gaps. Silent ones at the end of an
    /// Open way are left out: nobody knows whether they exist.
    std::vector<Hop> hops;
    End end = End::Open;

    friend bool operator==(const HopList&, const HopList&) = default;
};

/// Sends probes with hop limits 1, 2, ... at once, repeats those that stay unanswered, and listens
/// to the ICMP messages about them.
///
/// The port that a probe is sent to tells its hop limit: a NAT on the way changes the source of the
/// datagram that an ICMP message quotes, not its destination. A router that limits how often it
/// sends ICMP (Linux: one a second to each address, after a few at once) answers a later repeat.
///
/// The caller owns the socket and the clock. After every call it drains poll_transmit(), then
/// sleeps until deadline() or until news arrives. Not thread-safe; never calls back.
class HopSearch {
public:
    struct Options {
        /// Nearer routers are not asked, and do not appear: 1 to max_hops.
        int first_hop = 1;
        int max_hops = 4; ///< 1 to 30.
        /// Of the first probe, the others follow; traceroute's, which nothing listens on.
        std::uint16_t first_port = 33434;
        RetransmitTimer::Policy repeats;
    };
    /// One datagram to send, empty, with that hop limit.
    struct Probe {
        Endpoint to;
        int hop_limit = 0;
    };

    HopSearch(IpAddress target, TimePoint give_up_at, Options options);
    HopSearch(IpAddress target, TimePoint give_up_at) : HopSearch(target, give_up_at, Options()) {}

    void start(TimePoint now);
    /// \a from let a datagram to \a to die. Ignores what is not about a probe.
    void handle_time_exceeded(const Endpoint& to, const IpAddress& from, TimePoint now);
    /// Nothing listens on \a to: the datagram has arrived.
    void handle_port_unreachable(const Endpoint& to);
    /// \a from says that the way to \a to ends there.
    void handle_unreachable(const Endpoint& to, const IpAddress& from, TimePoint now);
    void handle_timeout(TimePoint now);

    [[nodiscard]] std::optional<Probe> poll_transmit();
    /// When to call handle_timeout(); empty when done.
    [[nodiscard]] std::optional<TimePoint> deadline() const { return timer_.deadline(); }
    /// Empty while in progress: until every hop up to the end has answered, or give_up_at.
    [[nodiscard]] const std::optional<HopList>& result() const { return result_; }

private:
    struct Place {
        Hop hop;
        TimePoint sent_at;
    };
    [[nodiscard]] Place* place_of(const Endpoint& to);
    static void answer(Place& place, const IpAddress& from, TimePoint now);
    void send_unanswered(TimePoint now);
    void end_at(int distance, HopList::End end);
    void finish_if_complete();
    void finish();

    IpAddress target_;
    Options options_;
    TimePoint give_up_at_;
    RetransmitTimer timer_;
    std::vector<Place> places_; // those before the end; by distance, from first_hop on
    HopList::End end_ = HopList::End::Open;
    std::deque<Probe> outbox_;
    std::optional<HopList> result_;
};

} // namespace natterjack
