// SPDX-License-Identifier: MIT
#include "strategies/igd/igd_service.hpp"

#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "net/loop.hpp"
#include "strategies/igd/igd_errors.hpp"

namespace natterjack::igd {

namespace {

constexpr int kHttpOk = 200;

// Success needs status 200; a UPnP error counts under any, as some routers send it with 200.
Result<IgdService::Answer> judge(const std::string& action, const net::HttpResponse& response) {
    auto answer = parse_reply(action, response.body);
    if (answer && std::holds_alternative<soap::Fault>(*answer)) return answer;
    if (response.status != kHttpOk) {
        return Error{Errc::Mismatch,
                     "the gateway answered " + action + " with HTTP status " +
                         std::to_string(response.status) + " and no UPnP error",
                     response.status};
    }
    if (!answer) {
        return Error{answer.error().code, "the gateway's answer to " + action +
                                              " cannot be believed: " + answer.error().message};
    }
    return answer;
}

soap::Arguments arguments_of(const NewMapping& mapping) {
    return {{"NewRemoteHost", mapping.remote_host},
            {"NewExternalPort", std::to_string(mapping.external_port)},
            {"NewProtocol", protocol_name(mapping.transport)},
            {"NewInternalPort", std::to_string(mapping.internal.port)},
            {"NewInternalClient", mapping.internal.address.to_string()},
            {"NewEnabled", "1"},
            {"NewPortMappingDescription", mapping.description},
            {"NewLeaseDuration", std::to_string(mapping.lease.count())}};
}

soap::Arguments arguments_of(const EntryKey& key) {
    return {{"NewRemoteHost", key.remote_host},
            {"NewExternalPort", std::to_string(key.external_port)},
            {"NewProtocol", protocol_name(key.transport)}};
}

bool is_unsupported(int code) {
    return code == kInvalidAction || code == kOptionalActionNotImplemented;
}

bool says_no_entry(int code) {
    return code == kNoSuchEntry || code == kArrayIndexInvalid || code == kPortMappingNotFound;
}

// See walk_entries(). Keeps itself alive by its calls.
class EntryWalk : public std::enable_shared_from_this<EntryWalk> {
public:
    EntryWalk(IgdService service, TimePoint deadline, std::function<bool(const PortEntry&)> done,
              IgdService::Handler<std::vector<PortEntry>> handler)
        : service_(std::move(service)),
          deadline_(deadline),
          done_(std::move(done)),
          handler_(std::move(handler)) {}

    void ask() {
        // Two at a time hide the way there and back; more would be too much for small routers.
        constexpr std::size_t kAtOnce = 2;
        while (handler_ && under_way_ < kAtOnce && next_ < end_) {
            const auto index = next_++;
            ++under_way_;
            service_.entry_at(index, deadline_, [self = shared_from_this(), index](auto answer) {
                --self->under_way_;
                self->take(index, std::move(answer));
            });
        }
        if (handler_ && under_way_ == 0) finish(collected());
    }

private:
    void take(std::size_t index, Result<std::variant<PortEntry, soap::Fault>> answer) {
        if (!handler_) return;
        if (!answer) {
            // A place holder or an entry without sense is passed over; anything else ends the walk.
            const auto code = answer.error().code;
            if (code != Errc::Malformed && code != Errc::NotFound) return finish(answer.error());
            // More than a few: this is no table.
            if (code == Errc::Malformed && ++senseless_ > kMaxSenseless) {
                return finish(answer.error());
            }
        } else if (const auto* fault = std::get_if<soap::Fault>(&*answer)) {
            if (index == 0 && is_unsupported(fault->code)) {
                return finish(
                    upnp_error(fault->code, "GetGenericPortMappingEntry", fault->description));
            }
            // Routers disagree on how to say that the table ends: 713, 714, 402, 501...
            end_ = std::min(end_, index);
        } else {
            auto& entry = std::get<PortEntry>(*answer);
            if (done_(entry)) end_ = std::min(end_, index + 1);
            entries_.emplace(index, std::move(entry));
        }
        ask();
    }

    std::vector<PortEntry> collected() {
        std::vector<PortEntry> out;
        for (auto& [index, entry] : entries_) {
            if (index < end_) out.push_back(std::move(entry));
        }
        return out;
    }

    void finish(Result<std::vector<PortEntry>> result) {
        std::exchange(handler_, nullptr)(std::move(result));
    }

    static constexpr int kMaxSenseless = 8;
    IgdService service_;
    TimePoint deadline_;
    std::function<bool(const PortEntry&)> done_;
    IgdService::Handler<std::vector<PortEntry>> handler_;
    std::map<std::size_t, PortEntry> entries_;
    std::size_t next_ = 0;
    std::size_t end_ = kMaxEntries; // one behind the last
    std::size_t under_way_ = 0;
    int senseless_ = 0;
};

} // namespace

std::string protocol_name(Transport transport) {
    return transport == Transport::Udp ? "UDP" : "TCP";
}

std::optional<std::string> remote_host_of(const std::vector<RemotePeers>& only_from) {
    if (only_from.empty()) return "";
    const auto& only = only_from.front();
    if (only_from.size() > 1 || !only.is_one_host() || only.port != 0) return std::nullopt;
    return only.prefix.to_string();
}

void IgdService::call(const std::string& action, soap::Arguments arguments, TimePoint deadline,
                      Handler<Answer> handler) const {
    const auto client = http_.lock();
    if (!client) return;
    const soap::Request request{service_.type, action, std::move(arguments)};
    net::HttpRequest http;
    http.method = "POST";
    http.url = service_.control_url;
    http.headers = {{"SOAPAction", soap::action_header(request)}};
    http.content_type = soap::kContentType;
    http.body = soap::encode(request);
    // What MapOperation does one after the other; to do it twice is to do it once.
    http.use_prepared = action == "AddPortMapping" || action == "GetSpecificPortMappingEntry";
    http.deadline = std::chrono::ceil<Duration>(deadline - net::now());
    http.max_body = kMaxReply;
    client->send(http,
                 [action, handler = std::move(handler)](const Result<net::HttpResponse>& response) {
                     handler(response ? judge(action, *response) : response.error());
                 });
}

void IgdService::prepare() const {
    if (const auto client = http_.lock()) client->prepare(service_.control_url);
}

void IgdService::add(const NewMapping& mapping, TimePoint deadline, Handler<Answer> handler) const {
    call("AddPortMapping", arguments_of(mapping), deadline, std::move(handler));
}

void IgdService::add_any(const NewMapping& mapping, TimePoint deadline,
                         Handler<Answer> handler) const {
    call("AddAnyPortMapping", arguments_of(mapping), deadline, std::move(handler));
}

void IgdService::remove(const EntryKey& key, TimePoint deadline, Handler<Answer> handler) const {
    call("DeletePortMapping", arguments_of(key), deadline, std::move(handler));
}

void IgdService::external_address(TimePoint deadline, const Handler<std::string>& handler) const {
    const std::string action = "GetExternalIPAddress";
    call(action, {}, deadline, [=](const Result<Answer>& answer) {
        if (!answer) return handler(answer.error());
        if (const auto* fault = std::get_if<soap::Fault>(&*answer)) {
            return handler(upnp_error(fault->code, action, fault->description));
        }
        const auto* address = std::get<Reply>(*answer).find("NewExternalIPAddress");
        handler(address == nullptr ? "" : *address);
    });
}

void IgdService::is_connected(TimePoint deadline, const Handler<bool>& handler) const {
    call("GetStatusInfo", {}, deadline, [=](const Result<Answer>& answer) {
        if (!answer) return handler(answer.error());
        const auto* reply = std::get_if<Reply>(&*answer);
        const auto* status = reply == nullptr ? nullptr : reply->find("NewConnectionStatus");
        handler(status != nullptr &&
                (equal_ignoring_case(*status, "Connected") || equal_ignoring_case(*status, "Up")));
    });
}

void IgdService::find_entry(const EntryKey& key, TimePoint deadline,
                            const Handler<std::optional<PortEntry>>& handler) const {
    const auto look_through_all = [service = *this, key, deadline, handler] {
        const auto is_it = [key](const PortEntry& entry) {
            return entry.transport == key.transport && entry.external_port == key.external_port;
        };
        walk_entries(service, deadline, is_it,
                     [is_it, handler](const Result<std::vector<PortEntry>>& entries) {
                         if (!entries) return handler(entries.error());
                         const bool found = !entries->empty() && is_it(entries->back());
                         handler(found ? std::optional(entries->back()) : std::nullopt);
                     });
    };
    call("GetSpecificPortMappingEntry", arguments_of(key), deadline,
         [=](const Result<Answer>& answer) {
             if (!answer) return handler(answer.error());
             if (const auto* fault = std::get_if<soap::Fault>(&*answer)) {
                 if (says_no_entry(fault->code)) return handler(std::optional<PortEntry>());
                 return look_through_all(); // "no such entry" in other words, or no such action
             }
             const auto entry = parse_entry(std::get<Reply>(*answer), key);
             if (!entry && entry.error().code == Errc::NotFound) {
                 return handler(std::optional<PortEntry>());
             }
             if (!entry) return handler(entry.error());
             handler(std::optional(*entry));
         });
}

void IgdService::entry_at(std::size_t index, TimePoint deadline,
                          const Handler<std::variant<PortEntry, soap::Fault>>& handler) const {
    using Entry = std::variant<PortEntry, soap::Fault>;
    call("GetGenericPortMappingEntry", {{"NewPortMappingIndex", std::to_string(index)}}, deadline,
         [=](const Result<Answer>& answer) {
             if (!answer) return handler(answer.error());
             if (const auto* fault = std::get_if<soap::Fault>(&*answer)) {
                 return handler(Entry(*fault));
             }
             const auto entry = parse_entry(std::get<Reply>(*answer), std::nullopt);
             handler(entry ? Result<Entry>(Entry(*entry)) : entry.error());
         });
}

void IgdService::entries_between(Transport transport, std::uint16_t first, std::uint16_t last,
                                 std::size_t limit, TimePoint deadline,
                                 Handler<Answer> handler) const {
    call("GetListOfPortMappings",
         {{"NewStartPort", std::to_string(first)},
          {"NewEndPort", std::to_string(last)},
          {"NewProtocol", protocol_name(transport)},
          {"NewManage", "1"}, // everybody's, not only this host's
          {"NewNumberOfPorts", std::to_string(limit)}},
         deadline, std::move(handler));
}

void IgdService::firewall_status(TimePoint deadline, const Handler<bool>& handler) const {
    call("GetFirewallStatus", {}, deadline, [=](const Result<Answer>& answer) {
        if (!answer) return handler(answer.error());
        if (const auto* fault = std::get_if<soap::Fault>(&*answer)) {
            return handler(upnp_error(fault->code, "GetFirewallStatus", fault->description));
        }
        const auto says = [&](const char* name) {
            const auto* value = std::get<Reply>(*answer).find(name);
            return value == nullptr || (*value != "0" && !equal_ignoring_case(*value, "false"));
        };
        if (!says("FirewallEnabled")) {
            return handler(Error{Errc::NotFound, "the router's IPv6 firewall is switched off: "
                                                 "there is nothing to open"});
        }
        if (!says("InboundPinholeAllowed")) {
            return handler(Error{Errc::Refused, "the router allows no IPv6 pinholes; allow them in "
                                                "its settings"});
        }
        handler(true);
    });
}

void IgdService::add_pinhole(Transport transport, const Endpoint& internal,
                             const std::optional<RemotePeers>& remote, Lifetime lease,
                             TimePoint deadline, Handler<Answer> handler) const {
    constexpr const char* kUdp = "17"; // IANA protocol numbers
    constexpr const char* kTcp = "6";
    call("AddPinhole",
         {{"RemoteHost", remote ? remote->prefix.to_string() : ""},
          {"RemotePort", std::to_string(remote ? remote->port : 0)},
          {"InternalClient", internal.address.to_string()},
          {"InternalPort", std::to_string(internal.port)},
          {"Protocol", transport == Transport::Udp ? kUdp : kTcp},
          {"LeaseTime", std::to_string(lease.count())}},
         deadline, std::move(handler));
}

void IgdService::update_pinhole(std::uint16_t id, Lifetime lease, TimePoint deadline,
                                Handler<Answer> handler) const {
    call("UpdatePinhole",
         {{"UniqueID", std::to_string(id)}, {"NewLeaseTime", std::to_string(lease.count())}},
         deadline, std::move(handler));
}

void IgdService::delete_pinhole(std::uint16_t id, TimePoint deadline,
                                Handler<Answer> handler) const {
    call("DeletePinhole", {{"UniqueID", std::to_string(id)}}, deadline, std::move(handler));
}

void IgdService::check_pinhole(std::uint16_t id, TimePoint deadline,
                               Handler<Answer> handler) const {
    call("CheckPinholeWorking", {{"UniqueID", std::to_string(id)}}, deadline, std::move(handler));
}

void IgdService::count_packets(std::uint16_t id, TimePoint deadline,
                               Handler<Answer> handler) const {
    call("GetPinholePackets", {{"UniqueID", std::to_string(id)}}, deadline, std::move(handler));
}

void walk_entries(const IgdService& service, TimePoint deadline,
                  std::function<bool(const PortEntry&)> done,
                  IgdService::Handler<std::vector<PortEntry>> handler) {
    std::make_shared<EntryWalk>(service, deadline, std::move(done), std::move(handler))->ask();
}

} // namespace natterjack::igd
