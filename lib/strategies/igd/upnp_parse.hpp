// SPDX-License-Identifier: MIT
/// \file
/// \brief Device descriptions, SOAP replies and port listings, read by miniupnpc's pure functions.
///
/// The only file that knows miniupnpc. Its parser reads past truncated input, cuts values silently
/// at 127 bytes, keeps two WAN services at most and knows no prefix in closing tags. So nothing
/// from the network reaches it as it came: the document is first read by xml::parse(), which bounds
/// and checks it, and written anew, one flat piece at a time, with NUL bytes behind it.
///
/// Its ParsePortListing() cannot be used from C++ at all: the header gives the lease another width
/// there than in the C of which the library is made (miniupnpctypes.h), so every field after it
/// would be read from the wrong place. Listings are read from xml::parse()'s tree instead.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <natterjack/endpoint.hpp>

#include "base/time.hpp"
#include "wire/soap.hpp"

namespace natterjack::igd {

/// Longest description of a device, and longest reply, in bytes.
inline constexpr std::size_t kMaxDescription = std::size_t{256} * 1024;
inline constexpr std::size_t kMaxReply = std::size_t{64} * 1024;
/// More entries than this are not read from one gateway.
inline constexpr std::size_t kMaxEntries = 1000;

/// A service that maps ports.
struct WanService {
    std::string type;        ///< As the device spells it: it must be repeated so to be understood.
    std::string control_url; ///< Absolute; on the device's own address.

    /// WANIPConnection:2 has AddAnyPortMapping and GetListOfPortMappings.
    [[nodiscard]] bool is_version_2() const { return type.ends_with(":WANIPConnection:2"); }

    friend bool operator==(const WanService&, const WanService&) = default;
};

/// True for WANIPv6FirewallControl, which opens pinholes, and for nothing that could break out of a
/// header.
[[nodiscard]] bool is_firewall_service(std::string_view type);

/// True for the service types that map ports, and for nothing that could break out of a header.
[[nodiscard]] bool is_wan_service(std::string_view type);

struct Description {
    std::vector<WanService> services;  ///< In the order of the document, at most 8.
    std::vector<WanService> firewalls; ///< The same of WANIPv6FirewallControl.
    std::string product;               ///< Manufacturer and model, for people; may be empty.
    /// Why a WAN service was left out: Errc::Unsafe, Errc::TooLarge or Errc::Malformed.
    std::optional<Error> refusal;
};

/// \a location is where it was fetched: an http URL with a numeric host.
/// \retval Errc::Malformed, Errc::Truncated, Errc::TooLarge  as xml::parse(), or not a description
/// \retval Errc::Unsafe  \a location is not such a URL
[[nodiscard]] Result<Description> parse_description(std::string_view document,
                                                    const std::string& location);

/// The arguments of a reply; printable. What miniupnpc would cut is left out, except a mapping's
/// description, which is cut between characters.
struct Reply {
    soap::Arguments arguments;
    /// The value of that name; nullptr: there is none.
    [[nodiscard]] const std::string* find(std::string_view name) const;
};

/// The answer to \a action: its response or a UPnP error.
/// \retval Errc::Malformed, Errc::Truncated, Errc::TooLarge  as xml::parse(), or not an answer to
/// it
[[nodiscard]] Result<std::variant<Reply, soap::Fault>> parse_reply(std::string_view action,
                                                                   std::string_view body);

/// A port as gateways write it, 1 to 65535; empty: it is none.
[[nodiscard]] std::optional<std::uint16_t> port_in(std::string_view text);

/// One entry of a gateway's table.
struct PortEntry {
    Transport transport = Transport::Udp;
    std::uint16_t external_port = 0;
    Endpoint internal;
    std::string remote_host; ///< Empty: anyone.
    std::string description; ///< Printable.
    Lifetime lease{0};       ///< Left; 0: until it is deleted.
    bool enabled = true;
    std::string host; ///< What the gateway calls the client, if that is no address; else empty.

    friend bool operator==(const PortEntry&, const PortEntry&) = default;
};

/// The answer to GetSpecificPortMappingEntry (\a known tells what was asked for) or to
/// GetGenericPortMappingEntry.
/// \retval Errc::Malformed  an argument lacks or makes no sense
/// \retval Errc::NotFound   it leads to no host: some Sagemcom routers' tables have such place
/// holders (lontivero/Open.NAT#22)
struct EntryKey {
    Transport transport = Transport::Udp;
    std::uint16_t external_port = 0;
    std::string remote_host{}; ///< Empty: anyone.
};
[[nodiscard]] Result<PortEntry> parse_entry(const Reply& reply,
                                            const std::optional<EntryKey>& known);

/// The argument NewPortListing of GetListOfPortMappings. Entries that make no sense are left out.
/// \retval Errc::Malformed, Errc::Truncated, Errc::TooLarge  as xml::parse(), or not a listing
[[nodiscard]] Result<std::vector<PortEntry>> parse_port_listing(std::string_view listing);

/// miniupnpc's name for a UPnP error; empty: it has none.
[[nodiscard]] std::string error_name(int code);

} // namespace natterjack::igd
