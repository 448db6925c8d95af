// SPDX-License-Identifier: MIT
/// \file
/// \brief SPEC: the words that describe one site of a lab, such as "eim/apdf,igd,delay=40ms".
///
///     SPEC = PART *(">" PART)
///     PART = BASE *("," OPTION)
///     BASE = MAPPING "/" FILTERING | "none" | "blocked" | PRESET
///
/// Each part is a router, the host's own first.
///
/// Words are RFC 4787's. docs/nat-lab.md and nat-lab(1) list them all. Pure: no system is touched.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <natterjack/result.hpp>

namespace natterjack::lab {

/// How a router chooses the external endpoint (RFC 4787 section 4.1).
enum class Mapping : std::uint8_t {
    EndpointIndependent,
    AddressDependent,
    AddressAndPortDependent
};

/// Who may send to a mapped endpoint (RFC 4787 section 5).
enum class Filtering : std::uint8_t {
    EndpointIndependent,
    AddressDependent,
    AddressAndPortDependent
};

/// Which port a new mapping is given (RFC 4787 section 4.2).
enum class Ports : std::uint8_t {
    Preserve,   ///< The host's own one where it is free. Only with endpoint-independent mapping.
    Sequential, ///< One after the other.
    Random
};

/// The ports that a router may give, both inclusive, 1 to 65535; last 0: all.
struct PortBlock {
    std::uint16_t first = 0;
    std::uint16_t last = 0;

    [[nodiscard]] bool any() const noexcept { return last != 0; }
    friend bool operator==(const PortBlock&, const PortBlock&) = default;
};

/// What becomes of a packet from the LAN to a mapped external endpoint (RFC 4787 section 6).
enum class Hairpin : std::uint8_t {
    Off,      ///< As if nobody had mapped it.
    Internal, ///< It arrives with the sender's own address as its source.
    External  ///< It arrives with the sender's external endpoint as its source (REQ-9).
};

/// What the router says on its LAN side when asked at a port where nothing listens.
enum class ClosedPorts : std::uint8_t {
    Reject, ///< ICMP port unreachable or a TCP reset at once, as most home routers do.
    Drop    ///< Nothing at all.
};

/// What a link does to the packets of one direction.
struct Impairment {
    std::chrono::microseconds delay{0};  ///< Added to every packet, each way.
    std::chrono::microseconds jitter{0}; ///< 0 to this much more, evenly spread; order is kept.
    std::uint32_t loss_ppm = 0;          ///< Lost packets in a million, 0 to 1,000,000.
    /// Packets pass through the relay, even if nothing happens to them there: the link can be
    /// changed later. False: the kernel's own link, and all else is zero.
    bool relayed = false;

    friend bool operator==(const Impairment&, const Impairment&) = default;
};

/// Which program offers the port-mapping protocols.
enum class Server : std::uint8_t {
    Unsaid,    ///< parse_spec() leaves none: miniupnpd, or nat-lab-gateway behind another router.
    Miniupnpd, ///< The real one. It maps nothing where its WAN address is not public.
    Own,       ///< nat-lab-gateway: maps whatever its WAN address is, as many home routers do.
    Liar       ///< The same, but it only says so.
};

/// The port-mapping protocols that a router offers on its LAN side.
struct PortMapping {
    bool igd = false;    ///< UPnP IGD.
    bool igd_v1 = false; ///< With igd: describes itself as IGD:1, not IGD:2.
    bool natpmp = false;
    bool pcp = false;
    Server server = Server::Miniupnpd;
    std::string external;    ///< The IPv4 address that it calls its external one; empty: its WAN's.
    std::uint16_t table = 0; ///< How many mappings it has room for; 0: as many as anybody wants.

    [[nodiscard]] bool any() const noexcept { return igd || natpmp || pcp; }
    friend bool operator==(const PortMapping&, const PortMapping&) = default;
};

/// True when somebody must answer on port 5351 in the version that is not offered: miniupnpd
/// cannot.
[[nodiscard]] inline bool needs_version_answerer(const PortMapping& offered) {
    return offered.server == Server::Miniupnpd && offered.natpmp != offered.pcp;
}

/// Ports outside to which one transport may go.
struct Egress {
    bool tcp = false; ///< Else UDP.
    std::vector<std::uint16_t> ports;

    friend bool operator==(const Egress&, const Egress&) = default;
};

/// One router.
struct RouterSpec {
    Mapping mapping = Mapping::EndpointIndependent;
    Filtering filtering = Filtering::AddressAndPortDependent;
    Ports ports = Ports::Preserve;
    PortBlock block;
    Hairpin hairpin = Hairpin::Off;
    /// How long a UDP mapping outlives its last packet, in whole seconds; 0: as the kernel has it.
    std::chrono::seconds timeout{0};
    /// The same once packets have passed both ways; 0: as `timeout`.
    std::chrono::seconds stream_timeout{0};
    bool ipv6 = false;          ///< Routes IPv6 too, and lets in only what was asked for.
    bool shared_lan = false;    ///< Its LAN has addresses of 100.64/10 (RFC 6598), as a carrier's.
    bool udp_blocked = false;   ///< No UDP either way; TCP goes out, nothing comes in.
    std::vector<Egress> egress; ///< Not empty: nothing else goes out.
    ClosedPorts closed = ClosedPorts::Reject;
    PortMapping port_mapping;
    Impairment uplink; ///< The link towards the internet.

    friend bool operator==(const RouterSpec&, const RouterSpec&) = default;
};

/// One site: a host and the routers between it and the internet.
struct SiteSpec {
    std::vector<RouterSpec> routers; ///< The host's own first. Empty: the host's address is public.
    Impairment host_link; ///< The host's own link: its LAN, or its uplink without router.
    bool ipv4 = true;     ///< The host has an IPv4 address.
    bool ipv6 = false;    ///< The host has a global IPv6 address, of a prefix of the site's own.
    /// The host's default route leads through a tunnel, to a server that translates as a home
    /// router does.
    bool vpn = false;
    bool firewall = false; ///< On the host itself: drops what it has not asked for.

    friend bool operator==(const SiteSpec&, const SiteSpec&) = default;
};

/// Reads one SPEC.
/// \retval Errc::InvalidArgument  a word that is unknown or out of place; the message quotes it
///         and lists what may stand there
[[nodiscard]] Result<SiteSpec> parse_spec(std::string_view text);

/// \a present with the changes that \a words asks for: delay=, jitter=, loss=, with commas between.
/// \retval Errc::InvalidArgument  as parse_spec()
[[nodiscard]] Result<Impairment> parse_impairment(Impairment present, std::string_view words);

/// A preset: a name for a whole SPEC.
struct Preset {
    std::string_view name;
    std::string_view spec;
    std::string_view meaning; ///< One line for people.
};

/// All presets, in the order in which they are shown.
[[nodiscard]] const std::vector<Preset>& presets();

} // namespace natterjack::lab
