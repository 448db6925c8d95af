// SPDX-License-Identifier: MIT
#include "proto/ssdp_search.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace natterjack {

namespace {

constexpr RetransmitTimer::Policy kSchedule{.first_wait = Duration(100), .max_sends = 4};
// A neighbour answers the kernel within a millisecond or two.
constexpr RetransmitTimer::Policy kLooks{.first_wait = Duration(10)};
constexpr std::size_t kMaxWatched = 4;

Error unsafe_location(const Endpoint& responder, const std::string& location) {
    return {Errc::Unsafe, "the device at " + responder.address.to_string() +
                              " names a description that it may not choose (" + location +
                              "): only http to its own numeric address is followed"};
}

bool says_gateway(const ssdp::Response& response) {
    constexpr std::array<std::string_view, 3> kSigns = {
        ":InternetGatewayDevice:", ":WANIPConnection:", ":WANPPPConnection:"};
    return std::any_of(kSigns.begin(), kSigns.end(), [&](std::string_view sign) {
        return response.target.find(sign) != std::string::npos;
    });
}

// A device cannot know how we number our links, so a link-local location comes without a zone.
std::string with_zone_of(const IpAddress& responder, const std::string& location) {
    if (responder.scope_id() == 0) return location;
    const auto bracket = location.find(']');
    if (bracket == std::string::npos || location.find('%') < bracket) return location;
    return location.substr(0, bracket) + "%25" + std::to_string(responder.scope_id()) +
           location.substr(bracket);
}

} // namespace

Result<Endpoint> http_server_of(std::string_view url) {
    const Error error{Errc::Unsafe,
                      "\"" + printable(url, 200) + "\" is not plain http to a numeric address"};
    constexpr std::string_view kScheme = "http://";
    if (!equal_ignoring_case(url.substr(0, kScheme.size()), kScheme)) return error;
    url.remove_prefix(kScheme.size());
    auto authority = std::string(url.substr(0, url.find_first_of("/?#")));
    const bool has_port = authority.find(':', authority.find(']') + 1) != std::string::npos;
    if (!has_port) authority += ":80";
    if (const auto zone = authority.find("%25"); zone != std::string::npos) {
        authority.erase(zone + 1, 2);
    }
    const auto server = Endpoint::parse(authority);
    if (!server || server->port == 0) return error;
    const auto& address = server->address;
    if (address.is_unspecified() || address.is_loopback() || address.is_multicast() ||
        address == IpAddress::v4(0xFFFFFFFF)) {
        return error;
    }
    return *server;
}

void SsdpSearch::start(TimePoint now, TimePoint give_up_at) {
    timer_ = RetransmitTimer(kSchedule);
    timer_.start(now, std::min(now + settings_.window, give_up_at));
    over_ = false;
    if (settings_.modest && !settings_.gateway.is_unspecified()) {
        ask(settings_.gateway, ssdp::kGateway1);
    } else {
        ask_everything(false);
    }
}

void SsdpSearch::widen() {
    if (over_ || asked_everything_) return;
    gateway_answered_ = false; // that was for one target only
    ask_everything(false);
}

void SsdpSearch::stop() {
    timer_.stop();
    outbox_.clear();
    held_.clear();
    watched_.clear();
    over_ = true;
}

void SsdpSearch::ask(const IpAddress& whom, std::string_view target) {
    outbox_.push_back({{whom, ssdp::kPort}, ssdp::encode(ssdp::Search{std::string(target)})});
}

void SsdpSearch::ask_everything(bool again) {
    asked_everything_ = true;
    for (const auto target : {ssdp::kGateway1, ssdp::kGateway2, ssdp::kRootDevice}) {
        if (!settings_.gateway.is_unspecified()) ask(settings_.gateway, target);
        if (!settings_.multicast) continue;
        if (settings_.source.is_v4()) {
            ask(ssdp::kGroup, target);
        } else {
            ask(ssdp::group_v6(false), target);
            // Who is in that group is in the other one, too, but for a few.
            if (again) ask(ssdp::group_v6(true), target);
        }
    }
}

bool SsdpSearch::is_local(const IpAddress& address) const {
    return address == settings_.gateway ||
           (settings_.prefix_length > 0 &&
            same_network(address, settings_.source, settings_.prefix_length));
}

void SsdpSearch::handle_datagram(TimePoint now, const Endpoint& from, ByteView payload) {
    if (over_ || !is_local(from.address)) return;
    const auto response = ssdp::decode_response(payload);
    if (!response) return;
    // A root device may be anything, so only the gateway is worth a look for being one: other
    // hosts' televisions and printers answer that search too.
    const bool asked = from.address == settings_.gateway;
    const bool is_named = says_gateway(*response);
    if (!is_named && !(asked && response->target == ssdp::kRootDevice)) return;
    // The answer's source port is free: some routers do not answer from 1900.
    const auto location = with_zone_of(from.address, response->location);
    const auto server = http_server_of(location);
    if (!server || server->address != from.address) {
        if (!refusal_ || asked) refusal_ = unsafe_location(from, response->location);
        return;
    }
    // Others cannot crowd the gateway out.
    const auto limit = asked ? kMaxDevices : kMaxDevices - kGatewayShare;
    if (seen_.size() >= limit || !seen_.insert(location).second) return;
    const bool is_gateway = asked || (settings_.is_gateways && settings_.is_gateways(from.address));
    gateway_answered_ = gateway_answered_ || (is_gateway && is_named);
    SsdpDevice device{from, *server, location, response->target, response->server, is_gateway};
    if (is_gateway || settings_.gateway.is_unspecified()) {
        ready_.push_back(std::move(device));
    } else {
        hold_back(now, std::move(device));
    }
}

void SsdpSearch::hold_back(TimePoint now, SsdpDevice device) {
    if (settings_.is_gateways && !settings_.source.is_v4()) watch(now, device.responder.address);
    held_.push_back({now + settings_.grace, std::move(device)});
}

// The kernel learns a neighbour's hardware address when something is sent there.
void SsdpSearch::watch(TimePoint now, const IpAddress& address) {
    const bool is_watched =
        std::any_of(watched_.begin(), watched_.end(),
                    [&](const Watched& other) { return other.address == address; });
    if (is_watched || watched_.size() >= kMaxWatched) return;
    watched_.push_back({address, RetransmitTimer(kLooks)});
    watched_.back().looks.start(now, TimePoint::max()); // as long as it is held back
    ask(address, ssdp::kGateway2);
}

void SsdpSearch::look_at_watched(TimePoint now) {
    std::vector<IpAddress> recognised;
    for (auto& each : watched_) {
        const bool is_due = each.looks.expire(now) == RetransmitTimer::Verdict::Resend;
        if (is_due && settings_.is_gateways(each.address)) recognised.push_back(each.address);
    }
    for (const auto& address : recognised) recognise_gateway(address);
}

void SsdpSearch::recognise_gateway(const IpAddress& address) {
    gateway_answered_ = true; // whoever is held back has a gateway's name
    std::erase_if(watched_, [&](const Watched& each) { return each.address == address; });
    for (auto each = held_.begin(); each != held_.end();) {
        if (each->device.responder.address != address) {
            ++each;
            continue;
        }
        each->device.is_gateway = true;
        ready_.push_back(std::move(each->device));
        each = held_.erase(each);
    }
}

void SsdpSearch::release(TimePoint now) {
    while (!held_.empty() && (over_ || held_.front().until <= now)) {
        ready_.push_back(std::move(held_.front().device));
        held_.pop_front();
    }
    if (held_.empty()) watched_.clear();
}

void SsdpSearch::handle_timeout(TimePoint now) {
    look_at_watched(now);
    switch (timer_.expire(now)) {
    case RetransmitTimer::Verdict::Wait: break;
    case RetransmitTimer::Verdict::Resend:
        if (!gateway_answered_) ask_everything(asked_everything_);
        break;
    case RetransmitTimer::Verdict::GiveUp: over_ = true; break;
    }
    release(now);
}

std::optional<Datagram> SsdpSearch::poll_transmit() {
    if (outbox_.empty()) return std::nullopt;
    auto datagram = std::move(outbox_.front());
    outbox_.pop_front();
    return datagram;
}

std::optional<SsdpDevice> SsdpSearch::poll_device() {
    if (ready_.empty()) return std::nullopt;
    auto device = std::move(ready_.front());
    ready_.pop_front();
    return device;
}

std::optional<TimePoint> SsdpSearch::deadline() const {
    if (over_) return std::nullopt;
    auto next = timer_.deadline();
    if (held_.empty()) return next;
    auto soonest = held_.front().until;
    for (const auto& each : watched_) soonest = std::min(soonest, *each.looks.deadline());
    return next ? std::min(*next, soonest) : soonest;
}

} // namespace natterjack
