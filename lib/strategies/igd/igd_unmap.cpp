// SPDX-License-Identifier: MIT
#include "strategies/igd/igd_unmap.hpp"

#include "strategies/igd/igd_errors.hpp"

namespace natterjack::igd {

std::string port_name(Transport transport, std::uint16_t port) {
    return std::string(to_string(transport)) + " port " + std::to_string(port);
}

std::string owner_name(const PortEntry& entry) {
    const auto who = entry.host.empty() ? entry.internal.to_string()
                                        : entry.host + ":" + std::to_string(entry.internal.port);
    return entry.description.empty() ? who : who + " (\"" + entry.description + "\")";
}

bool leads_to(const PortEntry& entry, const Mapping& mapping) {
    if (entry.host.empty()) return entry.internal == mapping.internal;
    const bool is_host = mapping.host_name.empty() ? entry.description == mapping.description
                                                   : entry.host == mapping.host_name;
    return is_host && entry.internal.port == mapping.internal.port;
}

UnmapOperation::UnmapOperation(std::shared_ptr<Session> session, Mapping mapping,
                               TimePoint deadline, Handler handler)
    : Operation(std::move(session), deadline),
      mapping_(std::move(mapping)),
      handler_(std::move(handler)) {
    use_service_of(mapping_);
}

void UnmapOperation::begin(const IgdService& service, const std::string& /*product*/) {
    if (service.host() != mapping_.gateway) {
        return fail({Errc::NotFound, "the gateway " + mapping_.gateway.to_string() +
                                         ", which had the mapping, is not here any more"});
    }
    service.find_entry(
        key(), deadline(), guarded([this, service](const auto& entry) {
            if (!entry) {
                if (!retry_afresh(entry.error())) fail(entry.error());
                return;
            }
            const auto name = port_name(mapping_.transport, mapping_.external.port);
            if (!*entry) {
                return fail({Errc::NotFound, "the gateway has no mapping of " + name});
            }
            if (!leads_to(**entry, mapping_)) {
                return fail({Errc::Conflict,
                             name + " belongs to " + owner_name(**entry) + " and was left alone"});
            }
            remove(service);
        }));
}

void UnmapOperation::remove(const IgdService& service) {
    service.remove(key(), deadline(), guarded([this, service](const auto& answer) {
                       if (!answer) return fail(answer.error());
                       if (const auto* fault = std::get_if<soap::Fault>(&*answer)) {
                           return fail(
                               upnp_error(fault->code, "DeletePortMapping", fault->description));
                       }
                       verify(service);
                   }));
}

void UnmapOperation::verify(const IgdService& service) {
    service.find_entry(
        key(), deadline(), guarded([this](const auto& entry) {
            // Whoever took the port in between may keep it.
            if (entry && *entry && leads_to(**entry, mapping_)) {
                return fail(
                    {Errc::Refused, "the gateway says that it deleted " +
                                        port_name(mapping_.transport, mapping_.external.port) +
                                        " and still lists it; delete it on its settings page"});
            }
            if (!entry) return fail(entry.error());
            finish(handler_, Result<void>());
        }));
}

void UnmapOperation::fail(const Error& error) {
    finish(handler_, Result<void>(error));
}

void remove_in_background(const std::shared_ptr<Session>& session, const Mapping& mapping,
                          TimePoint deadline) {
    // Filled below: the operation is kept by the loop until it calls this.
    const auto done = std::make_shared<std::function<void()>>();
    const auto operation = std::make_shared<UnmapOperation>(
        session, mapping, deadline, [done](const Result<void>&) { (*done)(); });
    *done = net::keep_until_done(session->loop, operation);
    // Not by Session::run(): what the mapper abandons, this must outlive.
    session->loop.post([operation] { operation->start(); });
}

} // namespace natterjack::igd
