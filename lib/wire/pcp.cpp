// SPDX-License-Identifier: MIT
#include "wire/pcp.hpp"

#include <string>

namespace natterjack::pcp {

namespace {

constexpr std::uint8_t kResponseBit = 0x80; // RFC 6887 section 7.2
constexpr std::uint8_t kOpcodeMask = 0x7f;

constexpr std::uint8_t kThirdParty = 1;    // RFC 6887 section 13.1
constexpr std::uint8_t kPreferFailure = 2; // RFC 6887 section 13.2
constexpr std::uint8_t kFilter = 3;        // RFC 6887 section 13.3

constexpr std::size_t kThirdPartySize = 16;
constexpr std::size_t kFilterSize = 20;

/// Options begin at and are padded to multiples of 4 (RFC 6887 section 7.3).
std::size_t padding_of(std::size_t length) {
    return (4 - length % 4) % 4;
}

void write_address(ByteWriter& out, const IpAddress& address) {
    out.write_bytes(address.mapped_bytes());
}

IpAddress read_address(ByteReader& in) {
    return IpAddress::v6(in.read_array<16>());
}

void write_body(ByteWriter& out, const Map& map) {
    out.write_bytes(map.nonce)
        .write(map.protocol)
        .write_zeros(3) // reserved
        .write(map.internal_port)
        .write(map.external_port);
    write_address(out, map.external);
}

void write_body(ByteWriter& out, const Peer& peer) {
    write_body(out, peer.flow);
    out.write(peer.remote_port).write_zeros(2); // reserved
    write_address(out, peer.remote);
}

void write_body(ByteWriter& /*out*/, const Announce& /*announce*/) {
}

Map read_map(ByteReader& in) {
    Map map;
    map.nonce = in.read_array<12>();
    map.protocol = in.read<std::uint8_t>();
    in.skip(3); // reserved
    map.internal_port = in.read<std::uint16_t>();
    map.external_port = in.read<std::uint16_t>();
    map.external = read_address(in);
    return map;
}

Peer read_peer(ByteReader& in) {
    Peer peer;
    peer.flow = read_map(in);
    peer.remote_port = in.read<std::uint16_t>();
    in.skip(2); // reserved
    peer.remote = read_address(in);
    return peer;
}

/// Empty for an opcode that we do not know.
std::optional<Body> read_body(ByteReader& in, std::uint8_t opcode) {
    switch (opcode) {
    case 0: return Announce{};
    case 1: return read_map(in);
    case 2: return read_peer(in);
    default: return std::nullopt;
    }
}

void write_option_header(ByteWriter& out, std::uint8_t code, std::size_t length) {
    out.write(code)
        .write_zeros(1) // reserved
        .write(static_cast<std::uint16_t>(length));
}

void write_options(ByteWriter& out, const Options& options) {
    if (options.third_party) {
        write_option_header(out, kThirdParty, kThirdPartySize);
        write_address(out, *options.third_party);
    }
    if (options.prefer_failure) write_option_header(out, kPreferFailure, 0);
    for (const Filter& filter : options.filters) {
        write_option_header(out, kFilter, kFilterSize);
        out.write_zeros(1) // reserved
            .write(filter.prefix_length)
            .write(filter.remote_port);
        write_address(out, filter.remote);
    }
    for (const UnknownOption& option : options.unknown) {
        write_option_header(out, option.code, option.data.size());
        out.write_bytes(option.data).write_zeros(padding_of(option.data.size()));
    }
}

/// RFC 6887 section 13.3: an IPv4 prefix counts from 96, and length 0, whatever else the option
/// says (erratum 3891), removes all filters.
bool is_possible(const Filter& filter) {
    constexpr std::uint8_t kMappedPrefix = 96;
    constexpr std::uint8_t kLongest = 128;
    if (filter.prefix_length == 0) return true;
    const bool long_enough = !filter.remote.is_v4() || filter.prefix_length >= kMappedPrefix;
    return long_enough && filter.prefix_length <= kLongest;
}

/// Adds one option to \a options; false when its length or its being there is wrong.
bool read_option(ByteReader& in, std::uint8_t code, std::size_t length, Options& options) {
    switch (code) {
    case kThirdParty:
        if (length != kThirdPartySize || options.third_party) return false;
        options.third_party = read_address(in);
        return true;
    case kPreferFailure:
        if (length != 0 || options.prefer_failure) return false;
        options.prefer_failure = true;
        return true;
    case kFilter: {
        if (length != kFilterSize) return false;
        in.skip(1); // reserved
        Filter filter;
        filter.prefix_length = in.read<std::uint8_t>();
        filter.remote_port = in.read<std::uint16_t>();
        filter.remote = read_address(in);
        options.filters.push_back(filter);
        return is_possible(filter);
    }
    default: {
        UnknownOption option{code, {}};
        option.data.reserve(length);
        for (std::size_t i = 0; i < length; ++i) option.data.push_back(in.read<std::uint8_t>());
        in.skip(padding_of(length));
        options.unknown.push_back(std::move(option));
        return true;
    }
    }
}

Result<Options> read_options(ByteReader& in) {
    Options options;
    while (in.remaining() > 0) {
        const auto code = in.read<std::uint8_t>();
        in.skip(1); // reserved
        const auto length = in.read<std::uint16_t>();
        if (length + padding_of(length) > in.remaining()) {
            return Error{Errc::Truncated, "PCP option ends too early", code};
        }
        if (!read_option(in, code, length, options)) {
            return Error{Errc::Malformed, "PCP option of a wrong kind or length", code};
        }
    }
    return options;
}

/// What both directions have in common: version, direction and opcode, size.
Result<std::uint8_t> read_opcode(ByteView datagram, ByteReader& in, bool response) {
    const auto version = in.read<std::uint8_t>();
    const auto opcode = in.read<std::uint8_t>();
    if (!in.ok()) return Error{Errc::Truncated, "PCP message shorter than its header"};
    if (version != kVersion) return Error{Errc::Unsupported, "PCP version", version};
    if (((opcode & kResponseBit) != 0) != response) {
        return Error{Errc::Malformed, response ? "PCP request where a response was expected"
                                               : "PCP response where a request was expected"};
    }
    if (datagram.size() < kHeaderSize) {
        return Error{Errc::Truncated, "PCP message shorter than its header"};
    }
    if (datagram.size() > kMaxMessageSize) return Error{Errc::TooLarge, "PCP message"};
    if (datagram.size() % 4 != 0) {
        return Error{Errc::Malformed, "PCP message whose length is no multiple of 4"};
    }
    return static_cast<std::uint8_t>(opcode & kOpcodeMask);
}

struct Meaning {
    ResultCode code;
    std::string_view name;
    Errc errc;
    std::string_view words;
};

constexpr std::array kMeanings{
    Meaning{ResultCode::Success, "SUCCESS", Errc::Refused, ""},
    Meaning{ResultCode::UnsuppVersion, "UNSUPP_VERSION", Errc::NotFound,
            "the gateway does not speak this version of PCP"},
    Meaning{ResultCode::NotAuthorized, "NOT_AUTHORIZED", Errc::Refused,
            "the gateway speaks PCP but does not allow this host to open the port: allow PCP (port "
            "mapping) in the gateway's settings, or ask for another port"},
    Meaning{ResultCode::MalformedRequest, "MALFORMED_REQUEST", Errc::Refused,
            "the gateway could not read our PCP request: its PCP is faulty, try another protocol"},
    Meaning{ResultCode::UnsuppOpcode, "UNSUPP_OPCODE", Errc::Unsupported,
            "the gateway speaks PCP but does not open ports by it: try another protocol"},
    Meaning{ResultCode::UnsuppOption, "UNSUPP_OPTION", Errc::Unsupported,
            "the gateway's PCP cannot do what was asked (an exact external port, or a mapping for "
            "another host): ask without it"},
    Meaning{ResultCode::MalformedOption, "MALFORMED_OPTION", Errc::Refused,
            "the gateway could not read an option of our PCP request: its PCP is faulty, ask "
            "without an exact port or try another protocol"},
    Meaning{ResultCode::NetworkFailure, "NETWORK_FAILURE", Errc::Refused,
            "the gateway has no working connection to the internet: check its uplink, then try "
            "again"},
    Meaning{ResultCode::NoResources, "NO_RESOURCES", Errc::Refused,
            "the gateway has no room for another mapping, or no public address to map from: remove "
            "unused mappings, or see whether it stands behind another NAT"},
    Meaning{ResultCode::UnsuppProtocol, "UNSUPP_PROTOCOL", Errc::Unsupported,
            "the gateway's PCP cannot map this transport"},
    Meaning{ResultCode::UserExQuota, "USER_EX_QUOTA", Errc::Refused,
            "this host or subscriber has used up its quota of mappings: remove unused ones"},
    Meaning{ResultCode::CannotProvideExternal, "CANNOT_PROVIDE_EXTERNAL", Errc::Conflict,
            "the external port belongs to somebody else: ask for another, or do not insist on this "
            "one"},
    Meaning{ResultCode::AddressMismatch, "ADDRESS_MISMATCH", Errc::Refused,
            "a NAT stands between this host and the PCP server, which therefore cannot map for it: "
            "ask the nearer gateway"},
    Meaning{ResultCode::ExcessiveRemotePeers, "EXCESSIVE_REMOTE_PEERS", Errc::Refused,
            "the gateway cannot filter for so many remote peers: name fewer"},
};

const Meaning* meaning_of(ResultCode code) {
    for (const Meaning& meaning : kMeanings) {
        if (meaning.code == code) return &meaning;
    }
    return nullptr;
}

} // namespace

const Map* flow_of(const Body& body) noexcept {
    if (const auto* peer = std::get_if<Peer>(&body)) return &peer->flow;
    return std::get_if<Map>(&body);
}

std::string_view to_string(ResultCode code) noexcept {
    const Meaning* meaning = meaning_of(code);
    return meaning ? meaning->name : "UNKNOWN";
}

Error to_error(ResultCode code) {
    const auto number = static_cast<int>(code);
    const Meaning* meaning = meaning_of(code);
    if (!meaning) {
        return Error{Errc::Refused,
                     "the gateway refused with a PCP result code that no standard defines (" +
                         std::to_string(number) + ")",
                     number};
    }
    return Error{meaning->errc,
                 std::string(meaning->words) + " (PCP " + std::string(meaning->name) + ")", number};
}

std::uint8_t protocol_of(Transport transport) noexcept {
    return transport == Transport::Udp ? 17 : 6;
}

std::vector<std::uint8_t> encode(const Request& request) {
    ByteWriter out;
    out.write(kVersion)
        .write(static_cast<std::uint8_t>(request.body.index()))
        .write_zeros(2) // reserved
        .write(request.lifetime.count());
    write_address(out, request.client);
    std::visit([&out](const auto& body) { write_body(out, body); }, request.body);
    write_options(out, request.options);
    return std::move(out).take();
}

std::vector<std::uint8_t> encode(const Response& response) {
    ByteWriter out;
    out.write(kVersion)
        .write(static_cast<std::uint8_t>(response.body.index() | kResponseBit))
        .write_zeros(1) // reserved
        .write(static_cast<std::uint8_t>(response.result))
        .write(response.lifetime.count())
        .write(response.epoch.count())
        .write_zeros(12); // reserved
    std::visit([&out](const auto& body) { write_body(out, body); }, response.body);
    write_options(out, response.options);
    return std::move(out).take();
}

Result<Request> decode_request(ByteView datagram) {
    ByteReader in(datagram);
    const auto opcode = read_opcode(datagram, in, false);
    if (!opcode) return opcode.error();
    in.skip(2); // reserved
    Request request;
    request.lifetime = Lifetime(in.read<std::uint32_t>());
    request.client = read_address(in);
    const auto body = read_body(in, *opcode);
    if (!body) return Error{Errc::Unsupported, "PCP opcode", *opcode};
    if (!in.ok()) return Error{Errc::Truncated, "PCP request shorter than its opcode needs"};
    auto options = read_options(in);
    if (!options) return options.error();
    request.body = *body;
    request.options = *std::move(options);
    return request;
}

Result<Response> decode_response(ByteView datagram) {
    ByteReader in(datagram);
    const auto opcode = read_opcode(datagram, in, true);
    if (!opcode) return opcode.error();
    in.skip(1); // reserved
    Response response;
    response.result = static_cast<ResultCode>(in.read<std::uint8_t>());
    response.lifetime = Lifetime(in.read<std::uint32_t>());
    response.epoch = Lifetime(in.read<std::uint32_t>());
    in.skip(12); // reserved
    const auto body = read_body(in, *opcode);
    if (!body) return Error{Errc::Unsupported, "PCP opcode", *opcode};
    if (!in.ok()) return Error{Errc::Truncated, "PCP response shorter than its opcode needs"};
    auto options = read_options(in);
    if (!options && response.result == ResultCode::Success) return options.error();
    response.body = *body;
    if (options) response.options = *std::move(options);
    return response;
}

std::optional<std::uint8_t> decode_version_mismatch(ByteView datagram, std::uint8_t ours) {
    // Every version has the version in byte 0 and the result in byte 3; NAT-PMP's result is 16 bits
    // wide and begins in byte 2, which PCP reserves.
    constexpr std::size_t kShortest = 8; // RFC 6886 section 3.5
    ByteReader in(datagram);
    const auto version = in.read<std::uint8_t>();
    const auto opcode = in.read<std::uint8_t>();
    const auto reserved = in.read<std::uint8_t>();
    const auto result = in.read<std::uint8_t>();
    if (datagram.size() < kShortest || datagram.size() > kMaxMessageSize) return std::nullopt;
    if (version == ours || result != static_cast<std::uint8_t>(ResultCode::UnsuppVersion)) {
        return std::nullopt;
    }
    if (version == 0) {
        if (reserved != 0) return std::nullopt;
        return version;
    }
    if ((opcode & kResponseBit) == 0) return std::nullopt;
    return version;
}

Error version_mismatch_error(std::uint8_t server_speaks) {
    const auto detail = static_cast<int>(ResultCode::UnsuppVersion);
    if (server_speaks == 0) {
        return Error{Errc::NotFound, "the gateway speaks NAT-PMP (version 0), not PCP: use NAT-PMP",
                     detail};
    }
    return Error{Errc::NotFound,
                 "the gateway speaks version " + std::to_string(server_speaks) +
                     " of PCP, and this program only version 2",
                 detail};
}

} // namespace natterjack::pcp
