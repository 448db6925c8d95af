// SPDX-License-Identifier: MIT
#include "tests/support/gateway/igd.hpp"

#include <array>
#include <charconv>
#include <string_view>

#include <libsoup/soup.h>

#include "wire/ssdp.hpp"
#include "wire/xml.hpp"

namespace natterjack::gateway {

namespace {

constexpr std::uint16_t kHttpPort = 5000; ///< As nat-lab's miniupnpd has it.
constexpr const char* kDescriptionPath = "/rootDesc.xml";
constexpr const char* kControlPath = "/ctl/IPConn";
constexpr std::string_view kUuid = "uuid:6e61746c-6162-4000-8000-00000000000";

/// UPnP Device Architecture 2.0 section 3.2.2, WANIPConnection:2 section 2.5.
enum Code : int {
    kInvalidAction = 401,
    kInvalidArguments = 402,
    kActionFailed = 501,
    kNotAuthorized = 606,
    kBadIndex = 713,
    kNoSuchEntry = 714,
    kConflict = 718,
    kOnlyWildcard = 726,
    kNoPorts = 728,
    kNotFound = 730
};

std::string value_of(const soap::Request& request, std::string_view name) {
    for (const auto& [key, value] : request.arguments) {
        if (key == name) return value;
    }
    return {};
}

template<class Number>
std::optional<Number> number_of(const soap::Request& request, std::string_view name) {
    const auto text = value_of(request, name);
    Number value{};
    const auto* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
    return value;
}

std::optional<Transport> transport_of(const soap::Request& request) {
    const auto name = value_of(request, "NewProtocol");
    if (name == "TCP") return Transport::Tcp;
    if (name == "UDP") return Transport::Udp;
    return std::nullopt;
}

std::string name_of(Transport transport) {
    return transport == Transport::Tcp ? "TCP" : "UDP";
}

soap::Arguments details_of(const Mapping& mapping) {
    return {{"NewInternalPort", std::to_string(mapping.internal.port)},
            {"NewInternalClient", mapping.internal.address.to_string()},
            {"NewEnabled", "1"},
            {"NewPortMappingDescription", mapping.description},
            {"NewLeaseDuration", std::to_string(time_left(mapping, net::now()).count())}};
}

std::string leaf(const std::string& name, const std::string& value) {
    return "<" + name + ">" + xml::escape(value) + "</" + name + ">";
}

std::string device(const std::string& type, const std::string& uuid, const std::string& inside) {
    return "<device>" + leaf("deviceType", "urn:schemas-upnp-org:device:" + type) +
           leaf("friendlyName", "nat-lab gateway") + leaf("manufacturer", "Natterjack") +
           leaf("modelName", "nat-lab-gateway") + leaf("UDN", uuid) + inside + "</device>";
}

std::string service(const std::string& type, const std::string& id, const std::string& control) {
    return "<serviceList><service>" + leaf("serviceType", type) +
           leaf("serviceId", "urn:upnp-org:serviceId:" + id) + leaf("SCPDURL", "/" + id + ".xml") +
           leaf("controlURL", control) + leaf("eventSubURL", "/evt/" + id) +
           "</service></serviceList>";
}

void reply(SoupServerMessage* message, unsigned status, const std::string& body) {
    soup_server_message_set_status(message, status, nullptr);
    soup_server_message_set_response(message, soap::kContentType.data(), SOUP_MEMORY_COPY,
                                     body.data(), body.size());
}

/// Why the table is as it was.
int code_of(const Error& error) {
    switch (error.code) {
    case Errc::Conflict: return kConflict;
    case Errc::Refused: return kNoPorts;
    default: return kActionFailed;
    }
}

constexpr std::uint8_t kWholeAddress = 128; // IPv4 in the 128-bit form

/// Whom it lets in, where that is one host; empty: anyone, or what UPnP has no words for.
std::string remote_host_of(const Mapping& mapping) {
    if (mapping.filters.size() != 1) return {};
    const auto& only = mapping.filters.front();
    const bool one_host = only.prefix_length == kWholeAddress && only.remote_port == 0;
    return one_host ? only.remote.to_string() : std::string();
}

} // namespace

Result<std::unique_ptr<Igd>> Igd::open(Gateway& gateway, unsigned lan_index) {
    std::unique_ptr<Igd> igd(new Igd(gateway));
    auto ssdp = net::UdpSocket::open(
        gateway.loop(),
        {.bind = {IpAddress(), ssdp::kPort}, .interface = lan_index, .reuse_address = true});
    if (!ssdp) return ssdp.error();
    igd->ssdp_ = *std::move(ssdp);
    const auto joined = igd->ssdp_->join(ssdp::kGroup, lan_index);
    if (!joined) return joined.error();
    igd->ssdp_->on_datagram([self = igd.get()](const Endpoint& from, ByteView datagram) {
        self->search(from, datagram);
    });

    igd->http_ = soup_server_new(nullptr, nullptr);
    soup_server_add_handler(
        igd->http_, nullptr,
        [](SoupServer*, SoupServerMessage* message, const char* path, GHashTable*, void* self) {
            static_cast<Igd*>(self)->serve(message, path);
        },
        igd.get(), nullptr);
    auto* address = g_inet_socket_address_new_from_string(
        gateway.settings().address.to_string().c_str(), kHttpPort);
    GError* failure = nullptr;
    const bool listens =
        soup_server_listen(igd->http_, address, SoupServerListenOptions(0), &failure) != FALSE;
    g_object_unref(address);
    if (!listens) {
        const std::string words = failure->message;
        g_error_free(failure);
        return Error{Errc::Network, "cannot serve HTTP: " + words};
    }
    return igd;
}

Igd::~Igd() {
    if (http_ != nullptr) g_object_unref(http_);
}

std::string Igd::service_type() const {
    return "urn:schemas-upnp-org:service:WANIPConnection:" +
           std::to_string(gateway_.settings().igd);
}

void Igd::search(const Endpoint& from, ByteView datagram) {
    const auto search = ssdp::decode_search(datagram);
    if (!search) return;
    // A gateway of version 2 answers for version 1 as well (UDA 2.0 section 1.3.3).
    const std::array<std::string, 5> ours{
        std::string(ssdp::kRootDevice), std::string(ssdp::kGateway1),
        gateway_.settings().igd > 1 ? std::string(ssdp::kGateway2) : "",
        "urn:schemas-upnp-org:service:WANIPConnection:1", service_type()};
    const bool all = search->target == "ssdp:all";
    if (!all && std::find(ours.begin(), ours.end(), search->target) == ours.end()) return;
    const auto target = all ? std::string(ssdp::kRootDevice) : search->target;
    const Endpoint here{gateway_.settings().address, kHttpPort};
    const ssdp::Response response{"http://" + here.to_string() + kDescriptionPath, target,
                                  std::string(kUuid) + "1::" + target,
                                  "Linux UPnP/1.1 nat-lab-gateway/1"};
    static_cast<void>(ssdp_->send(from, ssdp::encode(response))); // it may be gone by now
}

std::string Igd::description() const {
    const auto version = std::to_string(gateway_.settings().igd);
    const auto connection = device("WANConnectionDevice:" + version, std::string(kUuid) + "3",
                                   service(service_type(), "WANIPConn1", kControlPath));
    const auto wan = device("WANDevice:" + version, std::string(kUuid) + "2",
                            service("urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1",
                                    "WANCommonIFC1", "/ctl/CmnIfCfg") +
                                "<deviceList>" + connection + "</deviceList>");
    return "<?xml version=\"1.0\"?>\n<root xmlns=\"urn:schemas-upnp-org:device-1-0\">"
           "<specVersion><major>1</major><minor>1</minor></specVersion>" +
           device("InternetGatewayDevice:" + version, std::string(kUuid) + "1",
                  "<deviceList>" + wan + "</deviceList>") +
           "</root>\n";
}

void Igd::serve(SoupServerMessage* message, const std::string& path) {
    const std::string_view method = soup_server_message_get_method(message);
    if (method == "GET" && path == kDescriptionPath) {
        return reply(message, SOUP_STATUS_OK, description());
    }
    const auto* header = soup_message_headers_get_one(
        soup_server_message_get_request_headers(message), "SOAPAction");
    const auto asker = IpAddress::parse(soup_server_message_get_remote_host(message));
    if (method != "POST" || path != kControlPath || header == nullptr || !asker) {
        soup_server_message_set_status(message, SOUP_STATUS_NOT_FOUND, nullptr);
        return;
    }
    const auto* body = soup_server_message_get_request_body(message);
    const auto request =
        soap::decode_request(header, {body->data, static_cast<std::size_t>(body->length)});
    const auto outcome = request ? act(*request, *asker) : Outcome(kInvalidArguments);
    if (const auto* code = std::get_if<int>(&outcome)) {
        return reply(message, SOUP_STATUS_INTERNAL_SERVER_ERROR,
                     soap::encode(soap::Fault{*code, "Refused"}));
    }
    reply(message, SOUP_STATUS_OK,
          soap::encode(soap::Response{request->service_type, request->action,
                                      std::get<soap::Arguments>(outcome)}));
}

Igd::Outcome Igd::act(const soap::Request& request, const IpAddress& asker) {
    const auto& action = request.action;
    const bool version_2 = gateway_.settings().igd > 1;
    if (action == "GetExternalIPAddress") {
        return soap::Arguments{{"NewExternalIPAddress", gateway_.external().to_string()}};
    }
    if (action == "GetStatusInfo") {
        return soap::Arguments{{"NewConnectionStatus", "Connected"},
                               {"NewLastConnectionError", "ERROR_NONE"},
                               {"NewUptime", std::to_string(gateway_.epoch().count())}};
    }
    if (action == "AddPortMapping" || (action == "AddAnyPortMapping" && version_2)) {
        return add(request, asker);
    }
    if (action == "DeletePortMapping") return remove(request, asker);
    if (action == "GetSpecificPortMappingEntry" || action == "GetGenericPortMappingEntry") {
        return entry(request);
    }
    if (action == "GetListOfPortMappings" && version_2) return list(request);
    return kInvalidAction;
}

Igd::Outcome Igd::add(const soap::Request& request, const IpAddress& asker) {
    const auto transport = transport_of(request);
    const auto external = number_of<std::uint16_t>(request, "NewExternalPort");
    const auto internal = number_of<std::uint16_t>(request, "NewInternalPort");
    const auto host = IpAddress::parse(value_of(request, "NewInternalClient"));
    const auto lease = number_of<std::uint32_t>(request, "NewLeaseDuration");
    if (!transport || !external || !internal || *internal == 0 || !host || !lease) {
        return kInvalidArguments;
    }
    if (*host != asker) return kNotAuthorized; // nobody opens ports of others
    std::vector<pcp::Filter> filters;
    if (const auto remote = value_of(request, "NewRemoteHost"); !remote.empty()) {
        const auto address = IpAddress::parse(remote);
        if (!address || !address->is_v4()) return kOnlyWildcard;
        filters.push_back({.prefix_length = kWholeAddress, .remote_port = 0, .remote = *address});
    }
    Mapping mapping{*transport,
                    *external,
                    {*host, *internal},
                    std::nullopt,
                    value_of(request, "NewPortMappingDescription"),
                    std::nullopt,
                    filters};
    if (*lease != 0) mapping.end = net::now() + Lifetime(*lease);
    if (request.action == "AddPortMapping") {
        if (*external == 0) return kInvalidArguments;
        const auto done = gateway_.update([&](MappingTable& table) { return table.put(mapping); });
        if (!done) return code_of(done.error());
        return soap::Arguments{};
    }
    const auto port =
        gateway_.update([&](MappingTable& table) { return table.put_anywhere(mapping); });
    if (!port) return code_of(port.error());
    return soap::Arguments{{"NewReservedPort", std::to_string(*port)}};
}

Igd::Outcome Igd::remove(const soap::Request& request, const IpAddress& asker) {
    const auto transport = transport_of(request);
    const auto external = number_of<std::uint16_t>(request, "NewExternalPort");
    if (!transport || !external) return kInvalidArguments;
    const auto* known = gateway_.table().at(*transport, *external);
    if (known == nullptr) return kNoSuchEntry;
    if (known->internal.address != asker) return kNotAuthorized;
    const auto gone =
        gateway_.update([&](MappingTable& table) { return table.erase(*transport, *external); });
    if (!gone) return code_of(gone.error());
    return soap::Arguments{};
}

Igd::Outcome Igd::entry(const soap::Request& request) const {
    if (request.action == "GetSpecificPortMappingEntry") {
        const auto transport = transport_of(request);
        const auto external = number_of<std::uint16_t>(request, "NewExternalPort");
        if (!transport || !external) return kInvalidArguments;
        const auto* known = gateway_.table().at(*transport, *external);
        if (known == nullptr) return kNoSuchEntry;
        return details_of(*known);
    }
    const auto index = number_of<std::size_t>(request, "NewPortMappingIndex");
    const auto& all = gateway_.table().all();
    if (!index || *index >= all.size()) return kBadIndex;
    soap::Arguments out{{"NewRemoteHost", remote_host_of(all[*index])},
                        {"NewExternalPort", std::to_string(all[*index].external_port)},
                        {"NewProtocol", name_of(all[*index].transport)}};
    for (auto& detail : details_of(all[*index])) out.push_back(std::move(detail));
    return out;
}

Igd::Outcome Igd::list(const soap::Request& request) const {
    const auto transport = transport_of(request);
    const auto first = number_of<std::uint16_t>(request, "NewStartPort");
    const auto last = number_of<std::uint16_t>(request, "NewEndPort");
    const auto limit = number_of<std::size_t>(request, "NewNumberOfPorts");
    if (!transport || !first || !last || !limit) return kInvalidArguments;
    std::string entries;
    std::size_t count = 0;
    for (const auto& mapping : gateway_.table().all()) {
        if (mapping.transport != *transport || mapping.external_port < *first ||
            mapping.external_port > *last || (*limit != 0 && count >= *limit)) {
            continue;
        }
        ++count;
        entries += "<p:PortMappingEntry>" + leaf("p:NewRemoteHost", remote_host_of(mapping)) +
                   leaf("p:NewExternalPort", std::to_string(mapping.external_port)) +
                   leaf("p:NewProtocol", name_of(mapping.transport)) +
                   leaf("p:NewInternalPort", std::to_string(mapping.internal.port)) +
                   leaf("p:NewInternalClient", mapping.internal.address.to_string()) +
                   leaf("p:NewEnabled", "1") + leaf("p:NewDescription", mapping.description) +
                   leaf("p:NewLeaseTime", std::to_string(time_left(mapping, net::now()).count())) +
                   "</p:PortMappingEntry>";
    }
    if (count == 0) return kNotFound;
    return soap::Arguments{
        {"NewPortListing",
         "<p:PortMappingList xmlns:p=\"urn:schemas-upnp-org:gw:WANIPConnection\">" + entries +
             "</p:PortMappingList>"}};
}

} // namespace natterjack::gateway
