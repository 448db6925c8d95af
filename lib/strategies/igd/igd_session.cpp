// SPDX-License-Identifier: MIT
#include "strategies/igd/igd_session.hpp"

#include <algorithm>

#include "proto/ssdp_search.hpp"

namespace natterjack::igd {

void Session::find_service(TimePoint deadline, ServiceHandler handler) {
    if (found_) return handler(*found_);
    waiting_.push_back(std::move(handler));
    if (discovery_) return;
    discovery_ = std::make_unique<IgdDiscovery>(
        loop, path, http, deadline, [this](const Result<FoundGateway>& found) {
            if (found) found_ = *found;
            const auto ended = std::exchange(discovery_, nullptr); // lives while it calls
            for (const auto& waiting : std::exchange(waiting_, {})) waiting(found);
        });
}

Error Session::why_not() const {
    if (discovery_) return discovery_->why_not();
    return {Errc::Timeout, "the gateway did not answer in time"};
}

Result<IgdService> Session::service_of(const Mapping& mapping) const {
    const auto server = http_server_of(mapping.control_url);
    // An IPv6 router is known by its link-local address, and serves by another one.
    const bool its_own = server && (path.source.is_v4() ? server->address == mapping.gateway
                                                        : mapping.gateway == path.gateway);
    const bool local = its_own && (server->address == path.gateway ||
                                   same_network(server->address, path.source, path.prefix_length));
    if (!local ||
        (!is_wan_service(mapping.service_type) && !is_firewall_service(mapping.service_type))) {
        return Error{Errc::Unsafe, "the control URL \"" + mapping.control_url +
                                       "\" is not one of a gateway of this network"};
    }
    return IgdService(http, {mapping.service_type, mapping.control_url}, server->address);
}

void Session::run(const std::shared_ptr<Operation>& operation) {
    operations_.push_back(operation);
    loop.post([weak = std::weak_ptr(operation)] {
        if (const auto started = weak.lock()) started->start();
    });
}

void Session::remove(const Operation* operation) {
    std::erase_if(operations_, [&](const auto& other) { return other.get() == operation; });
}

void Session::shut() {
    discovery_.reset();
    waiting_.clear();
    for (const auto& operation : std::exchange(operations_, {})) operation->abandon();
}

void Operation::start() {
    if (over_) return;
    watchdog_.start_at(deadline_, guarded([this] { fail(session_->why_not()); }));
    find_service();
}

void Operation::find_service() {
    from_memory_ = given_.has_value() || session_->knows_service();
    if (const auto given = std::exchange(given_, std::nullopt)) {
        return *given ? begin(**given, {}) : fail(given->error());
    }
    session_->find_service(deadline_, guarded([this](const Result<FoundGateway>& found) {
                               if (!found) return fail(found.error());
                               begin(found->service, found->product);
                           }));
}

void Operation::use_service_of(const Mapping& mapping) {
    if (!mapping.control_url.empty()) given_ = session_->service_of(mapping);
}

bool Operation::retry_afresh(const Error& error) {
    const bool stale = error.code == Errc::Network || error.code == Errc::Mismatch;
    if (!stale || !std::exchange(from_memory_, false)) return false;
    session_->forget();
    find_service();
    return true;
}

} // namespace natterjack::igd
