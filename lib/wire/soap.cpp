// SPDX-License-Identifier: MIT
#include "wire/soap.hpp"

#include "base/text.hpp"
#include "wire/xml.hpp"

namespace natterjack::soap {

namespace {

std::string envelope(const std::string& inside) {
    return "<?xml version=\"1.0\"?>\r\n"
           "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" "
           "s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\">"
           "<s:Body>" +
           inside + "</s:Body></s:Envelope>\r\n";
}

std::string call(const std::string& element, const std::string& service_type,
                 const Arguments& arguments) {
    std::string out = "<u:" + element + " xmlns:u=\"" + xml::escape(service_type) + "\">";
    for (const auto& [name, value] : arguments) {
        out.append("<").append(name).append(">");
        out.append(xml::escape(value));
        out.append("</").append(name).append(">");
    }
    return envelope(out + "</u:" + element + ">");
}

} // namespace

std::string action_header(const Request& request) {
    return "\"" + request.service_type + "#" + request.action + "\"";
}

std::string encode(const Request& request) {
    return call(request.action, request.service_type, request.arguments);
}

std::string encode(const Response& response) {
    return call(response.action + "Response", response.service_type, response.arguments);
}

std::string encode(const Fault& fault) {
    return envelope("<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring>"
                    "<detail><UPnPError xmlns=\"urn:schemas-upnp-org:control-1-0\"><errorCode>" +
                    std::to_string(fault.code) + "</errorCode><errorDescription>" +
                    xml::escape(fault.description) +
                    "</errorDescription></UPnPError></detail></s:Fault>");
}

Result<Request> decode_request(std::string_view action_header, std::string_view body) {
    const auto hash = action_header.rfind('#');
    if (action_header.size() < 4 || action_header.front() != '"' || action_header.back() != '"' ||
        hash == std::string_view::npos) {
        return Error{Errc::Malformed, "SOAPAction is not \"service#action\" in quotes"};
    }
    Request request;
    request.service_type = action_header.substr(1, hash - 1);
    request.action = action_header.substr(hash + 1, action_header.size() - hash - 2);

    const auto root = xml::parse(body);
    if (!root) return root.error();
    const auto* soap_body = root->name == "Envelope" ? root->child("Body") : nullptr;
    const auto* action = soap_body != nullptr ? soap_body->child(request.action) : nullptr;
    if (action == nullptr) return Error{Errc::Malformed, "no SOAP request for that action"};
    for (const auto& argument : action->children) {
        request.arguments.emplace_back(argument.name, argument.text);
    }
    return request;
}

} // namespace natterjack::soap
