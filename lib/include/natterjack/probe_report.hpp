// SPDX-License-Identifier: MIT
/// \file
/// \brief What a diagnosis found: plain values, each with how sure it is and why.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <natterjack/endpoint.hpp>
#include <natterjack/export.hpp>
#include <natterjack/opening.hpp>

namespace natterjack {

/// How sure a statement is.
enum class Confidence : std::uint8_t {
    NotTested,           ///< Nobody looked, or there was nothing to look at.
    UnsupportedByServer, ///< No server here can be asked this.
    Inconclusive,        ///< It was tried, and what came of it can be read in several ways.
    Likely,              ///< One observation, or one that could have another cause.
    Proved               ///< Seen, and the other causes were ruled out.
};

/// One statement. With a confidence below Likely the value is the one that says "unknown".
template<class T>
struct Finding {
    T value{};
    Confidence confidence = Confidence::NotTested;
    std::string evidence; ///< One English line: what was seen. Holds no addresses.
};

/// RFC 4787 section 4.1: whether the outside sees one port for all destinations.
enum class MappingBehaviour : std::uint8_t {
    Unknown,
    None,                    ///< No translation: the outside sees our own endpoint.
    EndpointIndependent,     ///< EIM: one for all destinations.
    AddressDependent,        ///< ADM: another for each destination address.
    AddressAndPortDependent, ///< APDM: another for each destination endpoint.
};

/// RFC 4787 section 5: who may send to a mapped port. A firewall on the host or on the way filters
/// like a NAT does, and cannot be told from one.
enum class FilteringBehaviour : std::uint8_t {
    Unknown,
    EndpointIndependent,    ///< EIF: everybody.
    AddressDependent,       ///< ADF: addresses that we sent to.
    AddressAndPortDependent ///< APDF: endpoints that we sent to.
};

/// RFC 4787 section 4.1: whether one host keeps one external address.
enum class Pooling : std::uint8_t {
    Unknown,
    Paired,   ///< It does.
    Arbitrary ///< Different sockets of it have different ones.
};

/// How a NAT chooses the external port.
enum class PortPattern : std::uint8_t {
    Unknown,
    Preserving, ///< The port that the host has.
    Sequential, ///< The last one plus a constant.
    Block,      ///< Anywhere in a small range.
    Random      ///< Anywhere.
};

/// Whether a gateway rewrites addresses inside STUN messages (RFC 5780 section 3.6).
enum class AddressRewriting : std::uint8_t { Unknown, None, Rewrites };

/// What happens to a connection from outside that nobody asked for (RFC 5382 section 4.3).
enum class UnsolicitedSyn : std::uint8_t {
    Unknown,
    Silent,      ///< Nothing came back while the server tried.
    Reset,       ///< A reset.
    Unreachable, ///< An ICMP error.
    Refused,     ///< A reset or an ICMP error; the server does not say which.
    Accepted     ///< It got in.
};

/// Whether what a host sends to its own external endpoint comes back to it (RFC 4787 section 6).
enum class Hairpin : std::uint8_t {
    Unknown,
    No,             ///< It does not.
    ExternalSource, ///< It does, from the external address: as RFC 4787 wants it.
    InternalSource  ///< It does, with the sender's internal address still on it.
};

/// An answer that may be less than sure.
enum class Truth : std::uint8_t { Unknown, No, Suspected, Yes };

/// One server's view of one of our sockets.
struct SeenFrom {
    Endpoint server; ///< Who was asked.
    Endpoint local;  ///< Our socket.
    Endpoint mapped; ///< As which the server sees it.
    std::chrono::microseconds round_trip{0};
};

/// Which external ports our sockets were given. Ports are in host byte order.
struct PortAllocation {
    int sockets = 0;     ///< How many sockets were looked at; 0: not looked.
    int kept = 0;        ///< Of these kept their port.
    int parity_kept = 0; ///< Of these kept even or odd (RFC 4787 section 4.2.2).
    Finding<PortPattern> pattern;
    int step = 0;             ///< Sequential: the constant.
    std::uint16_t lowest = 0; ///< Of the ports seen; 0: none.
    std::uint16_t highest = 0;
    std::vector<std::uint16_t> samples; ///< External ports, in the order of asking.
    /// Chance that one guess at the port of the next mapping is right, 0 to 1; empty: unknown.
    std::optional<double> one_guess;
    /// The same for 256 guesses, as a peer that tries many ports makes them.
    std::optional<double> many_guesses;
};

/// What was found out about one address family.
struct FamilyReport {
    enum class Status : std::uint8_t {
        NotTested,
        NoAddress, ///< This host has no usable address of the family.
        NoServer,  ///< No server of the family was named, or none resolved.
        Silent,    ///< Servers were asked over UDP and TCP; nothing came back.
        Blocked,   ///< TCP gets through to a server, UDP does not.
        Works
    };
    Status status = Status::NotTested;
    IpAddress local;                   ///< The address that was asked from.
    std::vector<SeenFrom> seen;        ///< Every answer that counts.
    std::optional<IpAddress> external; ///< What most servers saw.
    Finding<MappingBehaviour> mapping;
    /// The mapping depends on the destination, although not whether on its address or its port.
    bool mapping_depends = false;
    Finding<Pooling> pooling;
    PortAllocation ports;
    Finding<FilteringBehaviour> filtering;
    Finding<AddressRewriting> rewriting;
    Finding<MappingBehaviour> tcp_mapping;
    Finding<UnsolicitedSyn> unsolicited_syn;
};

/// One server that was asked.
struct ServerReport {
    enum class Rfc5780 : std::uint8_t {
        NotTested,
        No,           ///< It names no other address.
        Claims,       ///< It names one; whether it answers from there is not known.
        Qualified,    ///< It was seen to answer from there.
        SameAddress,  ///< Its other address is the one that was asked: its answers prove nothing.
        Ignores,      ///< It answers from where it was asked, whatever it is asked for.
        AnswersTwice, ///< It answers from both.
        Refuses       ///< It answers with an error.
    };
    std::string name;                 ///< As given.
    std::optional<Endpoint> endpoint; ///< Empty: it could not be asked.
    bool answered = false;
    bool tcp = false; ///< It took a TCP connection.
    /// Somebody takes its TCP connections, and does not speak STUN.
    bool stranger_answers = false;
    /// At least; the first transmission's when no packet was lost.
    std::chrono::microseconds round_trip{0};
    std::optional<Endpoint> other; ///< The other address and port that it names, if any.
    Rfc5780 rfc5780 = Rfc5780::NotTested;
    std::string software; ///< As it calls itself; empty: it does not.
    std::string trouble;  ///< One line: no such name, refused, contradicts the others; else empty.
};

/// A router on the way, found by hop limit.
struct HopReport {
    int distance = 0;                 ///< 1: the gateway.
    std::optional<IpAddress> address; ///< Empty: it said nothing.
};

/// How many NATs there are, and where.
struct LayersReport {
    Finding<int> count;          ///< NATs between the host and the internet.
    Finding<Truth> carrier;      ///< Carrier-grade NAT.
    std::vector<HopReport> hops; ///< The routers that were looked for, the nearest first.
};

/// A protocol that was asked whether the gateway speaks it.
struct PortMapService {
    Strategy strategy = Strategy::Igd;
    bool there = false; ///< It answered, and is switched on.
    IpAddress gateway;
    std::optional<IpAddress> external; ///< The address that it says it has outside.
    std::string product;               ///< "MiniUPnPd 2.3.1", or empty.
    std::string message;               ///< One line: what came of it.
};

/// A mapping that was made for the test, on request, and removed again.
struct MappedPort {
    std::uint16_t port = 0;
    Transport transport = Transport::Udp;
    std::optional<OpeningInfo> opening; ///< Empty: it could not be made.
    std::string message;                ///< One line: what it is worth, or why there is none.
};

/// How direct UDP with one kind of peer will go.
struct PeerPrediction {
    enum class Direct : std::uint8_t { Unknown, Yes, Likely, Unlikely, No };
    std::string peer; ///< "none", "eif", "adf", "apdf", "sequential", "random", "blocked".
    Direct direct = Direct::Unknown;
    std::string how; ///< One line.
};

/// One thing that a person can do.
struct Advice {
    std::string code; ///< Stable, upper case: "CGN", "ENABLE-PORT-MAPPING", ...
    std::string text; ///< The same in plain words.
};

/// What all of it comes to.
struct Verdict {
    enum class Class : std::uint8_t {
        Unknown,
        Open,    ///< Others reach this host, also those that it has never talked to.
        Good,    ///< Direct connections work if both sides want them.
        Limited, ///< They work with some peers, or only invited ones can ever get in.
        Hard,    ///< They work with few peers; the others need a relay.
        Blocked  ///< UDP does not get through at all.
    };
    Class value = Class::Unknown;
    std::string summary;        ///< In plain words, one line.
    std::string why;            ///< One line.
    std::vector<Advice> advice; ///< What to do, most useful first; never empty.
    std::string xbox;           ///< "open", "moderate", "strict" or "unknown".
    std::string playstation;    ///< "type1", "type2", "type3" or "unknown".
};

/// All that was found out.
struct ProbeReport {
    std::chrono::system_clock::time_point time; ///< Of the beginning.
    std::chrono::milliseconds took{0};
    Verdict verdict;
    FamilyReport v4;
    FamilyReport v6;
    LayersReport layers;
    IpAddress gateway;     ///< Unspecified: none.
    std::string interface; ///< By which the default route leaves.
    Finding<Truth> vpn;    ///< Whether that is a tunnel.
    Finding<Truth> captive_portal;
    std::vector<PortMapService> services;
    std::vector<MappedPort> mapped;
    std::vector<ServerReport> servers;
    std::vector<PeerPrediction> predictions;
    std::vector<std::string> warnings; ///< What makes the rest less sure, one line each.
};

/// "not-tested", "unsupported-by-server", "inconclusive", "likely", "proved".
[[nodiscard]] NATTERJACK_API std::string_view to_string(Confidence confidence) noexcept;
/// "unknown", "none", "eim", "adm", "apdm".
[[nodiscard]] NATTERJACK_API std::string_view to_string(MappingBehaviour behaviour) noexcept;
/// "unknown", "eif", "adf", "apdf".
[[nodiscard]] NATTERJACK_API std::string_view to_string(FilteringBehaviour behaviour) noexcept;
/// "unknown", "paired", "arbitrary".
[[nodiscard]] NATTERJACK_API std::string_view to_string(Pooling pooling) noexcept;
/// "unknown", "preserving", "sequential", "block", "random".
[[nodiscard]] NATTERJACK_API std::string_view to_string(PortPattern pattern) noexcept;
/// "unknown", "none", "rewrites".
[[nodiscard]] NATTERJACK_API std::string_view to_string(AddressRewriting rewriting) noexcept;
/// "unknown", "silent", "reset", "unreachable", "refused", "accepted".
[[nodiscard]] NATTERJACK_API std::string_view to_string(UnsolicitedSyn answer) noexcept;
/// "unknown", "no", "external-source", "internal-source".
[[nodiscard]] NATTERJACK_API std::string_view to_string(Hairpin hairpin) noexcept;
/// "unknown", "no", "suspected", "yes".
[[nodiscard]] NATTERJACK_API std::string_view to_string(Truth truth) noexcept;
/// "not-tested", "no-address", "no-server", "silent", "blocked", "works".
[[nodiscard]] NATTERJACK_API std::string_view to_string(FamilyReport::Status status) noexcept;
/// "not-tested", "no", "claims", "qualified", "same-address", "ignores", "answers-twice",
/// "refuses".
[[nodiscard]] NATTERJACK_API std::string_view to_string(ServerReport::Rfc5780 quality) noexcept;
/// "unknown", "yes", "likely", "unlikely", "no".
[[nodiscard]] NATTERJACK_API std::string_view to_string(PeerPrediction::Direct direct) noexcept;
/// "unknown", "open", "good", "limited", "hard", "blocked".
[[nodiscard]] NATTERJACK_API std::string_view to_string(Verdict::Class value) noexcept;

} // namespace natterjack
