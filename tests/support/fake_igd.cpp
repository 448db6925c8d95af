// SPDX-License-Identifier: MIT
#include "tests/support/fake_igd.hpp"

#include <algorithm>
#include <charconv>

#include <net/if.h>

#include <gtest/gtest.h>

#include "net/loop.hpp"
#include "net/udp_socket.hpp"
#include "wire/ssdp.hpp"
#include "wire/xml.hpp"

namespace natterjack::test {

namespace {

constexpr int kServerError = 500;
constexpr int kNotFound = 404;

std::string value_of(const soap::Request& request, std::string_view name) {
    for (const auto& [key, value] : request.arguments) {
        if (key == name) return value;
    }
    return {};
}

template<class T>
T number_of(const soap::Request& request, std::string_view name) {
    const auto text = value_of(request, name);
    T value{};
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

Transport transport_of(const soap::Request& request) {
    return value_of(request, "NewProtocol") == "TCP" ? Transport::Tcp : Transport::Udp;
}

ScriptedResponse fault(int code) {
    ScriptedResponse response;
    response.status = kServerError;
    response.body = soap::encode(soap::Fault{code, "Fake" + std::to_string(code)});
    return response;
}

ScriptedResponse answer(const soap::Request& request, soap::Arguments arguments = {}) {
    ScriptedResponse response;
    response.body =
        soap::encode(soap::Response{request.service_type, request.action, std::move(arguments)});
    return response;
}

std::string client_of(const igd::PortEntry& entry) {
    return entry.host.empty() ? entry.internal.address.to_string() : entry.host;
}

soap::Arguments arguments_of(const igd::PortEntry& entry, bool permanent) {
    return {{"NewInternalPort", std::to_string(entry.internal.port)},
            {"NewInternalClient", client_of(entry)},
            {"NewEnabled", entry.enabled ? "1" : "0"},
            {"NewPortMappingDescription", entry.description},
            {"NewLeaseDuration", permanent ? "0" : std::to_string(entry.lease.count())}};
}

igd::PortEntry entry_in(const soap::Request& request) {
    igd::PortEntry entry;
    entry.transport = transport_of(request);
    entry.external_port = number_of<std::uint16_t>(request, "NewExternalPort");
    entry.internal = {
        IpAddress::parse(value_of(request, "NewInternalClient")).value_or(IpAddress()),
        number_of<std::uint16_t>(request, "NewInternalPort")};
    entry.description = value_of(request, "NewPortMappingDescription");
    entry.lease = Lifetime(number_of<std::uint32_t>(request, "NewLeaseDuration"));
    entry.enabled = value_of(request, "NewEnabled") == "1";
    entry.remote_host = value_of(request, "NewRemoteHost");
    return entry;
}

std::string listing_of(const std::vector<igd::PortEntry>& entries) {
    std::string out = "<p:PortMappingList xmlns:p=\"urn:schemas-upnp-org:gw:WANIPConnection\">";
    for (const auto& entry : entries) {
        const auto leaf = [&out](const std::string& name, const std::string& value) {
            out += "<p:" + name + ">" + xml::escape(value) + "</p:" + name + ">";
        };
        out += "<p:PortMappingEntry>";
        leaf("NewRemoteHost", entry.remote_host);
        leaf("NewExternalPort", std::to_string(entry.external_port));
        leaf("NewProtocol", entry.transport == Transport::Tcp ? "TCP" : "UDP");
        leaf("NewInternalPort", std::to_string(entry.internal.port));
        leaf("NewInternalClient", client_of(entry));
        leaf("NewEnabled", entry.enabled ? "1" : "0");
        leaf("NewDescription", entry.description);
        leaf("NewLeaseTime", std::to_string(entry.lease.count()));
        out += "</p:PortMappingEntry>";
    }
    return out + "</p:PortMappingList>";
}

} // namespace

/// The two sockets of SSDP and the answers under way.
class FakeIgd::Ssdp {
public:
    Ssdp(FakeIgd& igd, const Loop& loop, const Place& place) : igd_(igd), loop_(loop) {
        const InNetwork inside(*place.network);
        const auto link = if_nametoindex(place.link.c_str());
        unicast_ = open({place.address, ssdp::kPort});
        other_port_ = open({place.address, 0});
        const auto group = place.address.is_v4() ? ssdp::kGroup : ssdp::group_v6(false);
        const auto any = place.address.is_v4() ? group : IpAddress::v6({});
        group_ = open({any, ssdp::kPort});
        EXPECT_TRUE(group_->join(group, link));
        unicast_->on_datagram([this](const Endpoint& from, ByteView payload) {
            search(from, payload, igd_.manners.answers_unicast);
        });
        group_->on_datagram([this](const Endpoint& from, ByteView payload) {
            search(from, payload, igd_.manners.answers_multicast);
        });
    }

private:
    std::unique_ptr<net::UdpSocket> open(const Endpoint& at) {
        auto socket = net::UdpSocket::open(loop_, {.bind = at, .reuse_address = true});
        EXPECT_TRUE(socket) << socket.error().message;
        return std::move(*socket);
    }

    void search(const Endpoint& from, ByteView payload, bool answers) {
        const auto search = ssdp::decode_search(payload);
        ++igd_.searches;
        if (!answers || !search || search->target != igd_.manners.target) return;
        const auto delay = igd_.manners.ssdp_delay;
        const auto id = next_++;
        timers_[id] = std::make_unique<net::Timer>(loop_);
        timers_[id]->start_after(delay, [this, id, from] {
            const Manners& ours = igd_.manners;
            const ssdp::Response response{ours.location.empty() ? igd_.location() : ours.location,
                                          ours.target, "uuid:fake::" + ours.target,
                                          "Fake/1.0 UPnP/1.1 FakeIgd/1.0"};
            auto& socket = ours.answer_port == ssdp::kPort ? unicast_ : other_port_;
            EXPECT_TRUE(socket->send(from, ssdp::encode(response)));
            timers_.erase(id);
        });
    }

    FakeIgd& igd_;
    Loop loop_;
    std::unique_ptr<net::UdpSocket> unicast_;
    std::unique_ptr<net::UdpSocket> other_port_;
    std::unique_ptr<net::UdpSocket> group_;
    std::map<int, std::unique_ptr<net::Timer>> timers_;
    int next_ = 0;
};

FakeIgd::FakeIgd(const Loop& loop, Place place) : loop_(loop), place_(std::move(place)) {
    restart();
    ssdp_ = std::make_unique<Ssdp>(*this, loop_, place_);
}

FakeIgd::~FakeIgd() = default;

void FakeIgd::restart() {
    const InNetwork inside(*place_.network);
    const auto serve_all = [this](const ScriptedRequest& request) { return serve(request); };
    // The old one goes last, so that the new one gets another port.
    http_ = std::make_unique<ScriptedHttpServer>(loop_, Endpoint{place_.address, 0}, serve_all);
}

int FakeIgd::count(const std::string& action) const {
    return static_cast<int>(
        std::count_if(requests.begin(), requests.end(),
                      [&](const auto& request) { return request.action == action; }));
}

const igd::PortEntry* FakeIgd::find(Transport transport, std::uint16_t port) const {
    const auto found = std::find_if(table.begin(), table.end(), [&](const auto& entry) {
        return entry.transport == transport && entry.external_port == port;
    });
    return found == table.end() ? nullptr : &*found;
}

std::string FakeIgd::location() const {
    return "http://" + http_->endpoint().to_string() + "/rootDesc.xml";
}

std::string FakeIgd::description() const {
    std::string out = "<?xml version=\"1.0\"?>\n<root xmlns=\"urn:schemas-upnp-org:device-1-0\">"
                      "<device><manufacturer>Fake</manufacturer><modelName>Gate</modelName>"
                      "<serviceList>";
    for (const auto& service : manners.services) {
        out += "<service><serviceType>" + service.type + "</serviceType><controlURL>" +
               xml::escape(service.control_url) + "</controlURL></service>";
    }
    return out + "</serviceList></device></root>\n";
}

ScriptedResponse FakeIgd::serve(const ScriptedRequest& request) {
    if (request.method == "GET") {
        ++descriptions;
        if (manners.description) return *manners.description;
        ScriptedResponse response;
        response.body = description();
        return response;
    }
    ScriptedResponse missing;
    missing.status = kNotFound;
    missing.content_type = "text/html";
    missing.body = "<html><body><h1>404 Not Found</h1></body></html>";
    const auto found =
        std::find_if(manners.services.begin(), manners.services.end(), [&](const auto& service) {
            return service.control_url.ends_with(request.path);
        });
    const auto header = request.headers.find("soapaction");
    if (found == manners.services.end() || header == request.headers.end()) return missing;
    const auto action = soap::decode_request(header->second, request.body);
    EXPECT_TRUE(action) << "the library sent a request that cannot be read: " << request.body;
    if (!action) return missing;
    requests.push_back(*action);
    askers.push_back(request.peer.address);
    return act(*found, *action);
}

ScriptedResponse FakeIgd::act(const WanService& service, const soap::Request& request) {
    constexpr int kInvalidAction = 401;
    if (manners.hook) {
        if (auto response = manners.hook(request)) return *response;
    }
    for (const auto& name : {request.action, std::string("*")}) {
        const auto scripted = manners.answers.find(name);
        if (scripted != manners.answers.end()) return scripted->second;
        const auto code = manners.faults.find(name);
        if (code != manners.faults.end()) return fault(code->second);
    }
    if (request.service_type != service.type) return fault(kInvalidAction);
    if (service.type == kFirewall) return act_on_pinholes(request);
    const bool version_2 = service.type == kIp2;
    const auto& action = request.action;
    if (action == "GetExternalIPAddress") {
        return answer(request, {{"NewExternalIPAddress", manners.external_address}});
    }
    if (action == "GetStatusInfo") {
        return answer(request,
                      {{"NewConnectionStatus", service.connected ? "Connected" : "Disconnected"},
                       {"NewLastConnectionError", "ERROR_NONE"},
                       {"NewUptime", "1"}});
    }
    if (action == "AddPortMapping" || (action == "AddAnyPortMapping" && version_2)) {
        return add(request);
    }
    if (action == "DeletePortMapping") return remove(request);
    if (action == "GetSpecificPortMappingEntry") {
        const auto* entry =
            find(transport_of(request), number_of<std::uint16_t>(request, "NewExternalPort"));
        if (entry == nullptr) return fault(714);
        return answer(request, arguments_of(*entry, manners.forgets_leases));
    }
    if (action == "GetGenericPortMappingEntry") {
        const auto index = number_of<std::size_t>(request, "NewPortMappingIndex");
        if (index >= table.size()) return fault(713);
        const auto& entry = table[index];
        auto arguments = arguments_of(entry, manners.forgets_leases);
        arguments.insert(arguments.begin(),
                         {{"NewRemoteHost", entry.remote_host},
                          {"NewExternalPort", std::to_string(entry.external_port)},
                          {"NewProtocol", entry.transport == Transport::Tcp ? "TCP" : "UDP"}});
        return answer(request, std::move(arguments));
    }
    if (action == "GetListOfPortMappings" && version_2) return list(request);
    return fault(kInvalidAction);
}

ScriptedResponse FakeIgd::act_on_pinholes(const soap::Request& request) {
    const auto& action = request.action;
    if (action == "GetFirewallStatus") {
        return answer(request, {{"FirewallEnabled", "1"}, {"InboundPinholeAllowed", "1"}});
    }
    if (action == "AddPinhole") {
        const auto client = IpAddress::parse(value_of(request, "InternalClient"));
        EXPECT_TRUE(client);
        if (!client || askers.back() != *client) return fault(606);
        igd::PortEntry entry;
        entry.transport = value_of(request, "Protocol") == "17" ? Transport::Udp : Transport::Tcp;
        entry.external_port = next_pinhole_++;
        entry.internal = {*client, number_of<std::uint16_t>(request, "InternalPort")};
        entry.lease = Lifetime(number_of<std::uint32_t>(request, "LeaseTime"));
        entry.remote_host = value_of(request, "RemoteHost");
        pinholes.push_back(entry);
        return answer(request, {{"UniqueID", std::to_string(entry.external_port)}});
    }
    const auto id = number_of<std::uint16_t>(request, "UniqueID");
    const auto found = std::find_if(pinholes.begin(), pinholes.end(),
                                    [&](const auto& entry) { return entry.external_port == id; });
    if (found == pinholes.end()) return fault(704);
    if (action == "UpdatePinhole") {
        found->lease = Lifetime(number_of<std::uint32_t>(request, "NewLeaseTime"));
    } else if (action == "DeletePinhole") {
        pinholes.erase(found);
    } else if (action == "CheckPinholeWorking") {
        if (!manners.checks_pinholes) return fault(602);
        if (manners.pinhole_packets == 0) return fault(709);
        return answer(request, {{"IsWorking", "1"}});
    } else if (action == "GetPinholePackets") {
        return answer(request, {{"PinholePackets", std::to_string(manners.pinhole_packets)}});
    } else {
        return fault(401);
    }
    return answer(request);
}

ScriptedResponse FakeIgd::add(const soap::Request& request) {
    auto entry = entry_in(request);
    if (manners.ignores_remote_host) entry.remote_host.clear();
    entry.host = manners.client_name;
    const bool any = request.action == "AddAnyPortMapping";
    if (manners.only_permanent && entry.lease.count() != 0) return fault(725);
    if (manners.same_port && entry.external_port != entry.internal.port) return fault(724);
    const auto* taken = find(entry.transport, entry.external_port);
    while (any && taken != nullptr && taken->internal != entry.internal) {
        taken = find(entry.transport, ++entry.external_port);
    }
    if (taken != nullptr && taken->internal.address != entry.internal.address) return fault(718);
    if (taken == nullptr && table.size() >= manners.capacity) return fault(728);
    const bool stays_off = manners.keeps_switched_off && taken != nullptr && !taken->enabled;
    if (!manners.does_nothing && !stays_off) {
        std::erase_if(table, [&](const auto& old) {
            return old.transport == entry.transport && old.external_port == entry.external_port;
        });
        table.push_back(manners.overwrites.value_or(entry));
    }
    if (!any) return answer(request);
    return answer(request, {{"NewReservedPort", std::to_string(entry.external_port)}});
}

ScriptedResponse FakeIgd::remove(const soap::Request& request) {
    const auto port = number_of<std::uint16_t>(request, "NewExternalPort");
    if (find(transport_of(request), port) == nullptr) return fault(714);
    if (!manners.does_nothing) {
        std::erase_if(table, [&](const auto& entry) {
            return entry.transport == transport_of(request) && entry.external_port == port;
        });
    }
    return answer(request);
}

ScriptedResponse FakeIgd::list(const soap::Request& request) const {
    const auto first = number_of<std::uint16_t>(request, "NewStartPort");
    const auto last = number_of<std::uint16_t>(request, "NewEndPort");
    const auto limit = number_of<std::size_t>(request, "NewNumberOfPorts");
    std::vector<igd::PortEntry> entries;
    for (const auto& entry : table) {
        if (entry.transport != transport_of(request) || entry.external_port < first ||
            entry.external_port > last || entries.size() >= limit) {
            continue;
        }
        entries.push_back(entry);
    }
    if (entries.empty()) return fault(730);
    return answer(request, {{"NewPortListing", listing_of(entries)}});
}

} // namespace natterjack::test
