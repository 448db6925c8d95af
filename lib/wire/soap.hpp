// SPDX-License-Identifier: MIT
/// \file
/// \brief SOAP as UPnP uses it (UPnP Device Architecture 2.0 section 3): requests, and for fake
/// gateways their decoding, responses and faults. Pure. Replies are read by upnp_parse.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <natterjack/result.hpp>

namespace natterjack::soap {

/// Names and values, in the order of the service's description: old routers insist on it.
using Arguments = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::string_view kContentType = "text/xml; charset=\"utf-8\"";

struct Request {
    std::string service_type; ///< "urn:schemas-upnp-org:service:WANIPConnection:1"
    std::string action;       ///< "AddPortMapping"
    Arguments arguments;

    friend bool operator==(const Request&, const Request&) = default;
};

struct Response {
    std::string service_type;
    std::string action; ///< The request's.
    Arguments arguments;

    friend bool operator==(const Response&, const Response&) = default;
};

/// UPnPError (section 3.2.2); sent with HTTP status 500.
struct Fault {
    int code = 0;
    std::string description;

    friend bool operator==(const Fault&, const Fault&) = default;
};

/// The value of the SOAPAction header, quotes included: routers refuse it without them.
[[nodiscard]] std::string action_header(const Request& request);

/// The body. Values are escaped, and lose what XML forbids. Precondition: action, service type and
/// argument names are ours, not the network's.
[[nodiscard]] std::string encode(const Request& request);
[[nodiscard]] std::string encode(const Response& response);
[[nodiscard]] std::string encode(const Fault& fault);

/// \a action_header is the header's value.
/// \retval Errc::Malformed  no SOAP request, or not the action that the header names
/// \retval Errc::Truncated, Errc::TooLarge  as xml::parse()
[[nodiscard]] Result<Request> decode_request(std::string_view action_header, std::string_view body);

} // namespace natterjack::soap
