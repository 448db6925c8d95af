// SPDX-License-Identifier: MIT
/// \file
/// \brief Looks for gateways by SSDP: whom to ask, when, and whose answers count.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <natterjack/endpoint.hpp>

#include "base/datagram.hpp"
#include "base/time.hpp"
#include "proto/retransmit.hpp"
#include "wire/ssdp.hpp"

namespace natterjack {

/// A device that says that it is a gateway, with a location that is safe to fetch.
struct SsdpDevice {
    Endpoint responder;
    Endpoint server;         ///< Where the description is served: the responder's own address.
    std::string location;    ///< http, numeric host.
    std::string target;      ///< What it says it is (ST).
    std::string product;     ///< SERVER, for people; may be empty.
    bool is_gateway = false; ///< The responder is the gateway that was asked.
};

/// One search on one link. Sans-IO: the caller owns sockets and time.
///
/// Asks the gateway by unicast and everybody by multicast (by IPv6 the group ff05::c from the
/// second time on), for both versions of InternetGatewayDevice and for root devices, at 0, 100, 300
/// and 700 ms, or until the gateway has answered. The gateway's own answers are handed out at once.
/// Another responder of the local network (a repeater, an old router behind the desk, the other
/// half of a VRRP pair) is held back for a while, so that it does not win the race by a hair. By
/// IPv6 it may be the gateway all the same, which is asked at its link-local address and answers
/// from a global one: it is asked there, which makes the kernel learn its hardware address, and
/// is_gateways() a few times more.
class SsdpSearch {
public:
    struct Settings {
        IpAddress gateway; ///< Unspecified: nobody in particular.
        /// Whether another address of the link is the gateway's, too. Empty: none is. By IPv6 the
        /// answer may change from no to yes.
        std::function<bool(const IpAddress&)> is_gateways;
        IpAddress source;
        unsigned prefix_length = 0; ///< Of the link's network: responders must belong to it.
        bool multicast = true;
        /// Begins with one question to the gateway, as its answer is hardly needed: until widen()
        /// or the first repeat. A small router reads all questions before it serves a description.
        bool modest = false;
        Duration window{1000}; ///< How long answers are taken: MX is 1 s.
        Duration grace{250};   ///< How long another responder is held back.
    };
    /// Devices beyond this number are not looked at.
    static constexpr std::size_t kMaxDevices = 32;
    /// Of these, so many are kept free for the gateway.
    static constexpr std::size_t kGatewayShare = 8;

    explicit SsdpSearch(Settings settings) : settings_(std::move(settings)) {}

    /// Sends at once; takes answers until \a now + window, or until \a give_up_at if that is
    /// earlier.
    void start(TimePoint now, TimePoint give_up_at);
    /// Ignores what is no answer to this search, and answers from outside the local network.
    void handle_datagram(TimePoint now, const Endpoint& from, ByteView payload);
    void handle_timeout(TimePoint now);
    /// What was to be found without a search is not there: asks everything if it has not yet.
    void widen();
    /// Sends and takes no more. Devices that are held back are dropped.
    void stop();

    /// The next datagram to send, or empty when there is none.
    [[nodiscard]] std::optional<Datagram> poll_transmit();
    /// The next device to look at, each location once, or empty when there is none (yet).
    [[nodiscard]] std::optional<SsdpDevice> poll_device();
    /// When to call handle_timeout(); empty when over.
    [[nodiscard]] std::optional<TimePoint> deadline() const;
    /// True when no further device will come, apart from those that poll_device() still holds.
    [[nodiscard]] bool over() const { return over_; }
    /// Why an answer that came was not used: Errc::Unsafe (its location). Empty: none was refused.
    [[nodiscard]] const std::optional<Error>& refusal() const { return refusal_; }

private:
    struct Held {
        TimePoint until;
        SsdpDevice device;
    };
    /// An address that may turn out to be the gateway's.
    struct Watched {
        IpAddress address;
        RetransmitTimer looks;
    };

    void ask(const IpAddress& whom, std::string_view target);
    void ask_everything(bool again);
    void hold_back(TimePoint now, SsdpDevice device);
    void watch(TimePoint now, const IpAddress& address);
    void look_at_watched(TimePoint now);
    void recognise_gateway(const IpAddress& address);
    void release(TimePoint now);
    [[nodiscard]] bool is_local(const IpAddress& address) const;

    Settings settings_;
    RetransmitTimer timer_;
    bool over_ = true;
    std::deque<Datagram> outbox_;
    std::deque<SsdpDevice> ready_;
    std::deque<Held> held_; // in order of arrival, and so of release
    std::vector<Watched> watched_;
    std::set<std::string> seen_;
    std::optional<Error> refusal_;
    bool gateway_answered_ = false;
    bool asked_everything_ = false;
};

/// The numeric host and port of an http URL; everything else is refused: names, "(null)", other
/// schemes, user names, port 0, and what cannot be a device of a local network (loopback,
/// multicast, unspecified).
/// \retval Errc::Unsafe  not such a URL
/// An IPv6 zone is written as in RFC 6874 ("%25" and the number).
[[nodiscard]] Result<Endpoint> http_server_of(std::string_view url);

} // namespace natterjack
