// SPDX-License-Identifier: MIT
#include "strategies/igd/upnp_parse.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <memory>

#include <miniupnpc/igd_desc_parse.h>
#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/upnperrors.h>
#include <miniupnpc/upnpreplyparse.h>

#include "base/number.hpp"
#include "base/text.hpp"
#include "proto/ssdp_search.hpp"
#include "wire/xml.hpp"

namespace natterjack::igd {

namespace {

constexpr std::size_t kMaxServices = 8;
constexpr std::size_t kMaxUrl = MINIUPNPC_URL_MAXSIZE - 1;
constexpr std::size_t kMaxValue = sizeof(NameValue::value) - 1;
constexpr std::size_t kMaxArgumentName = sizeof(NameValue::name) - 1;
constexpr std::size_t kMaxArguments = 64; // AddPortMapping has 8
constexpr std::size_t kMaxProduct = 63;

constexpr xml::Limits kReplyLimits{.bytes = kMaxReply, .depth = 16, .elements = 1024};
// A listing is itself an argument of a reply; an entry has nine elements.
constexpr xml::Limits kListingLimits{
    .bytes = kMaxReply, .depth = 4, .elements = 10 * kMaxEntries + 1};

// A document made of flat pieces for miniupnpc's parser, which decodes no entities and takes every
// '<' for markup: in text a control character stands in for it, which the text has not (printable).
class PlainDocument {
public:
    PlainDocument& open(std::string_view name) {
        text_.append("<").append(name).append(">");
        return *this;
    }
    PlainDocument& close(std::string_view name) {
        text_.append("</").append(name).append(">");
        return *this;
    }
    PlainDocument& leaf(std::string_view name, std::string_view value) {
        open(name);
        for (const char c : value) text_ += c == '<' ? kStandIn : c;
        return close(name);
    }
    /// Calls \a parse with the buffer and its length; NUL bytes follow the buffer.
    template<class Parse>
    void read_with(Parse&& parse) {
        const auto length = static_cast<int>(text_.size()); // bounded by the limits above
        text_.append(kSlack, '\0');
        parse(text_.c_str(), length);
    }
    static std::string restored(std::string_view value) {
        std::string out(value);
        std::replace(out.begin(), out.end(), kStandIn, '<');
        return out;
    }

private:
    static constexpr char kStandIn = '\x01';
    static constexpr std::size_t kSlack = 16; // the parser looks at most 9 bytes ahead
    std::string text_;
};

std::optional<Transport> parse_transport(std::string_view text) {
    if (equal_ignoring_case(text, "TCP")) return Transport::Tcp;
    if (equal_ignoring_case(text, "UDP")) return Transport::Udp;
    return std::nullopt;
}

// "1" and "0" by the standard; some write words.
bool parse_enabled(std::string_view text) {
    return text != "0" && !equal_ignoring_case(text, "false") && !equal_ignoring_case(text, "no");
}

// --- descriptions

bool is_plain_url(std::string_view url) {
    return !url.empty() && std::all_of(url.begin(), url.end(), [](char c) {
        return c > ' ' && c < '\x7f' && c != '<' && c != '>' && c != '"';
    });
}

std::string text_of(const xml::Element& parent, std::string_view child) {
    const auto* element = parent.child(child);
    return element == nullptr ? std::string() : printable(element->text);
}

// miniupnpc takes only "http://" in small letters for absolute.
std::string with_small_scheme(std::string url) {
    constexpr std::string_view kScheme = "http://";
    if (equal_ignoring_case(std::string_view(url).substr(0, kScheme.size()), kScheme)) {
        std::copy(kScheme.begin(), kScheme.end(), url.begin());
    }
    return url;
}

// Has miniupnpc read one service and join its control URL with the base.
std::string control_url_of(const std::string& url_base, const std::string& control_url,
                           const std::string& location) {
    PlainDocument document;
    document.open("root");
    if (!url_base.empty()) document.leaf("URLBase", url_base);
    document
        .open("service")
        // One name for all: what it does not know (the DSL forum's) it would not keep.
        .leaf("serviceType", "urn:schemas-upnp-org:service:WANIPConnection:1")
        .leaf("controlURL", control_url)
        .close("service")
        .close("root");
    IGDdatas data{};
    document.read_with([&](const char* buffer, int size) { parserootdesc(buffer, size, &data); });
    UPNPUrls urls{};
    GetUPNPUrls(&urls, &data, location.c_str(), 0);
    std::string url = urls.controlURL == nullptr ? "" : urls.controlURL;
    FreeUPNPUrls(&urls);
    return url;
}

class DescriptionReader {
public:
    DescriptionReader(std::string location, const Endpoint& server)
        : location_(with_small_scheme(std::move(location))), server_(server) {}

    Description read(const xml::Element& root) {
        // A base on another host is left out rather than followed (UDA 1.1 dropped URLBase, and
        // some routers forget to update it when they are renumbered).
        const auto base = with_small_scheme(text_of(root, "URLBase"));
        const auto base_server = http_server_of(base);
        if (is_plain_url(base) && base.size() <= kMaxUrl && base_server &&
            base_server->address == server_.address) {
            url_base_ = base;
        }
        if (const auto* device = root.child("device")) {
            description_.product = product_of(*device);
        }
        visit(root);
        return std::move(description_);
    }

private:
    static std::string product_of(const xml::Element& device) {
        const auto maker = text_of(device, "manufacturer");
        auto model = text_of(device, "modelName");
        if (model.empty()) model = text_of(device, "friendlyName");
        const bool repeats = model.starts_with(maker);
        return printable(maker.empty() || repeats ? model : maker + " " + model, kMaxProduct);
    }

    void visit(const xml::Element& element) { // as deep as xml::Limits::depth
        if (equal_ignoring_case(element.name, "service")) add(element);
        for (const auto& child : element.children) visit(child);
    }

    void refuse(Errc code, const std::string& why) {
        if (!description_.refusal) {
            description_.refusal =
                Error{code, "the gateway at " + server_.address.to_string() + " " + why};
        }
    }

    void add(const xml::Element& element) {
        const auto type = text_of(element, "serviceType");
        const bool firewall = is_firewall_service(type);
        auto& known = firewall ? description_.firewalls : description_.services;
        if ((!firewall && !is_wan_service(type)) || known.size() >= kMaxServices) return;
        const auto raw = with_small_scheme(text_of(element, "controlURL"));
        if (!is_plain_url(raw)) {
            return refuse(Errc::Malformed, "names no usable control URL for " + type);
        }
        if (raw.size() > kMaxUrl) return refuse(Errc::TooLarge, "names an overlong control URL");
        auto url = control_url_of(url_base_, raw, location_);
        const auto server = http_server_of(url);
        if (!server || server->address != server_.address) {
            return refuse(Errc::Unsafe, "names a control URL that it may not choose (" + url +
                                            "): only its own numeric address is followed");
        }
        const WanService service{type, std::move(url)};
        if (std::find(known.begin(), known.end(), service) == known.end()) {
            known.push_back(service);
        }
    }

    std::string location_;
    Endpoint server_;
    std::string url_base_;
    Description description_;
};

// --- replies

struct NameValues {
    NameValueParserData data{};
    NameValues() = default;
    NameValues(const NameValues&) = delete;
    NameValues& operator=(const NameValues&) = delete;
    ~NameValues() { ClearNameValueList(&data); }
};

bool is_argument_name(std::string_view name) {
    return name.size() <= kMaxArgumentName && std::all_of(name.begin(), name.end(), [](char c) {
               return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') ||
                      c == '_';
           });
}

constexpr std::string_view kListing = "NewPortListing";
constexpr const char* kDescription = "NewPortMappingDescription";

// Has miniupnpc read the leaves of one element.
Reply read_arguments(const xml::Element& element) {
    PlainDocument document;
    std::vector<std::string_view> names;
    document.open("r");
    for (const auto& child : element.children) {
        const bool known = std::find(names.begin(), names.end(), child.name) != names.end();
        if (known || !is_argument_name(child.name) || names.size() >= kMaxArguments) continue;
        const bool cut = child.name == kDescription;
        const auto value = printable(child.text, cut ? kMaxValue : std::string_view::npos);
        if (value.size() > kMaxValue && child.name != kListing) continue;
        document.leaf(child.name, value);
        names.push_back(child.name);
    }
    document.close("r");
    NameValues values;
    document.read_with(
        [&](const char* buffer, int size) { ParseNameValue(buffer, size, &values.data); });
    Reply reply;
    for (const auto name : names) {
        const char* value =
            name == kListing ? values.data.portListing
                             : GetValueFromNameValueList(&values.data, std::string(name).c_str());
        reply.arguments.emplace_back(name, value == nullptr ? "" : PlainDocument::restored(value));
    }
    return reply;
}

// The first element of that name anywhere below: faults are nested in more ways than one.
const xml::Element* find_below(const xml::Element& element, std::string_view name) {
    for (const auto& child : element.children) {
        if (equal_ignoring_case(child.name, name)) return &child;
        if (const auto* found = find_below(child, name)) return found;
    }
    return nullptr;
}

// --- entries

// The two kinds of answer name two fields differently.
struct EntryNames {
    const char* description;
    const char* lease;
};

template<class Text>
std::optional<PortEntry> make_entry(const Text& text, const EntryNames& names,
                                    const std::optional<EntryKey>& known) {
    const auto transport = known ? known->transport : parse_transport(text("NewProtocol"));
    const auto external =
        known ? known->external_port : parse_number<std::uint16_t>(text("NewExternalPort"));
    const auto internal = parse_number<std::uint16_t>(text("NewInternalPort"));
    // Some show the host's name, which says nothing to us; but the port is taken.
    const auto name = printable(text("NewInternalClient"), kMaxValue);
    const auto client = IpAddress::parse(name);
    const std::string lease_text(text(names.lease));
    const auto lease = lease_text.empty() ? 0 : parse_number<std::uint32_t>(lease_text);
    if (!transport || !external || !internal || name.empty() || !lease) return std::nullopt;
    return PortEntry{*transport,
                     *external,
                     {client.value_or(IpAddress()), *internal},
                     printable(text("NewRemoteHost"), kMaxValue),
                     printable(text(names.description), kMaxValue),
                     Lifetime(*lease),
                     parse_enabled(text("NewEnabled")),
                     client ? "" : name};
}

} // namespace

bool is_firewall_service(std::string_view type) {
    return type == "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1";
}

bool is_wan_service(std::string_view type) {
    constexpr std::array kPrefixes = {
        std::string_view("urn:schemas-upnp-org:service:WANIPConnection:"),
        std::string_view("urn:schemas-upnp-org:service:WANPPPConnection:"),
        // The forum's own name, of which DSL routers made WAN services before there was another.
        std::string_view("urn:dslforum-org:service:WANIPConnection:"),
        std::string_view("urn:dslforum-org:service:WANPPPConnection:")};
    return std::any_of(kPrefixes.begin(), kPrefixes.end(), [&](std::string_view prefix) {
        return type.starts_with(prefix) && type.size() == prefix.size() + 1 && type.back() >= '1' &&
               type.back() <= '9';
    });
}

Result<Description> parse_description(std::string_view document, const std::string& location) {
    const auto server = http_server_of(location);
    if (!server) return server.error();
    const auto root =
        xml::parse(document, {.bytes = kMaxDescription, .depth = 32, .elements = 4096});
    if (!root) return root.error();
    if (!equal_ignoring_case(root->name, "root")) {
        return Error{Errc::Malformed, "not the description of a UPnP device"};
    }
    return DescriptionReader(location, *server).read(*root);
}

const std::string* Reply::find(std::string_view name) const {
    const auto found = std::find_if(arguments.begin(), arguments.end(), [&](const auto& argument) {
        return equal_ignoring_case(argument.first, name);
    });
    return found == arguments.end() ? nullptr : &found->second;
}

Result<std::variant<Reply, soap::Fault>> parse_reply(std::string_view action,
                                                     std::string_view body) {
    const auto root = xml::parse(body, kReplyLimits);
    if (!root) return root.error();
    const auto* soap_body =
        equal_ignoring_case(root->name, "Envelope") ? root->child("Body") : nullptr;
    if (soap_body == nullptr) return Error{Errc::Malformed, "not a SOAP answer"};
    if (const auto* response = soap_body->child(std::string(action) + "Response")) {
        return std::variant<Reply, soap::Fault>(read_arguments(*response));
    }
    const auto* fault = soap_body->child("Fault");
    const auto* upnp_error = fault == nullptr ? nullptr : find_below(*fault, "UPnPError");
    if (upnp_error == nullptr) {
        return Error{Errc::Malformed,
                     "neither an answer to " + std::string(action) + " nor a UPnP error"};
    }
    const auto details = read_arguments(*upnp_error);
    const auto* code = details.find("errorCode");
    const auto number = code == nullptr ? std::nullopt : parse_number<int>(*code);
    if (!number) return Error{Errc::Malformed, "a UPnP error without a code"};
    const auto* text = details.find("errorDescription");
    return std::variant<Reply, soap::Fault>(soap::Fault{*number, text == nullptr ? "" : *text});
}

std::optional<std::uint16_t> port_in(std::string_view text) {
    const auto port = parse_number<std::uint16_t>(text);
    return port && *port != 0 ? port : std::nullopt;
}

Result<PortEntry> parse_entry(const Reply& reply, const std::optional<EntryKey>& known) {
    const auto text = [&](std::string_view name) {
        const auto* value = reply.find(name);
        return value == nullptr ? std::string_view() : std::string_view(*value);
    };
    const auto* client = reply.find("NewInternalClient");
    if (client != nullptr && client->empty()) {
        return Error{Errc::NotFound, "the gateway shows a place holder that leads to no host"};
    }
    auto entry = make_entry(text, {kDescription, "NewLeaseDuration"}, known);
    if (!entry) {
        return Error{Errc::Malformed, "the gateway shows an entry that makes no sense"};
    }
    return std::move(*entry);
}

Result<std::vector<PortEntry>> parse_port_listing(std::string_view listing) {
    std::vector<PortEntry> entries;
    if (trim(listing).empty()) return entries;
    const auto root = xml::parse(listing, kListingLimits);
    if (!root) return root.error();
    if (!equal_ignoring_case(root->name, "PortMappingList")) {
        return Error{Errc::Malformed, "not a list of port mappings"};
    }
    for (const auto& child : root->children) {
        if (!equal_ignoring_case(child.name, "PortMappingEntry")) continue;
        const auto text = [&](const char* name) { return text_of(child, name); };
        if (auto entry = make_entry(text, {"NewDescription", "NewLeaseTime"}, std::nullopt)) {
            entries.push_back(std::move(*entry));
        }
    }
    return entries;
}

std::string error_name(int code) {
    const char* name = strupnperror(code);
    return name == nullptr ? "" : name;
}

} // namespace natterjack::igd
