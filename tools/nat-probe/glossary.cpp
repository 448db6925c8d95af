// SPDX-License-Identifier: MIT
#include "glossary.hpp"

#include <algorithm>
#include <array>

namespace nat_probe {

const std::vector<Term>& glossary() {
    static const std::vector<Term> list = {
        {"nat", "Network address translation. A router gives what leaves a network another sender "
                "(its own address and some port) and turns that back for the answers. So many "
                "hosts share one address, and nobody outside can begin to talk to them."},
        {"mapping", "What a NAT remembers: this port outside stands for that port of that host "
                    "inside. The question is whether a host's port keeps its outside port "
                    "whomever it talks to. If it does (eim), others can be told that port."},
        {"filtering", "Who may send to a mapped port: everybody (eif), only addresses that the "
                      "host has sent to (adf), or only address and port together (apdf). A "
                      "firewall filters the same way and cannot be told from a NAT's filter."},
        {"none", "No address translation: the outside sees the host's own address. As a peer: one "
                 "without NAT and firewall."},
        {"eim", "Endpoint-independent mapping (RFC 4787): one outside port for all destinations. "
                "Good: two such hosts can connect by hole punching."},
        {"adm", "Address-dependent mapping: another outside port for each address that the host "
                "talks to. Others cannot know in advance which port they will see."},
        {"apdm", "Address- and port-dependent mapping, also called symmetric: another outside port "
                 "for each destination. The hardest kind for direct connections."},
        {"eif", "Endpoint-independent filtering: whoever knows a mapped port may send to it."},
        {"adf", "Address-dependent filtering: addresses that the host has sent to may send back, "
                "from any port."},
        {"apdf", "Address- and port-dependent filtering: only the very address and port that the "
                 "host has sent to may send back. Common, and no trouble for hole punching."},
        {"peer", "The other computer that this one wants to talk to, with nothing in between."},
        {"peer-to-peer", "Between two computers of equals, without a server that passes everything "
                         "on: calls, games, file sharing."},
        {"port", "A number, 1 to 65535, that tells one program's traffic at an address from "
                 "another's. Address and port together are what one sends to."},
        {"address",
         "What one host is found by. Public ones are of the internet; private ones (such "
         "as 192.168.1.10) are of one home or company, and many have the same; shared "
         "ones (100.64.0.0/10) are of a carrier's NAT."},
        {"packet", "A piece of data on its way, with the addresses and ports of both ends on it."},
        {"destination", "An address and a port that this host sends to."},
        {"router", "The box between a network and the next. At home it is the NAT, too."},
        {"port forwarding",
         "A router's setting: what comes to this port from outside goes to that "
         "computer inside. Whether it works, nat-probe prove PORT --no-map says."},
        {"uninvited", "By somebody whom this host has sent nothing to before."},
        {"round trip", "The way to a server and back."},
        {"hole punching",
         "Two hosts send to each other at the same time, each to the port at which "
         "a server saw the other. What one sends opens its own NAT for the other."},
        {"relay", "A server that passes everything on between two hosts which cannot reach each "
                  "other. Always works, costs a detour."},
        {"turn", "The protocol of relays (RFC 8656)."},
        {"stun", "The protocol by which a server tells a host at which address and port it sees "
                 "it (RFC 8489)."},
        {"rfc 5780", "How a STUN server with two addresses helps to find out mapping and "
                     "filtering: it answers from its other address when asked to."},
        {"open", "Verdict: others reach this host, also those that it has never talked to. Of a "
                 "console: the best of its three kinds."},
        {"good", "Verdict: direct connections with other hosts work, if both want them. Uninvited, "
                 "nobody reaches this host but where a filter lets everybody in (eif)."},
        {"limited", "Verdict: direct connections work with some peers only; or, behind a carrier's "
                    "NAT, with those that take part in it, and nobody else can be let in unless "
                    "the provider opens ports."},
        {"hard", "Verdict: direct connections work with few peers. The others need a relay."},
        {"blocked", "Verdict: UDP does not get through at all. As a peer: one in such a network. "
                    "Connections need a relay over TCP."},
        {"unknown", "It was not found out. That is not a no."},
        {"inconclusive", "It was tried, and what came of it can have several causes."},
        {"proved", "It was seen, and the other causes were ruled out."},
        {"likely", "It was seen once, or could have another cause."},
        {"not tested", "Nobody looked."},
        {"unsupported by server", "The servers that were named cannot be asked this."},
        {"claimed", "The router says so; nobody tried from outside."},
        {"refuted", "It was tried from outside and did not work."},
        {"path", "What stands between this host and the internet."},
        {"hop", "A router on the way. Found by sending packets that may only pass one, two, three "
                "routers: each says when it lets one die."},
        {"layers", "How many NATs stand in a row. Behind more than one, opening a port on the "
                   "first does not let anybody in."},
        {"cgn", "Carrier-grade NAT: the provider shares one public address among customers, with a "
                "NAT of its own. Opening ports on your router cannot help then. 100.64.0.0/10 "
                "are addresses for just that (RFC 6598)."},
        {"gateway", "The router that this host sends everything to."},
        {"ipv4", "The old internet protocol, whose addresses ran out; hence NATs."},
        {"ipv6", "The new internet protocol: addresses for everybody, usually no NAT, but often a "
                 "firewall that lets only answers in."},
        {"no address", "This host has no usable address of that kind."},
        {"no server", "No server of that kind was named, or its name has no such address."},
        {"silent", "Nothing came back, by UDP nor by TCP: servers down, or no way out."},
        {"works", "Servers answer over UDP."},
        {"tcp", "The protocol of web pages and mail: a connection that one side begins."},
        {"udp",
         "The protocol of calls, games and file sharing between two hosts. Here: whether servers "
         "answer over it, and how they see this host."},
        {"ports", "How the NAT chooses the outside port."},
        {"preserving", "The NAT keeps the host's own port number where it can."},
        {"sequential", "Each new mapping gets the last port plus a constant, so that the next can "
                       "be guessed. As a peer: behind an address- and port-dependent NAT that "
                       "counts like that."},
        {"block", "The NAT takes ports from a small range, as carriers give each customer one."},
        {"random", "The ports show no order. As a peer: behind an address- and port-dependent NAT "
                   "with such ports."},
        {"parity", "Whether an even port stays even and an odd one odd (RFC 4787 section 4.2.2). "
                   "Old voice protocols want that."},
        {"pooling", "Whether a NAT with several addresses gives one host always the same: paired, "
                    "or arbitrary."},
        {"paired", "Pooling: one host keeps one outside address."},
        {"arbitrary", "Pooling: connections of one host may leave by different outside addresses. "
                      "Breaks what expects one."},
        {"alg", "Application-level gateway: a router that changes addresses inside the data that "
                "passes through it, meaning well. Breaks protocols that it misunderstands."},
        {"rewrites", "ALG: an address inside a packet was changed on its way."},
        {"tcp mapping", "The same question as mapping, for TCP connections."},
        {"syn", "The packet by which a TCP connection begins."},
        {"unsolicited syn", "The beginning of a TCP connection that nobody asked for; see "
                            "uninvited tcp."},
        {"uninvited tcp",
         "What a TCP connection from outside meets that nobody asked for, at a port that a "
         "connection of this host uses: silent is as it should be (RFC 5382 wants silence for six "
         "seconds, so that two hosts can connect to each other at once); reset, unreachable or "
         "refused breaks that; accepted lets everybody in. To see it takes a server that connects "
         "back: nat-probe serve, or a relay given by --turn."},
        {"reset", "A packet that ends a TCP connection, or turns one away."},
        {"unreachable", "An ICMP error: nobody is there, or nobody is let in."},
        {"refused", "Turned away at once, by a reset or an ICMP error."},
        {"accepted", "Unsolicited SYN: it gets in. Whoever knows the port can connect to it."},
        {"icmp", "The protocol by which routers and hosts report what went wrong with a packet."},
        {"port mapping", "Programs can ask a router to open a port: by UPnP IGD, PCP or NAT-PMP. "
                         "nat-probe only asks whether it would, unless --map is given."},
        {"igd", "UPnP Internet Gateway Device: the oldest protocol by which programs open ports "
                "on home routers. Called UPnP in their settings."},
        {"pcp", "Port Control Protocol (RFC 6887): the newest protocol for opening ports."},
        {"nat-pmp", "NAT Port Mapping Protocol (RFC 6886): Apple's protocol for opening ports, "
                    "PCP's forerunner."},
        {"direct", "The host's own public address: nothing needs to be opened but a firewall."},
        {"measured", "What takes longer to find out and is looked at only by nat-probe --full."},
        {"lifetime", "How long a NAT remembers a mapping that is not used. Who wants to stay "
                     "reachable sends something more often. Measured by nat-probe lifetime."},
        {"hairpin", "Whether two hosts behind one NAT reach each other by the outside address. "
                    "Measured by nat-probe hairpin."},
        {"external source", "Hairpin: the other host sees the outside address, as it should be."},
        {"internal source", "Hairpin: the other host sees the inner address."},
        {"mtu", "The largest packet that passes in one piece. Measured by nat-probe mtu."},
        {"fragments", "Pieces of a packet that is too large for a link. Some NATs lose them."},
        {"vpn", "A tunnel to another network. What is diagnosed then is that network's NAT."},
        {"captive portal", "A network, as in hotels and trains, that answers in the name of "
                           "others until one has opened a web page and signed in. Seen by a page "
                           "that servers.conf names (check URL), by NetworkManager, or by names "
                           "that all lead to one address."},
        {"servers", "The STUN servers that were asked. None is believed alone."},
        {"qualified", "Server: it was seen to answer from its other address."},
        {"claims", "Server: it names another address; whether it answers from there is not known."},
        {"no", "It is not so. Server: it has one address only."},
        {"same address", "Server: the other address that it names is not another, so that its "
                         "answers would prove nothing."},
        {"ignores", "Server: it answers from where it was asked, whatever it is asked for."},
        {"answers twice", "Server: it answers from both of its addresses."},
        {"refuses", "Server: it answers with an error."},
        {"xbox", "What an Xbox calls such a network: open, moderate or strict."},
        {"playstation", "What a PlayStation calls such a network: type 1, 2 or 3."},
        {"moderate", "Xbox: works with most."},
        {"strict", "Xbox: works with those that are open."},
        {"type1", "PlayStation: no NAT."},
        {"type2", "PlayStation: behind a NAT, works."},
        {"type3", "PlayStation: behind a NAT that makes trouble."},
        {"peers", "Who might be on the other side, by the NAT that they are behind, and whether a "
                  "direct UDP connection with them will work."},
        {"yes", "It is so; it works."},
        {"unlikely", "It works only with luck."},
        {"suspected", "Something points to it; nothing proves it."},
        {"internet", "The network of networks, where everybody who has a public address is."},
        {"host", "This computer."},
        {"latency", "How long a question and its answer are on their way, in milliseconds (ms)."},
        // Advice.
        {"relay-tcp", "Advice: only a relay that is reached over TCP helps where UDP is blocked."},
        {"more-servers", "Advice: too few servers answered; name others."},
        {"double-nat", "Advice: two routers translate. The provider's box often has a bridge mode, "
                       "in which it passes everything to your own."},
        {"open-port", "Advice: the router opens ports when programs ask it. nat-map does that."},
        {"enable-port-mapping", "Advice: the router does not open ports for programs; its settings "
                                "may allow it (UPnP), or take a port forwarding by hand."},
        {"firewall", "A filter without translation, on this host, on the router or in between. "
                     "Advice: let the port in there."},
        {"ipv6-only",
         "Advice: this host has no IPv4 address, so who has no IPv6 is reached through "
         "a relay alone."},
        {"nothing", "Advice: there is nothing to do."},
        {"placeholder", "A name that stands for an address, so that a report can be shown to "
                        "anybody: <public-1> is always the same address within one report. "
                        "public: of the internet; private: of a home or company; shared: of a "
                        "carrier's NAT; link-local: of one cable; special: other. "
                        "--show-addresses shows them."},
    };
    return list;
}

namespace {

std::string normal(std::string_view word) {
    std::string out;
    for (const char c : word) {
        const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        out += lower == '_' || lower == ' ' ? '-' : lower;
    }
    return out;
}

// As routers, providers and older texts call them.
constexpr std::array<std::array<std::string_view, 2>, 20> kOtherNames = {
    {{"upnp", "igd"},
     {"bridge-mode", "double-nat"},
     {"symmetric", "apdm"},
     {"full-cone", "eif"},
     {"restricted-cone", "adf"},
     {"port-restricted-cone", "apdf"},
     {"cone", "eim"},
     {"carrier", "cgn"},
     {"carrier's-nat", "cgn"},
     {"provider", "cgn"},
     {"second-router", "double-nat"},
     {"tunnel", "vpn"},
     {"console", "xbox"},
     {"consoles", "xbox"},
     {"this-host", "host"},
     {"public", "address"},
     {"private", "address"},
     {"shared", "address"},
     {"confidence", "proved"},
     {"no-answer", "silent"}}};

} // namespace

const Term* find_term(std::string_view word) {
    auto wanted = normal(word);
    for (const auto& [other, usual] : kOtherNames) {
        if (wanted == other) wanted = usual;
    }
    const auto& terms = glossary();
    const auto found = std::find_if(terms.begin(), terms.end(),
                                    [&](const Term& term) { return normal(term.word) == wanted; });
    return found == terms.end() ? nullptr : &*found;
}

} // namespace nat_probe
