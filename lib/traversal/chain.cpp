// SPDX-License-Identifier: MIT
#include "traversal/chain.hpp"

#include <algorithm>
#include <future>
#include <utility>

#include <glib.h>

#include "traversal/chain_attempt.hpp"
#include "traversal/families_attempt.hpp"
#include "traversal/pinhole_mapper.hpp"

namespace natterjack {

namespace {

constexpr std::size_t kMaxDescription = 63; // many gateways keep no more
// 24 bytes each (RFC 6887 section 13.3), with what else a request may carry within 1100 bytes.
constexpr std::size_t kMaxRemotePeers = 32;

Error invalid(std::string message) {
    return {Errc::InvalidArgument, std::move(message)};
}

bool is_plain_text(const std::string& text) {
    const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
    return std::none_of(text.begin(), text.end(), is_control) &&
           g_utf8_validate(text.data(), static_cast<gssize>(text.size()), nullptr) != 0;
}

Result<void> validate(const std::vector<RemotePeers>& only_from, Families families) {
    if (only_from.empty()) return {};
    if (only_from.size() > kMaxRemotePeers)
        return invalid("at most 32 hosts or networks can be let in by name");
    bool ipv4 = false;
    bool ipv6 = false;
    for (const RemotePeers& peers : only_from) {
        if (!peers.is_valid()) {
            return invalid(peers.to_string() + " is no network: its prefix has 1 bit at least, "
                                               "and no bit is set beyond it");
        }
        (peers.prefix.is_v4() ? ipv4 : ipv6) = true;
    }
    if ((families == Families::Ipv4 && !ipv4) || (families == Families::Ipv6 && !ipv6)) {
        return invalid(std::string("nobody of those to be let in could get in by ") +
                       (families == Families::Ipv4 ? "IPv4" : "IPv6") +
                       ": name addresses of that family, or open the other one");
    }
    return {};
}

// A blocking call waits for the loop's own answer, which comes by the deadline; the rest is slack.
constexpr std::chrono::milliseconds kSlack{1000};

} // namespace

Result<void> validate_deadline(std::chrono::milliseconds deadline) {
    if (deadline < std::chrono::milliseconds(1) || deadline > std::chrono::minutes(10)) {
        return invalid("a deadline is 1 ms to 10 minutes");
    }
    return {};
}

Result<void> validate(const OpenRequest& request) {
    if (request.port == 0) return invalid("port 0 cannot be opened: name one from 1 to 65535");
    if (request.lifetime < std::chrono::seconds(1) ||
        request.lifetime > std::chrono::seconds(Lifetime::max().count())) {
        return invalid("a lifetime is 1 to 4294967295 seconds");
    }
    if (auto valid = validate_deadline(request.deadline); !valid) return valid;
    if (request.check_interval < std::chrono::seconds(1) ||
        request.check_interval > std::chrono::hours(24)) {
        return invalid("a check interval is 1 second to a day");
    }
    if (request.description.empty() || request.description.size() > kMaxDescription ||
        !is_plain_text(request.description)) {
        return invalid("a description is 1 to 63 bytes of UTF-8 without control characters");
    }
    if (request.internal_address &&
        (!request.internal_address->is_v4() || request.internal_address->is_unspecified() ||
         request.internal_address->is_multicast() || request.internal_address->is_loopback())) {
        return invalid(request.internal_address->to_string() +
                       " is no host of the local network: name an IPv4 unicast address");
    }
    if (auto valid = validate(request.only_from, request.families); !valid) return valid;
    if (request.internal_address && request.families != Families::Ipv4) {
        return invalid("a pinhole is for this host's own IPv6 addresses only: for another host ask "
                       "for IPv4");
    }
    return {};
}

ChainParts ChainParts::real() {
    return {.make_mapper = make_firm_mapper,
            .read_network = net::read_network,
            .read_servers = natterjack::read_servers,
            .journal = Journal::of_user(),
            .trace_hops = trace_second_hop(),
            .keeper_of = LeaseKeeper::of};
}

Chain::Chain(Loop loop, std::vector<Strategy> strategies, ChainParts parts)
    : loop_(std::move(loop)), strategies_(std::move(strategies)), parts_(std::move(parts)) {
}

Attempt Chain::open(OpenRequest request, Handler handler) {
    if (request.families != Families::Ipv4) {
        return run_attempt(loop_, std::make_shared<FamiliesAttempt>(loop_, strategies_, parts_,
                                                                    std::move(request),
                                                                    std::move(handler)));
    }
    return run_attempt(loop_, std::make_shared<ChainAttempt>(loop_, strategies_, parts_,
                                                             std::move(request), std::move(handler),
                                                             ChainAttempt::Purpose{}));
}

std::vector<Strategy> available_strategies() {
    std::vector<Strategy> out;
#ifdef NATTERJACK_HAVE_DIRECT
    out.push_back(Strategy::Direct);
#endif
#ifdef NATTERJACK_HAVE_IGD
    out.push_back(Strategy::Igd);
#endif
#ifdef NATTERJACK_HAVE_PCP
    out.push_back(Strategy::Pcp);
#endif
#ifdef NATTERJACK_HAVE_NATPMP
    out.push_back(Strategy::NatPmp);
#endif
    return out;
}

std::unique_ptr<Traversal> make_chain(const Loop& loop, std::vector<Strategy> only) {
    auto strategies = available_strategies();
    if (!only.empty()) {
        std::erase_if(strategies, [&](Strategy strategy) {
            return std::find(only.begin(), only.end(), strategy) == only.end();
        });
    }
    return std::make_unique<Chain>(loop, std::move(strategies), ChainParts::real());
}

Result<Opening, OpenFailure> open(const OpenRequest& request) {
    const auto loop = Loop::shared();
    if (loop.is_current()) {
        return OpenFailure{invalid("a blocking open() on the loop's own thread"), {}};
    }
    if (const auto valid = validate(request); !valid) return OpenFailure{valid.error(), {}};
    auto chain = make_chain(loop);
    auto promise = std::make_shared<std::promise<Result<Opening, OpenFailure>>>();
    auto future = promise->get_future();
    const auto attempt = chain->open(request, [promise](Result<Opening, OpenFailure> result) {
        promise->set_value(std::move(result));
    });
    if (future.wait_for(request.deadline + kSlack) != std::future_status::ready) {
        return OpenFailure{{Errc::Timeout, "the loop did not answer within the deadline"}, {}};
    }
    return future.get();
}

} // namespace natterjack
