// SPDX-License-Identifier: MIT
#include "strategies/igd/pinhole_operations.hpp"

#include <algorithm>

#include "base/number.hpp"
#include "strategies/igd/igd_errors.hpp"

namespace natterjack::igd {

namespace {

std::optional<std::uint16_t> id_in(const Reply& reply) {
    const auto* text = reply.find("UniqueID");
    if (text == nullptr) return std::nullopt;
    return parse_number<std::uint16_t>(*text);
}

} // namespace

OpenPinhole::OpenPinhole(std::shared_ptr<Session> session, MappingRequest request,
                         TimePoint deadline, Handler handler)
    : Operation(std::move(session), deadline),
      request_(std::move(request)),
      handler_(std::move(handler)) {
    request_.lifetime = std::min(request_.lifetime, kLongestPinhole);
    if (request_.renew) use_service_of(*request_.renew);
}

void OpenPinhole::begin(const IgdService& service, const std::string& /*product*/) {
    service_ = service;
    const auto& own = session().path.source;
    if (request_.internal.address != own) {
        return fail({Errc::InvalidArgument, "a pinhole is for the address that asks for it, which "
                                            "is " +
                                                own.to_string()});
    }
    if (request_.external_port != 0 && request_.external_port != request_.internal.port &&
        request_.exact) {
        return fail({Errc::Conflict, "by IPv6 the port outside is the port inside: there is no NAT "
                                     "that could change it"});
    }
    if (!request_.only_from.empty() &&
        (request_.only_from.size() > 1 || !request_.only_from.front().is_one_host())) {
        return fail(cannot_restrict("UPnP, which knows one whole host or everybody,"));
    }
    if (request_.renew && request_.renew->pinhole) {
        const auto id = *request_.renew->pinhole;
        if (request_.renew->only_from == request_.only_from) return update(id);
        take_back(id); // it lets in others
    }
    service_->firewall_status(deadline(), guarded([this](const Result<bool>& status) {
                                  if (status) return add();
                                  // Some routers lack the question and open the pinhole.
                                  if (status.error().code == Errc::Unsupported) return add();
                                  fail(status.error());
                              }));
}

void OpenPinhole::update(std::uint16_t id) {
    service_->update_pinhole(id, request_.lifetime, deadline(),
                             guarded([this, id](const auto& answer) {
                                 if (!answer) {
                                     if (!retry_afresh(answer.error())) fail(answer.error());
                                     return;
                                 }
                                 const auto* fault = std::get_if<soap::Fault>(&*answer);
                                 if (fault == nullptr) {
                                     id_ = id;
                                     granted_at_ = net::now();
                                     return complete();
                                 }
                                 if (fault->code == kNoSuchPinhole)
                                     return add(); // the router was started anew
                                 fail(upnp_error(fault->code, "UpdatePinhole", fault->description));
                             }));
}

void OpenPinhole::add() {
    granted_at_ = net::now();
    // Not guarded(): also an answer that nobody waits for says what there is to take back.
    const auto remote =
        request_.only_from.empty() ? std::nullopt : std::optional(request_.only_from.front());
    service_->add_pinhole(request_.transport, request_.internal, remote, request_.lifetime,
                          deadline(), [weak = weak_from_this(), this](const auto& answer) {
                              if (const auto self = weak.lock()) added(answer);
                          });
}

void OpenPinhole::added(const Result<IgdService::Answer>& answer) {
    const auto* reply = answer ? std::get_if<Reply>(&*answer) : nullptr;
    const auto id = reply == nullptr ? std::nullopt : id_in(*reply);
    if (dropped_) {
        if (id) take_back(*id);
        return;
    }
    if (!answer) return fail(answer.error());
    if (const auto* fault = std::get_if<soap::Fault>(&*answer)) {
        return fail(upnp_error(fault->code, "AddPinhole", fault->description));
    }
    if (!id) {
        return fail({Errc::Malformed, "the router says that it opened a pinhole, and not which"});
    }
    id_ = id;
    fresh_ = true;
    check();
}

// Whether anything came through yet says nothing; whether the router knows the pinhole does.
void OpenPinhole::check() {
    service_->check_pinhole(*id_, deadline(), guarded([this](const auto& answer) {
        const auto* fault = answer ? std::get_if<soap::Fault>(&*answer) : nullptr;
        if (fault != nullptr && fault->code == kNoSuchPinhole) {
            id_.reset();
            return fail({Errc::Mismatch, "the router says that it opened a pinhole, and "
                                         "then that it has none of that number"});
        }
        complete();
    }));
}

void OpenPinhole::complete() {
    auto mapping = mapping_of(*id_);
    if (request_.external_port != 0 && request_.external_port != request_.internal.port) {
        mapping.note = "by IPv6 the port outside is the port inside";
    }
    finish(handler_, Result<Mapping>(std::move(mapping)));
}

Mapping OpenPinhole::mapping_of(std::uint16_t id) {
    Mapping mapping;
    mapping.strategy = Strategy::Igd;
    mapping.transport = request_.transport;
    mapping.internal = request_.internal;
    mapping.external = request_.internal;
    mapping.lifetime = request_.lifetime;
    mapping.granted_at = granted_at_;
    mapping.gateway = session().path.gateway; // its answers may come from another address of it
    mapping.control_url = service_->service().control_url;
    mapping.service_type = service_->service().type;
    mapping.description = request_.description;
    mapping.only_from = request_.only_from;
    mapping.pinhole = id;
    mapping.restored = fresh_ && request_.renew.has_value();
    return mapping;
}

void OpenPinhole::take_back(std::uint16_t id) {
    // Filled below: the operation is kept by the loop until it calls this.
    const auto done = std::make_shared<std::function<void()>>();
    const auto closing =
        std::make_shared<ClosePinhole>(shared_session(), mapping_of(id), net::now() + kUndoLimit,
                                       [done](const Result<void>&) { (*done)(); });
    *done = net::keep_until_done(session().loop, closing);
    // Not by Session::run(): what the mapper abandons, this must outlive.
    session().loop.post([closing] { closing->start(); });
}

void OpenPinhole::fail(const Error& error) {
    dropped_ = true;
    if (fresh_ && id_) take_back(*id_);
    finish(handler_, Result<Mapping>(error));
}

void OpenPinhole::abandon() {
    handler_ = nullptr;
    dropped_ = true;
    if (fresh_ && id_) take_back(*id_);
    Operation::abandon();
}

CheckPinhole::CheckPinhole(std::shared_ptr<Session> session, Mapping mapping, TimePoint deadline,
                           Handler handler)
    : Operation(std::move(session), deadline),
      mapping_(std::move(mapping)),
      handler_(std::move(handler)) {
    use_service_of(mapping_);
}

void CheckPinhole::begin(const IgdService& service, const std::string& /*product*/) {
    if (!mapping_.pinhole) {
        return fail({Errc::NotFound, "nobody knows the number of that pinhole"});
    }
    mapping_.control_url = service.service().control_url;
    mapping_.service_type = service.service().type;
    ask(service, &IgdService::check_pinhole);
}

void CheckPinhole::ask(const IgdService& service, Question question) {
    (service.*
     question)(*mapping_.pinhole, deadline(),
               guarded([this, service, question](const Result<IgdService::Answer>& answer) {
                   if (answer) return judge(service, question, *answer);
                   if (!retry_afresh(answer.error())) fail(answer.error());
               }));
}

void CheckPinhole::judge(const IgdService& service, Question question,
                         const IgdService::Answer& answer) {
    if (const auto* fault = std::get_if<soap::Fault>(&answer)) {
        if (fault->code == kNoSuchPinhole) {
            return fail({Errc::NotFound, "the router has no such pinhole any more"});
        }
        if (fault->code == kNoTrafficYet) return stands(false);
        if (question == &IgdService::check_pinhole) return ask(service, &IgdService::count_packets);
        return fail(upnp_error(fault->code, "GetPinholePackets", fault->description));
    }
    const auto& reply = std::get<Reply>(answer);
    const auto* working = reply.find("IsWorking");
    const auto* packets = reply.find("PinholePackets");
    const auto* told = working != nullptr ? working : packets;
    stands(told != nullptr && *told != "0" && *told != "false");
}

void CheckPinhole::stands(bool seen) {
    mapping_.restored = false;
    mapping_.note = seen ? "the router has seen packets come through the pinhole" : "";
    finish(handler_, Result<Mapping>(mapping_));
}

void CheckPinhole::fail(const Error& error) {
    finish(handler_, Result<Mapping>(error));
}

ClosePinhole::ClosePinhole(std::shared_ptr<Session> session, Mapping mapping, TimePoint deadline,
                           Handler handler)
    : Operation(std::move(session), deadline),
      mapping_(std::move(mapping)),
      handler_(std::move(handler)) {
    use_service_of(mapping_);
}

void ClosePinhole::begin(const IgdService& service, const std::string& /*product*/) {
    if (!mapping_.pinhole) {
        return fail({Errc::NotFound, "nobody knows the number of that pinhole"});
    }
    service.delete_pinhole(*mapping_.pinhole, deadline(), guarded([this](const auto& answer) {
        if (!answer) {
            if (!retry_afresh(answer.error())) fail(answer.error());
            return;
        }
        if (const auto* fault = std::get_if<soap::Fault>(&*answer)) {
            return fail(upnp_error(fault->code, "DeletePinhole", fault->description));
        }
        finish(handler_, Result<void>());
    }));
}

void ClosePinhole::fail(const Error& error) {
    finish(handler_, Result<void>(error));
}

} // namespace natterjack::igd
