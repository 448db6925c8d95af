// SPDX-License-Identifier: MIT
#include "strategies/pcp/pcp_mapper.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "net/loop.hpp"
#include "net/random.hpp"
#include "strategies/pcp/pcp_request.hpp"
#include "strategies/request_mapper.hpp"

namespace natterjack {

namespace {

using MapHandler = std::function<void(Result<Mapping>)>;
using Answer = Result<pcp::Response>;

/// "Nothing suggested" in the family of \a address (RFC 6887 section 11.1). Servers that take the
/// other family's zeros, or an address that is not theirs, for a demand refuse it.
IpAddress unspecified_like(const IpAddress& address) {
    return address.is_v4() ? IpAddress() : IpAddress::v6({});
}

/// The MAP or PEER request that makes, renews or (lifetime 0) deletes \a mapping.
pcp::Request map_request(const Path& path, const Mapping& mapping, Lifetime lifetime) {
    pcp::Request request;
    request.lifetime = lifetime;
    request.client = path.client();
    const pcp::Map flow{.nonce = mapping.nonce,
                        .protocol = pcp::protocol_of(mapping.transport),
                        .internal_port = mapping.internal.port,
                        .external_port = mapping.external.port,
                        .external = mapping.external.address};
    if (mapping.remote) {
        request.body = pcp::Peer{
            .flow = flow, .remote_port = mapping.remote->port, .remote = mapping.remote->address};
    } else {
        request.body = flow;
    }
    if (mapping.internal.address != path.client()) {
        request.options.third_party = mapping.internal.address;
    }
    return request;
}

/// Suggests nothing: RFC 6887 section 15 has a deletion's suggestion set to zero.
pcp::Request delete_request(const Path& path, Mapping mapping) {
    mapping.external = {unspecified_like(path.source), 0};
    return map_request(path, mapping, Lifetime(0));
}

/// Clears what filters a mapping has (RFC 6887 section 13.3).
pcp::Filter no_filter() {
    return {.prefix_length = 0, .remote_port = 0, .remote = IpAddress::v6({})};
}

/// The filters that make \a request's mapping admit whom it is to admit. Those of a renewal would
/// be added to those that it has (RFC 6887 section 13.3), so they go first.
std::vector<pcp::Filter> filters_for(const MappingRequest& request) {
    constexpr unsigned kMappedPrefix = 96; // IPv4 in the 128-bit form
    std::vector<pcp::Filter> out;
    const bool had_some = request.renew && !request.renew->only_from.empty();
    if (had_some || (request.renew && !request.only_from.empty())) out.push_back(no_filter());
    for (const RemotePeers& peers : request.only_from) {
        const auto length = peers.prefix_length + (peers.prefix.is_v4() ? kMappedPrefix : 0);
        out.push_back({.prefix_length = static_cast<std::uint8_t>(length),
                       .remote_port = peers.port,
                       .remote = peers.prefix});
    }
    return out;
}

/// Whether the gateway says that it has installed all of \a asked: an option that it has processed
/// is in its answer (RFC 6887 section 7.3).
bool confirms(const pcp::Response& answer, const std::vector<pcp::Filter>& asked) {
    const auto& told = answer.options.filters;
    return std::all_of(asked.begin(), asked.end(), [&](const pcp::Filter& filter) {
        return filter.prefix_length == 0 ||
               std::find(told.begin(), told.end(), filter) != told.end();
    });
}

/// With what the gateway itself said no; empty: it was the network, or time, or another version.
std::optional<pcp::ResultCode> refusal_in(const Answer& answer) {
    if (answer || answer.error().detail == 0) return std::nullopt;
    const auto code = answer.error().code;
    if (code == Errc::Network || code == Errc::NotFound) return std::nullopt;
    return static_cast<pcp::ResultCode>(answer.error().detail);
}

constexpr const char* kThisPcp = "this gateway's PCP";

class PcpMapper final : public RequestMapper<PcpRequest, pcp::Request, pcp::Response> {
public:
    PcpMapper(Loop loop, Path path) : RequestMapper(std::move(loop), std::move(path)) {}

    [[nodiscard]] Strategy strategy() const override { return Strategy::Pcp; }
    void probe(TimePoint deadline, std::function<void(Result<Service>)> handler) override;
    void map(const MappingRequest& request, TimePoint deadline, MapHandler handler) override;
    void unmap(const Mapping& mapping, TimePoint deadline,
               std::function<void(Result<void>)> handler) override;
    void list(TimePoint deadline,
              std::function<void(Result<std::vector<ListedMapping>>)> handler) override;
    void external_address(TimePoint deadline,
                          std::function<void(Result<IpAddress>)> handler) override;

private:
    /// One map() under way.
    struct Wish {
        MappingRequest request;
        Mapping draft; ///< As asked for; the answer fills in the rest.
        TimePoint deadline;
        MapHandler handler;
        bool prefer_failure = false;
    };

    [[nodiscard]] std::optional<Error> why_not() const;
    [[nodiscard]] std::optional<Error> why_not(const MappingRequest& request) const;
    /// Removes \a mapping without anybody waiting for it.
    [[nodiscard]] std::function<void()> undo(const Mapping& mapping) const;
    /// As undo(); does nothing to a mapping that is being renewed: its owner still has it.
    [[nodiscard]] std::function<void()> undo(const Wish& wish) const;

    void ask_whether_it_filters(Wish wish);
    void send_map(Wish wish);
    void handle_map_answer(Wish wish, const Answer& answer);
    void give_back(Wish wish, const Error& why);

    bool filters_ = false; ///< It is known to.
};

std::optional<Error> PcpMapper::why_not() const {
    return why_not_ask(path_, "PCP");
}

std::optional<Error> PcpMapper::why_not(const MappingRequest& request) const {
    if (auto error = why_not_map(request, "PCP")) return error;
    return why_not();
}

std::function<void()> PcpMapper::undo(const Mapping& mapping) const {
    return in_background(delete_request(path_, mapping));
}

std::function<void()> PcpMapper::undo(const Wish& wish) const {
    if (wish.request.renew) return {};
    return undo(wish.draft);
}

void PcpMapper::probe(TimePoint deadline, std::function<void(Result<Service>)> handler) {
    if (auto error = why_not()) {
        fail(std::move(handler), *std::move(error));
        return;
    }
    pcp::Request announce;
    announce.client = path_.client();
    ask(std::move(announce), deadline, [handler = std::move(handler)](const Answer& answer) {
        if (answer) {
            handler(Service{});
            return;
        }
        // Whoever refuses in PCP speaks PCP; some know MAP and not ANNOUNCE, and MAP's own answer
        // is the better one. But where a NAT is in between (ADDRESS_MISMATCH) MAP must fail too.
        const auto refusal = refusal_in(answer);
        if (refusal && refusal != pcp::ResultCode::AddressMismatch)
            handler(Service{});
        else
            handler(answer.error());
    });
}

void PcpMapper::map(const MappingRequest& request, TimePoint deadline, MapHandler handler) {
    if (auto error = why_not(request)) {
        fail(std::move(handler), *std::move(error));
        return;
    }
    Wish wish{request, {}, deadline, std::move(handler)};
    wish.draft.strategy = Strategy::Pcp;
    wish.draft.transport = request.transport;
    wish.draft.internal = request.internal;
    if (request.internal.address.is_unspecified()) wish.draft.internal.address = path_.client();
    wish.draft.external = {unspecified_like(path_.source), request.external_port};
    wish.draft.gateway = path_.gateway;
    wish.draft.description = request.description;
    wish.draft.only_from = request.only_from;
    wish.draft.remote = request.remote;
    wish.draft.nonce = request.renew ? request.renew->nonce : net::random_bytes<12>();
    // A renewal suggests what it has (RFC 6887 section 11.2.1), so that a gateway that lost its
    // tables gives it back.
    if (request.renew && !request.exact) wish.draft.external = request.renew->external;
    // Port 0 suggests nothing, so there is nothing to insist on (RFC 6887 section 13.2).
    wish.prefer_failure = request.exact && request.external_port != 0 && !request.remote;
    if (!request.only_from.empty() && !filters_) {
        ask_whether_it_filters(std::move(wish));
    } else {
        send_map(std::move(wish));
    }
}

// miniupnpd (2.3.11, 2026-08) reads FILTER, sends it back in its answer, and lets everybody in. So
// nothing is opened before the gateway has shown that it knows the option: by refusing one in a
// deletion, where it must not be (RFC 6887 section 13.3). That of a port which nobody maps, with a
// nonce that nobody has.
void PcpMapper::ask_whether_it_filters(Wish wish) {
    constexpr std::uint16_t kDiscard = 9; // RFC 863
    Mapping nothing;
    nothing.transport = wish.draft.transport;
    nothing.internal = {path_.client(), kDiscard};
    nothing.nonce = net::random_bytes<12>();
    auto request = delete_request(path_, nothing);
    request.options.filters = filters_for(wish.request);
    const auto deadline = wish.deadline;
    ask(std::move(request), deadline, [this, wish = std::move(wish)](const Answer& answer) {
        const auto refusal = refusal_in(answer);
        if (refusal == pcp::ResultCode::MalformedOption) {
            filters_ = true;
            send_map(wish);
        } else if (answer || refusal) {
            wish.handler(cannot_restrict(kThisPcp));
        } else {
            wish.handler(answer.error()); // nobody there, or nobody who speaks PCP
        }
    });
}

void PcpMapper::send_map(Wish wish) {
    auto request = map_request(path_, wish.draft, wish.request.lifetime);
    request.options.prefer_failure = wish.prefer_failure;
    request.options.filters = filters_for(wish.request);
    const auto on_abandoned = undo(wish);
    const auto deadline = wish.deadline;
    ask(
        std::move(request), deadline,
        [this, wish = std::move(wish)](const Answer& answer) { handle_map_answer(wish, answer); },
        on_abandoned);
}

void PcpMapper::handle_map_answer(Wish wish, const Answer& answer) {
    if (!answer) {
        const auto& error = answer.error();
        const bool option_unknown =
            error.detail == static_cast<int>(pcp::ResultCode::UnsuppOption) && wish.prefer_failure;
        if (option_unknown) { // then ask without it and look at what we got
            wish.prefer_failure = false;
            send_map(std::move(wish));
            return;
        }
        const auto take_back = undo(wish);
        if (take_back && may_have_been_granted(error)) take_back();
        wish.handler(error);
        return;
    }
    if (!confirms(*answer, filters_for(wish.request))) {
        filters_ = false;
        give_back(std::move(wish), cannot_restrict(kThisPcp));
        return;
    }
    const auto& granted = *pcp::flow_of(answer->body);
    const auto wanted = wish.request.external_port;
    const bool other_port = wanted != 0 && granted.external_port != wanted;
    if (wish.request.exact && other_port) {
        give_back(std::move(wish), conflict_of(wanted, granted.external_port));
        return;
    }
    Mapping mapping = std::move(wish.draft);
    mapping.external = {granted.external, granted.external_port};
    mapping.lifetime = answer->lifetime;
    mapping.granted_at = net::now();
    mapping.epoch = answer->epoch;
    if (other_port) mapping.note = note_of(wanted, granted.external_port);
    wish.handler(std::move(mapping));
}

// Waits for the deletion, so that the caller's next wish for this port does not meet it.
void PcpMapper::give_back(Wish wish, const Error& why) {
    const auto take_back = undo(wish.draft);
    ask(
        delete_request(path_, wish.draft), wish.deadline,
        [handler = std::move(wish.handler), why, take_back](const Answer& answer) {
            if (!answer && answer.error().code == Errc::Timeout) take_back();
            handler(why);
        },
        take_back);
}

void PcpMapper::unmap(const Mapping& mapping, TimePoint deadline,
                      std::function<void(Result<void>)> handler) {
    if (mapping.internal.port == 0) {
        fail(std::move(handler),
             Error{Errc::InvalidArgument, "PCP deletes one port at a time: name it"});
        return;
    }
    if (auto error = why_not()) {
        fail(std::move(handler), *std::move(error));
        return;
    }
    ask(delete_request(path_, mapping), deadline,
        [handler = std::move(handler), is_flow = mapping.remote.has_value()](const Answer& answer) {
            // A gateway need not be able to end a flow's mapping early (RFC 6887 section 12.1).
            if (answer || (is_flow && refusal_in(answer))) {
                handler({});
                return;
            }
            auto error = answer.error();
            // miniupnpd's way of saying that there is nothing to delete; a deletion needs no
            // resources.
            if (error.detail == static_cast<int>(pcp::ResultCode::NoResources)) {
                error.code = Errc::NotFound;
                error.message = "the gateway has no such mapping (PCP NO_RESOURCES)";
            }
            handler(std::move(error));
        });
}

void PcpMapper::list(TimePoint /*deadline*/,
                     std::function<void(Result<std::vector<ListedMapping>>)> handler) {
    fail(std::move(handler), Error{Errc::Unsupported, "PCP cannot list mappings: ask by IGD"});
}

void PcpMapper::external_address(TimePoint /*deadline*/,
                                 std::function<void(Result<IpAddress>)> handler) {
    fail(std::move(handler),
         Error{Errc::Unsupported, "PCP tells the external address with a mapping only: ask by "
                                  "NAT-PMP or IGD"});
}

} // namespace

std::unique_ptr<Mapper> make_pcp_mapper(const Loop& loop, const Path& path) {
    return std::make_unique<PcpMapper>(loop, path);
}

} // namespace natterjack
