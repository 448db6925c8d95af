// SPDX-License-Identifier: MIT
#include "nft_rules.hpp"

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
std::string to_wan() {
    return "oifname \"" + std::string(kWanInterface) + "\" ";
}

/// True when strangers may use a mapping, so that the router must remember it by itself: conntrack
/// alone only lets in what was asked for.
bool has_cone(const RouterSpec& router) {
    return router.filtering != Filtering::AddressAndPortDependent;
}

void add_memory(Text& text, const RouterSpec& router) {
    if (has_cone(router)) {
        text.line("# External port -> internal endpoint; ports are preserved, so the key is the");
        text.line("# host's own port. Five minutes as RFC 4787 REQ-5 recommends.");
        text.open("map cone");
        text.line("type inet_proto . inet_service : ipv4_addr . inet_service");
        text.line("flags dynamic,timeout");
        text.line("timeout 300s");
        text.line("size 65536");
        text.close();
    }
    if (router.filtering == Filtering::AddressDependent) {
        text.line("# Whom each internal endpoint has sent to.");
        text.open("set contacted");
        text.line("type inet_proto . ipv4_addr . inet_service . ipv4_addr");
        text.line("flags dynamic,timeout");
        text.line("timeout 300s");
        text.line("size 65536");
        text.close();
    }
}

void add_upnp_chains(Text& text) {
    for (const auto name : {kUpnpForward, kUpnpPrerouting, kUpnpPostrouting}) {
        text.open("chain " + std::string(name));
        text.close();
    }
}

void add_prerouting(Text& text, const RouterSpec& router) {
    text.open("chain prerouting");
    text.line("type nat hook prerouting priority dstnat; policy accept;");
    if (router.port_mapping.any()) text.line(from_wan() + "jump " + std::string(kUpnpPrerouting));
    if (has_cone(router)) {
        text.line(from_wan() +
                  "meta l4proto { tcp, udp } dnat ip to meta l4proto . th dport map @cone");
    }
    text.close();
}

void add_postrouting(Text& text, const RouterSpec& router) {
    text.open("chain postrouting");
    text.line("type nat hook postrouting priority srcnat; policy accept;");
    if (router.port_mapping.any()) text.line(to_wan() + "jump " + std::string(kUpnpPostrouting));
    // Plain masquerade preserves ports and reuses a mapping for each further destination;
    // fully-random draws a new port for each.
    text.line(to_wan() + (router.mapping == Mapping::EndpointIndependent
                              ? "masquerade"
                              : "masquerade fully-random"));
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
    if (offered.natpmp == offered.pcp) return;
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
        text.line(from_lan() + "meta l4proto { icmp, igmp } accept");
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

void add_forward(Text& text, const RouterSpec& router) {
    text.open("chain forward");
    text.line("type filter hook forward priority filter; policy drop;");
    if (router.udp_blocked) text.line("meta l4proto udp drop");
    if (has_cone(router)) {
        text.line(to_wan() + "meta l4proto { tcp, udp } update @cone "
                             "{ meta l4proto . th sport timeout 300s : ip saddr . th sport }");
    }
    if (router.filtering == Filtering::AddressDependent) {
        text.line(to_wan() + "meta l4proto { tcp, udp } update @contacted "
                             "{ meta l4proto . ip saddr . th sport . ip daddr timeout 300s }");
    }
    text.line("ct state established,related accept");
    text.line("ct state invalid drop");
    text.line(from_lan() + to_wan() +
              (router.udp_blocked ? "meta l4proto { tcp, icmp } accept" : "accept"));
    if (router.port_mapping.any()) text.line(from_wan() + "jump " + std::string(kUpnpForward));
    if (router.filtering == Filtering::EndpointIndependent) {
        text.line(from_wan() + "ct status dnat accept");
    }
    if (router.filtering == Filtering::AddressDependent) {
        text.line(from_wan() + "meta l4proto . ip daddr . th dport . ip saddr @contacted accept");
    }
    text.close();
}

} // namespace

std::string nft_rules(const RouterSpec& router) {
    Text text;
    text.open("table inet " + std::string(kTable));
    add_memory(text, router);
    if (router.port_mapping.any()) add_upnp_chains(text);
    add_prerouting(text, router);
    add_postrouting(text, router);
    add_version_detour(text, router.port_mapping);
    add_input(text, router);
    add_forward(text, router);
    text.close();
    return std::move(text).take();
}

} // namespace natterjack::lab
