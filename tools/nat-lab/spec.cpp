// SPDX-License-Identifier: MIT
#include "spec.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "base/number.hpp"

namespace natterjack::lab {

namespace {

constexpr std::chrono::microseconds kMaxDelay = std::chrono::seconds(10);
constexpr std::uint32_t kMillion = 1'000'000;

constexpr std::chrono::seconds kMaxTimeout = std::chrono::hours(24);
/// A sequential router's ports stand in its rules one by one.
constexpr unsigned kMaxSequence = 4096;

constexpr std::array<std::pair<std::string_view, Mapping>, 3> kMappings{
    {{"eim", Mapping::EndpointIndependent},
     {"adm", Mapping::AddressDependent},
     {"apdm", Mapping::AddressAndPortDependent}}};
constexpr std::array<std::pair<std::string_view, Filtering>, 3> kFilterings{
    {{"eif", Filtering::EndpointIndependent},
     {"adf", Filtering::AddressDependent},
     {"apdf", Filtering::AddressAndPortDependent}}};
constexpr std::array<std::pair<std::string_view, Ports>, 3> kPorts{
    {{"preserve", Ports::Preserve}, {"sequential", Ports::Sequential}, {"random", Ports::Random}}};
constexpr std::array<std::pair<std::string_view, Hairpin>, 3> kHairpins{
    {{"off", Hairpin::Off}, {"internal", Hairpin::Internal}, {"external", Hairpin::External}}};
constexpr std::array<std::pair<std::string_view, bool>, 2> kLans{
    {{"private", false}, {"shared", true}}};
constexpr std::array<std::pair<std::string_view, Server>, 3> kServers{
    {{"miniupnpd", Server::Miniupnpd}, {"own", Server::Own}, {"liar", Server::Liar}}};
constexpr std::size_t kMaxRouters = 4;
constexpr std::array<std::pair<std::string_view, ClosedPorts>, 2> kClosed{
    {{"reject", ClosedPorts::Reject}, {"drop", ClosedPorts::Drop}}};

constexpr std::string_view kOptions =
    "igd, igd1, natpmp, pcp, server=miniupnpd|own|liar, external=ADDRESS, table=N, "
    "lan=private|shared, "
    "ports=preserve|sequential|random, block=FIRST-LAST, "
    "hairpin=off|internal|external, timeout=TIME, stream-timeout=TIME, closed=reject|drop, "
    "out=tcp|udp:PORT+PORT, firewall, vpn, ipv6, no-ipv4, delay=TIME, jitter=TIME, loss=PERCENT%, "
    "lan-delay=TIME, "
    "lan-jitter=TIME, "
    "lan-loss=PERCENT%";

/// What \a word means in \a table; nothing if it is not in it.
template<typename Value, std::size_t Size>
std::optional<Value> meaning_of(std::string_view word,
                                const std::array<std::pair<std::string_view, Value>, Size>& table) {
    for (const auto& [known, value] : table) {
        if (known == word) return value;
    }
    return std::nullopt;
}

Error bad(std::string message) {
    return Error{Errc::InvalidArgument, std::move(message)};
}

std::string quoted(std::string_view word) {
    return "'" + std::string(word) + "'";
}

/// A decimal number such as "2" or "0.5", in millionths; nothing if \a text is anything else.
/// Whole parts of more than six digits are refused: no option needs them.
std::optional<std::uint64_t> parse_millionths(std::string_view text) {
    const auto dot = text.find('.');
    const auto whole = text.substr(0, dot);
    auto fraction = dot == std::string_view::npos ? std::string_view() : text.substr(dot + 1);
    const auto is_number = [](std::string_view digits) {
        return !digits.empty() && digits.size() <= 6 &&
               std::all_of(digits.begin(), digits.end(),
                           [](char c) { return c >= '0' && c <= '9'; });
    };
    if (!is_number(whole)) return std::nullopt;
    if (dot != std::string_view::npos && !is_number(fraction)) return std::nullopt;

    std::uint64_t value = 0;
    std::from_chars(whole.data(), whole.data() + whole.size(), value);
    for (std::size_t i = 0; i < 6; ++i) {
        const auto digit = i < fraction.size() ? static_cast<unsigned>(fraction[i] - '0') : 0U;
        value = value * 10 + digit;
    }
    return value;
}

Result<std::chrono::microseconds> parse_time(std::string_view option, std::string_view text) {
    constexpr std::array<std::pair<std::string_view, std::uint64_t>, 3> kUnits{
        {{"us", 1}, {"ms", 1'000}, {"s", 1'000'000}}};
    for (const auto& [unit, microseconds] : kUnits) {
        if (!text.ends_with(unit)) continue;
        const auto number = parse_millionths(text.substr(0, text.size() - unit.size()));
        if (!number) continue;
        const auto time = std::chrono::microseconds(*number * microseconds / kMillion);
        if (time > kMaxDelay) return bad(quoted(option) + ": at most 10s");
        return time;
    }
    return bad(quoted(option) + ": the time must look like 40ms, 1.5s or 300us");
}

Result<std::uint32_t> parse_loss(std::string_view option, std::string_view text) {
    const auto number = text.ends_with('%') ? parse_millionths(text.substr(0, text.size() - 1))
                                            : std::optional<std::uint64_t>();
    constexpr std::uint64_t kHundredPercent = 100ULL * kMillion;
    if (!number || *number > kHundredPercent) {
        return bad(quoted(option) + ": the loss must look like 2% or 0.5%, at most 100%");
    }
    return static_cast<std::uint32_t>(*number / 100);
}

/// Applies delay=, jitter= or loss= (with \a name the part before '=', prefix removed).
Result<bool> apply_impairment(Impairment& link, std::string_view option, std::string_view name,
                              std::string_view value) {
    if (name == "delay" || name == "jitter") {
        const auto time = parse_time(option, value);
        if (!time) return time.error();
        (name == "delay" ? link.delay : link.jitter) = *time;
        link.relayed = true;
        return true;
    }
    if (name == "loss") {
        const auto loss = parse_loss(option, value);
        if (!loss) return loss.error();
        link.loss_ppm = *loss;
        link.relayed = true;
        return true;
    }
    return false;
}

Result<std::chrono::seconds> parse_timeout(std::string_view option, std::string_view text) {
    const auto number =
        text.ends_with('s') ? parse_millionths(text.substr(0, text.size() - 1)) : std::nullopt;
    if (!number || *number % kMillion != 0 || *number == 0 ||
        *number / kMillion > static_cast<std::uint64_t>(kMaxTimeout.count())) {
        return bad(quoted(option) +
                   ": the timeout must be whole seconds, such as 30s, at most 86400s");
    }
    return std::chrono::seconds(*number / kMillion);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> words;
    for (;;) {
        const auto end = text.find(separator);
        words.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return words;
        text.remove_prefix(end + 1);
    }
}

Result<Egress> parse_egress(std::string_view option, std::string_view text) {
    const auto malformed = [&] {
        return bad(quoted(option) + ": it must look like out=tcp:80+443");
    };
    Egress egress;
    egress.tcp = text.starts_with("tcp:");
    if (!egress.tcp && !text.starts_with("udp:")) return malformed();
    for (const auto word : split(text.substr(4), '+')) {
        const auto port = parse_port(word);
        if (!port) return malformed();
        egress.ports.push_back(*port);
    }
    return egress;
}

Result<PortBlock> parse_block(std::string_view option, std::string_view text) {
    const auto dash = text.find('-');
    const auto first = parse_port(text.substr(0, dash));
    const auto last =
        dash == std::string_view::npos ? std::nullopt : parse_port(text.substr(dash + 1));
    if (!first || !last || *first > *last) {
        return bad(quoted(option) + ": the block must look like 1024-2047");
    }
    return PortBlock{*first, *last};
}

/// True for four numbers of 0 to 255 with dots between.
bool is_address(std::string_view text) {
    for (int part = 0; part < 4; ++part) {
        const auto dot = part < 3 ? text.find('.') : text.size();
        if (dot > text.size()) return false;
        if (!parse_number<std::uint8_t>(text.substr(0, dot))) return false;
        text.remove_prefix(std::min(dot + 1, text.size()));
    }
    return true;
}

/// Sets \a field to what \a value means. False: \a value is not in \a table.
template<typename Value, std::size_t Size>
bool choose(Value& field, std::string_view value,
            const std::array<std::pair<std::string_view, Value>, Size>& table) {
    const auto meaning = meaning_of(value, table);
    if (meaning) field = *meaning;
    return meaning.has_value();
}

/// Applies an option that only a router has. False: the word is not one of them.
Result<bool> apply_router_option(RouterSpec& router, std::string_view option, std::string_view name,
                                 std::string_view value) {
    auto& offered = router.port_mapping;
    if (option == "igd" || option == "igd1") {
        offered.igd = true;
        offered.igd_v1 = offered.igd_v1 || option == "igd1";
        return true;
    }
    if (option == "natpmp") return offered.natpmp = true;
    if (option == "pcp") return offered.pcp = true;
    if (name == "ports") return choose(router.ports, value, kPorts);
    if (name == "hairpin") return choose(router.hairpin, value, kHairpins);
    if (name == "closed") return choose(router.closed, value, kClosed);
    if (name == "lan") return choose(router.shared_lan, value, kLans);
    if (name == "server") return choose(offered.server, value, kServers);
    if (name == "external") {
        if (!is_address(value)) return bad(quoted(option) + ": it must look like 192.168.1.2");
        offered.external = value;
        return true;
    }
    if (name == "table") {
        const auto room = parse_port(value);
        if (!room) return bad(quoted(option) + ": a number of 1 to 65535");
        offered.table = *room;
        return true;
    }
    if (name == "out") {
        auto egress = parse_egress(option, value);
        if (!egress) return egress.error();
        router.egress.push_back(*std::move(egress));
        return true;
    }
    if (name == "block") {
        const auto block = parse_block(option, value);
        if (!block) return block.error();
        router.block = *block;
        return true;
    }
    if (name == "timeout" || name == "stream-timeout") {
        const auto time = parse_timeout(option, value);
        if (!time) return time.error();
        (name == "timeout" ? router.timeout : router.stream_timeout) = *time;
        return true;
    }
    return false;
}

Result<void> apply_option(SiteSpec& site, std::string_view option) {
    const auto equals = option.find('=');
    const auto name = option.substr(0, equals);
    const auto value =
        equals == std::string_view::npos ? std::string_view() : option.substr(equals + 1);
    if (option == "firewall" || option == "vpn") {
        (option == "vpn" ? site.vpn : site.firewall) = true;
        return {};
    }
    if (option == "ipv6" || option == "no-ipv4") {
        site.ipv6 = site.ipv6 || option == "ipv6";
        site.ipv4 = site.ipv4 && option == "ipv6";
        return {};
    }

    const bool routed = !site.routers.empty();
    if (name.starts_with("lan-") && routed) {
        const auto known = apply_impairment(site.host_link, option, name.substr(4), value);
        if (!known) return known.error();
        if (*known) return {};
    }
    auto& uplink = routed ? site.routers.back().uplink : site.host_link;
    auto known = apply_impairment(uplink, option, name, value);
    if (!known) return known.error();
    if (*known) return {};

    RouterSpec scratch;
    known = apply_router_option(routed ? site.routers.front() : scratch, option, name, value);
    if (!known) return known.error();
    if (!*known) {
        return bad("unknown option " + quoted(option) + "; options are " + std::string(kOptions));
    }
    if (routed) return {};
    return bad(quoted(option) + " needs a router, and with 'none' there is none");
}

/// The site that \a word names, without options: a cell, "none" or "blocked".
std::optional<SiteSpec> parse_base(std::string_view word) {
    SiteSpec site;
    if (word == "none") return site;
    RouterSpec router;
    router.port_mapping.server = Server::Unsaid;
    if (word == "blocked") {
        router.udp_blocked = true;
    } else {
        const auto slash = word.find('/');
        if (slash == std::string_view::npos) return std::nullopt;
        const auto mapping = meaning_of(word.substr(0, slash), kMappings);
        const auto filtering = meaning_of(word.substr(slash + 1), kFilterings);
        if (!mapping || !filtering) return std::nullopt;
        router.mapping = *mapping;
        router.filtering = *filtering;
        if (router.mapping != Mapping::EndpointIndependent) router.ports = Ports::Random;
    }
    site.routers.push_back(router);
    return site;
}

/// What no option forbids by itself.
Result<void> check_router(const RouterSpec& router) {
    if (router.udp_blocked && !router.egress.empty()) {
        return bad("'blocked' says what goes out: 'out=' cannot stand beside it");
    }
    if (router.udp_blocked && router.port_mapping.any()) {
        return bad("'blocked' lets nothing in: igd, natpmp and pcp cannot stand beside it");
    }
    if (!router.port_mapping.external.empty() && router.port_mapping.server == Server::Miniupnpd) {
        return bad("'external=' needs 'server=own' or 'server=liar'");
    }
    if (router.port_mapping.table != 0 && router.port_mapping.server == Server::Miniupnpd) {
        return bad("'table=' needs 'server=own' or 'server=liar'");
    }
    if (router.ports == Ports::Preserve && router.mapping != Mapping::EndpointIndependent) {
        return bad("'ports=preserve' gives one port for all destinations, which is 'eim'");
    }
    if (router.ports == Ports::Sequential &&
        router.block.last - router.block.first >= static_cast<int>(kMaxSequence)) {
        return bad("'ports=sequential' takes a block of at most " + std::to_string(kMaxSequence) +
                   " ports");
    }
    return {};
}

Error unknown_base(std::string_view word) {
    std::string allowed = "none, blocked";
    for (const auto& preset : presets()) allowed += ", " + std::string(preset.name);
    return bad("unknown NAT " + quoted(word) +
               "; it is MAPPING/FILTERING (eim, adm or apdm; eif, adf or apdf), or one of " +
               allowed);
}

Result<SiteSpec> parse_parts(std::string_view text);

/// One part of a SPEC. Of a preset with several routers, the options are those of the host's own,
/// but delay and loss those of the last one's uplink.
Result<SiteSpec> parse_part(std::string_view text) {
    const auto words = split(text, ',');
    auto site = parse_base(words.front());
    for (const auto& preset : presets()) {
        if (words.front() != preset.name) continue;
        const auto parsed = parse_parts(preset.spec);
        if (!parsed) return parsed.error();
        site = *parsed;
    }
    if (!site) return unknown_base(words.front());
    for (const auto option : std::vector(words.begin() + 1, words.end())) {
        const auto applied = apply_option(*site, option);
        if (!applied) return applied.error();
    }
    return *std::move(site);
}

/// Puts the routers of \a outer behind those of \a site.
Result<void> stack(SiteSpec& site, SiteSpec outer, std::string_view text) {
    if (site.routers.empty() || outer.routers.empty()) {
        return bad("'none' is no router: nothing can stand before or behind it");
    }
    if (outer.firewall || outer.host_link.relayed || outer.ipv6 || !outer.ipv4 || outer.vpn) {
        return bad(quoted(text) +
                   ": the host's firewall, link, VPN and IPv6 are said beside its own router");
    }
    for (auto& router : outer.routers) site.routers.push_back(std::move(router));
    if (site.routers.size() > kMaxRouters) {
        return bad("at most " + std::to_string(kMaxRouters) + " routers stand behind each other");
    }
    return {};
}

/// A whole SPEC, without what only the whole decides.
Result<SiteSpec> parse_parts(std::string_view text) {
    const auto parts = split(text, '>');
    auto site = parse_part(parts.front());
    for (const auto part : std::vector(parts.begin() + 1, parts.end())) {
        if (!site) break;
        auto outer = parse_part(part);
        if (!outer) return outer.error();
        const auto stacked = stack(*site, *std::move(outer), part);
        if (!stacked) return stacked.error();
    }
    return site;
}

} // namespace

const std::vector<Preset>& presets() {
    static const std::vector<Preset> all{
        {"home", "eim/apdf,igd,natpmp,pcp",
         "a home router whose ports programs can open: UPnP IGD, NAT-PMP and PCP"},
        {"full-cone", "eim/eif",
         "a router that lets everybody in at a port which a program has used once"},
        {"symmetric", "apdm/apdf",
         "a router with another port for each destination: the hard kind"},
        {"hotel", "apdm/apdf,out=tcp:80+443,out=udp:53+123+443,closed=drop",
         "the web and little else: other TCP and UDP does not get out"},
        {"corporate", "apdm/apdf,out=tcp:80+443,closed=drop",
         "the web only: no UDP, and TCP to ports 80 and 443"},
        {"cgn", "eim/apdf,ports=random,block=20480-22527,lan=shared,closed=drop",
         "a carrier's NAT, behind which many homes share an address; cgn,pcp: one with PCP"},
        {"double", "home>home", "a home router behind a home router"},
        {"vpn", "home,vpn", "a home whose traffic goes through a tunnel: the router is not asked"},
        {"ipv6-only", "eim/apdf,ipv6,no-ipv4",
         "no IPv4; over IPv6 a public address, and a firewall that lets nobody in unasked"},
    };
    return all;
}

Result<Impairment> parse_impairment(Impairment present, std::string_view words) {
    for (const auto option : split(words, ',')) {
        const auto equals = option.find('=');
        const auto value =
            equals == std::string_view::npos ? std::string_view() : option.substr(equals + 1);
        const auto known = apply_impairment(present, option, option.substr(0, equals), value);
        if (!known) return known.error();
        if (!*known) {
            return bad("a link can be up, down, delay=TIME, jitter=TIME or loss=PERCENT%, not " +
                       quoted(option));
        }
    }
    return present;
}

Result<SiteSpec> parse_spec(std::string_view text) {
    auto site = parse_parts(text);
    if (!site) return site.error();
    if (!site->ipv4 && !site->ipv6) return bad("'no-ipv4' needs 'ipv6': the host has no address");
    if (site->vpn && site->ipv6) return bad("'vpn' carries no IPv6: 'ipv6' cannot stand beside it");
    for (auto& router : site->routers) {
        router.ipv6 = site->ipv6;
        auto& server = router.port_mapping.server;
        if (server == Server::Unsaid) {
            server = &router == &site->routers.back() ? Server::Miniupnpd : Server::Own;
        }
        const auto checked = check_router(router);
        if (!checked) return checked.error();
    }
    return *std::move(site);
}

} // namespace natterjack::lab
