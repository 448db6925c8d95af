// SPDX-License-Identifier: MIT
#include "nft_rules.hpp"

#include <vector>

#include "gateway_ports.hpp"

namespace natterjack::lab {

namespace {

class Text {
public:
    void line(std::string_view text) {
        if (!text.empty()) out_.append(depth_ * 4, ' ').append(text);
        out_ += '\n';
    }
    void open(std::string_view text) {
        line(std::string(text) + " {");
        ++depth_;
    }
    void close() {
        --depth_;
        line("}");
    }
    [[nodiscard]] std::string take() && { return std::move(out_); }

private:
    std::string out_;
    std::size_t depth_ = 0;
};

std::string from_wan() {
    return "iifname \"" + std::string(kWanInterface) + "\" ";
}
std::string from_lan() {
    return "iifname \"" + std::string(kLanInterface) + "\" ";
}
std::string to_lan() {
    return "oifname \"" + std::string(kLanInterface) + "\" ";
}
std::string to_wan() {
    return "oifname \"" + std::string(kWanInterface) + "\" ";
}

constexpr std::string_view kBothTransports = "meta l4proto { tcp, udp } ";
/// What a router without a block gives one after the other.
constexpr PortBlock kSequence{40000, 41023};

/// True when the router must know by itself whose an external port is: conntrack alone only lets in
/// what was asked for.
bool has_cone(const RouterSpec& router) {
    return router.filtering != Filtering::AddressAndPortDependent || router.hairpin != Hairpin::Off;
}

/// True when the router must remember the port that it has given: the kernel by itself gives the
/// host's own port again, or a new one each time.
bool has_memory(const RouterSpec& router) {
    return router.mapping == Mapping::AddressDependent ||
           (router.mapping == Mapping::EndpointIndependent && router.ports != Ports::Preserve);
}

std::string lifetime(const RouterSpec& router) {
    constexpr std::chrono::seconds kRecommended(300); // RFC 4787 REQ-5
    const auto time = router.timeout.count() != 0 ? router.timeout : kRecommended;
    return std::to_string(time.count()) + "s";
}

void add_set(Text& text, const RouterSpec& router, std::string_view kind, std::string_view type) {
    text.open(kind);
    text.line("type " + std::string(type));
    text.line("flags dynamic,timeout");
    text.line("timeout " + lifetime(router));
    text.line("size 65536");
    text.close();
}

void add_memory(Text& text, const RouterSpec& router) {
    if (has_cone(router)) {
        text.line("# External port -> internal endpoint.");
        add_set(text, router, "map cone", "inet_proto . inet_service : ipv4_addr . inet_service");
    }
    if (has_memory(router)) {
        const bool by_address = router.mapping == Mapping::AddressDependent;
        text.line(by_address ? "# Internal endpoint and destination's address -> external port."
                             : "# Internal endpoint -> external port.");
        add_set(text, router, "map given",
                by_address ? "inet_proto . ipv4_addr . inet_service . ipv4_addr : inet_service"
                           : "inet_proto . ipv4_addr . inet_service : inet_service");
    }
    if (router.filtering == Filtering::AddressDependent) {
        text.line("# Whom each internal endpoint has sent to.");
        add_set(text, router, "set contacted", "inet_proto . ipv4_addr . inet_service . ipv4_addr");
    }
}

/// Empty for miniupnpd, which writes rules; with rules that look into tables for nat-lab-gateway,
/// which fills those.
void add_upnp_chains(Text& text, const PortMapping& offered) {
    if (!offered.any()) return;
    const bool tables = offered.server != Server::Miniupnpd;
    const auto chain = [&](std::string_view name, const std::vector<std::string>& rules) {
        text.open("chain " + std::string(name));
        for (const auto& rule : rules) {
            if (tables) text.line(rule);
        }
        text.close();
    };
    const auto table = [&](std::string_view kind, std::string_view name, std::string_view type,
                           std::string_view flags = {}) {
        if (!tables) return;
        text.open(std::string(kind) + " " + std::string(name));
        text.line("type " + std::string(type));
        if (!flags.empty()) text.line("flags " + std::string(flags));
        text.close();
    };
    table("map", kMappedIn, "inet_proto . inet_service : ipv4_addr . inet_service");
    table("map", kMappedOut, "inet_proto . ipv4_addr . inet_service : inet_service");
    table("set", kMappedHosts, "inet_proto . ipv4_addr . inet_service");
    table("set", kMappedFrom, "inet_proto . ipv4_addr . inet_service . ipv4_addr . inet_service",
          "interval");
    const std::string both(kBothTransports);
    chain(kUpnpForward,
          {both + "meta l4proto . ip daddr . th dport @" + std::string(kMappedHosts) + " accept",
           both + "meta l4proto . ip daddr . th dport . ip saddr . th sport @" +
               std::string(kMappedFrom) + " accept"});
    chain(kUpnpPrerouting,
          {both + "dnat ip to meta l4proto . th dport map @" + std::string(kMappedIn)});
    chain(kUpnpPostrouting, {both + "masquerade to :meta l4proto . ip saddr . th sport map @" +
                             std::string(kMappedOut)});
}

/// IPv6 is routed as it is: what follows is for IPv4.
void pass_ipv6(Text& text, const RouterSpec& router) {
    if (router.ipv6) text.line("meta nfproto ipv6 accept");
}

void add_prerouting(Text& text, const RouterSpec& router) {
    const std::string to_owner =
        std::string(kBothTransports) + "dnat ip to meta l4proto . th dport map @cone";
    text.open("chain prerouting");
    text.line("type nat hook prerouting priority dstnat; policy accept;");
    pass_ipv6(text, router);
    if (router.port_mapping.any()) text.line(from_wan() + "jump " + std::string(kUpnpPrerouting));
    if (router.filtering != Filtering::AddressAndPortDependent) text.line(from_wan() + to_owner);
    if (router.hairpin != Hairpin::Off) {
        text.line("# From inside to an address of the router that is not its LAN one.");
        text.line(from_lan() + "fib daddr type local fib daddr . iif type != local " + to_owner);
    }
    text.close();
}

/// The port of a new mapping, as an argument of masquerade and snat; empty: the kernel's choice.
std::string new_port(const RouterSpec& router) {
    if (router.ports == Ports::Sequential) {
        const auto block = router.block.any() ? router.block : kSequence;
        const unsigned count = block.last - block.first + 1U;
        // A number by itself would be taken for one with its two bytes exchanged.
        std::string out = ":numgen inc mod " + std::to_string(count) + " map { ";
        for (unsigned i = 0; i < count; ++i) {
            out +=
                (i == 0 ? "" : ", ") + std::to_string(i) + " : " + std::to_string(block.first + i);
        }
        return out + " }";
    }
    std::string out;
    if (router.block.any()) {
        out = ":" + std::to_string(router.block.first) + "-" + std::to_string(router.block.last);
    }
    if (router.ports == Ports::Random)
        out += (out.empty() ? "" : " ") + std::string("fully-random");
    return out;
}

/// Gives a mapping to the packets that \a packets matches. \a action: "masquerade" or "snat ...".
void add_source_nat(Text& text, const RouterSpec& router, const std::string& packets,
                    const std::string& action, const std::string& port_word) {
    const auto port = new_port(router);
    const auto with_port = [&](const std::string& argument) {
        if (!argument.starts_with(':')) return action + (argument.empty() ? "" : " " + argument);
        return action + port_word + argument;
    };
    if (has_memory(router)) {
        const bool by_address = router.mapping == Mapping::AddressDependent;
        text.line(packets + std::string(kBothTransports) +
                  with_port(std::string(":meta l4proto . ip saddr . th sport") +
                            (by_address ? " . ip daddr" : "") + " map @given"));
    }
    if (port.starts_with(':')) {
        text.line(packets + std::string(kBothTransports) + with_port(port));
        text.line(packets + action);
    } else {
        text.line(packets + with_port(port));
    }
}

void add_postrouting(Text& text, const RouterSpec& router) {
    text.open("chain postrouting");
    text.line("type nat hook postrouting priority srcnat; policy accept;");
    pass_ipv6(text, router);
    if (router.port_mapping.any()) text.line(to_wan() + "jump " + std::string(kUpnpPostrouting));
    // Plain masquerade preserves ports and reuses a mapping for each further destination;
    // fully-random draws a new port for each.
    add_source_nat(text, router, to_wan(), "masquerade", " to ");
    if (router.hairpin == Hairpin::External) {
        text.line("# The address that the sender aimed at becomes its own.");
        add_source_nat(text, router, from_lan() + to_lan() + "ct status dnat ",
                       "snat ip to ct original ip daddr", " ");
    }
    text.close();
}

/// Behind the translation, where the external port can be seen.
void add_remember(Text& text, const RouterSpec& router) {
    if (!has_cone(router) && !has_memory(router)) return;
    text.open("chain remember");
    text.line("type filter hook postrouting priority srcnat + 1; policy accept;");
    pass_ipv6(text, router);
    std::vector<std::string> ways{to_wan()};
    if (router.hairpin == Hairpin::External) {
        ways.push_back(from_lan() + to_lan() + "ct status dnat ");
    }
    for (const auto& way : ways) {
        const auto packets = way + std::string(kBothTransports);
        if (has_cone(router)) {
            const auto add = [&](std::string_view when, std::string_view timeout,
                                 std::string_view owner) {
                std::string rule = packets;
                rule.append(when).append(" @cone { meta l4proto . th sport").append(timeout);
                rule.append(" : ").append(owner).append(" }");
                text.line(rule);
            };
            constexpr auto kSender = "ct original ip saddr . ct original proto-src";
            const auto timeout = " timeout " + lifetime(router);
            // A new owner of the port takes it over; a known one keeps it with each packet.
            add("ct state new delete", "", kSender);
            add("ct direction original update", timeout, kSender);
            add("ct direction reply update", timeout, "ct reply ip saddr . ct reply proto-src");
        }
        if (has_memory(router)) {
            const bool by_address = router.mapping == Mapping::AddressDependent;
            text.line(packets + "ct direction original update @given " +
                      "{ meta l4proto . ct original ip saddr . ct original proto-src" +
                      (by_address ? " . ip daddr" : "") + " timeout " + lifetime(router) +
                      " : th sport }");
        }
    }
    text.close();
}

std::string port(std::uint16_t number) {
    return std::to_string(number) + " ";
}

/// Sends requests of the version that is not offered to the version answerer, and its answers back
/// as if they came from port 5351: miniupnpd itself speaks both versions or none. The version is
/// the first byte of the payload (RFC 6886 section 3, RFC 6887 section 7). Without conntrack: one
/// client may ask in both versions from the same port.
void add_version_detour(Text& text, const PortMapping& offered) {
    if (!needs_version_answerer(offered)) return;
    const std::string version_other = std::string("@th,64,8 != ") + (offered.pcp ? "2 " : "0 ");
    text.open("chain version_request");
    text.line("type filter hook prerouting priority raw; policy accept;");
    text.line(from_lan() + "udp dport " + port(kPcpPort) + version_other + "udp dport set " +
              port(kVersionAnswerPort) + "notrack");
    text.close();
    text.open("chain version_answer");
    text.line("type filter hook output priority raw; policy accept;");
    text.line("# What miniupnpd announces by multicast in that version is not offered either.");
    text.line("udp dport " + port(kAnnouncePort) + version_other + "drop");
    text.line("udp sport " + port(kVersionAnswerPort) + "udp sport set " + port(kPcpPort) +
              "notrack");
    text.close();
}

void add_input(Text& text, const RouterSpec& router) {
    const auto& offered = router.port_mapping;
    text.open("chain input");
    text.line("type filter hook input priority filter; policy accept;");
    text.line("# Dropped, not accepted and refused: an accepted packet leaves a conntrack entry,");
    text.line("# and the host's own flow from that port would then be given another port.");
    text.line(from_wan() + "ct state new drop");
    if (router.closed == ClosedPorts::Drop) {
        text.line(from_lan() + "ct state established,related accept");
        text.line(from_lan() + (router.ipv6 ? "meta l4proto { icmp, igmp, ipv6-icmp } accept"
                                            : "meta l4proto { icmp, igmp } accept"));
        if (offered.igd) {
            text.line(from_lan() + "udp dport " + port(kSsdpPort) + "accept");
            text.line(from_lan() + "tcp dport " + port(kIgdHttpPort) + "accept");
        }
        if (offered.natpmp || offered.pcp) {
            text.line(from_lan() + "udp dport { " + std::to_string(kPcpPort) + ", " +
                      std::to_string(kVersionAnswerPort) + " } accept");
        }
        text.line(from_lan() + "drop");
    }
    text.close();
}

/// What may go out by itself.
void add_egress(Text& text, const RouterSpec& router) {
    const auto out = from_lan() + to_wan();
    if (router.udp_blocked) {
        const std::string icmp6 = router.ipv6 ? ", ipv6-icmp" : "";
        text.line(out + "meta l4proto { tcp, icmp" + icmp6 + " } accept");
    } else if (router.egress.empty()) {
        text.line(out + "accept");
    }
    for (const auto& egress : router.egress) {
        std::string ports;
        for (const auto port : egress.ports) {
            ports += (ports.empty() ? "" : ", ") + std::to_string(port);
        }
        auto rule = out;
        rule.append(egress.tcp ? "tcp" : "udp").append(" dport { ").append(ports);
        text.line(rule.append(" } accept"));
    }
}

void add_forward(Text& text, const RouterSpec& router) {
    text.open("chain forward");
    text.line("type filter hook forward priority filter; policy drop;");
    if (router.udp_blocked) text.line("meta l4proto udp drop");
    if (router.filtering == Filtering::AddressDependent) {
        text.line(to_wan() + std::string(kBothTransports) +
                  "update @contacted { meta l4proto . ip saddr . th sport . ip daddr timeout " +
                  lifetime(router) + " }");
    }
    text.line("ct state established,related accept");
    text.line("ct state invalid drop");
    add_egress(text, router);
    if (router.port_mapping.any()) text.line(from_wan() + "jump " + std::string(kUpnpForward));
    if (router.filtering == Filtering::EndpointIndependent) {
        text.line(from_wan() + "ct status dnat accept");
    }
    if (router.filtering == Filtering::AddressDependent) {
        text.line(from_wan() + "meta l4proto . ip daddr . th dport . ip saddr @contacted accept");
    }
    if (router.hairpin != Hairpin::Off) {
        text.line(from_lan() + to_lan() + "ct status dnat accept");
    }
    text.close();
}

} // namespace

std::string nft_rules(const RouterSpec& router) {
    Text text;
    text.open("table inet " + std::string(kTable));
    add_memory(text, router);
    add_upnp_chains(text, router.port_mapping);
    add_prerouting(text, router);
    add_postrouting(text, router);
    add_remember(text, router);
    add_version_detour(text, router.port_mapping);
    add_input(text, router);
    add_forward(text, router);
    text.close();
    return std::move(text).take();
}

std::string nft_host_firewall() {
    Text text;
    text.open("table inet " + std::string(kTable));
    text.open("chain input");
    text.line("type filter hook input priority filter; policy drop;");
    text.line("iifname \"lo\" accept");
    text.line("ct state established,related accept");
    text.line("meta l4proto { icmp, ipv6-icmp } accept");
    text.close();
    text.close();
    return std::move(text).take();
}

} // namespace natterjack::lab
