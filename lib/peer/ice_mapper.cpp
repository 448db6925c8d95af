// SPDX-License-Identifier: MIT
#include "peer/ice_mapper.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "net/loop.hpp"
#include "peer/session_factory.hpp"
#include "traversal/chain.hpp"

namespace natterjack::peer {

namespace {

/// The address to show for a session, and how one gets there.
struct Way {
    Endpoint internal;
    Endpoint external;
    Reach reach = Reach::InvitedPeer;
};

// A NAT's address rather than a relay's: the relay is what is left when no hole can be punched.
std::optional<Way> best_way(const std::vector<sdp::Candidate>& candidates, bool relay_only) {
    using Type = sdp::CandidateType;
    const auto first = [&](auto&& is) {
        return std::find_if(candidates.begin(), candidates.end(), is);
    };
    auto found = candidates.end();
    if (!relay_only) {
        found = first([](const auto& each) { return each.type == Type::ServerReflexive; });
        if (found == candidates.end()) {
            found = first([](const auto& each) {
                return each.type == Type::Host && each.address.is_public();
            });
        }
    }
    if (found == candidates.end()) {
        found = first([](const auto& each) { return each.type == Type::Relayed; });
    }
    if (found == candidates.end()) return std::nullopt;
    const Endpoint external{found->address, found->port};
    return Way{.internal = found->related.value_or(external),
               .external = external,
               .reach = found->type == Type::Relayed ? Reach::Relayed : Reach::InvitedPeer};
}

class IceMapper final : public Mapper {
public:
    IceMapper(const Loop& loop, PeerOptions options, Transport transport)
        : loop_(loop), options_(std::move(options)), transport_(transport), timer_(loop) {}
    ~IceMapper() override {
        if (session_ && !session_->is_invited()) session_->close();
    }
    IceMapper(const IceMapper&) = delete;
    IceMapper& operator=(const IceMapper&) = delete;

    [[nodiscard]] Strategy strategy() const override { return Strategy::Ice; }

    void probe(TimePoint deadline, std::function<void(Result<Service>)> handler) override {
        begin();
        wait(deadline, [handler = std::move(handler)](const Result<Way>& way) {
            if (!way) return handler(way.error());
            handler(Service{.external = way->external.address, .product = {}});
        });
    }

    void map(const MappingRequest& request, TimePoint deadline,
             std::function<void(Result<Mapping>)> handler) override {
        begin();
        wait(deadline, [this, request, handler = std::move(handler)](const Result<Way>& way) {
            if (!way) return handler(way.error());
            const bool relayed = way->reach == Reach::Relayed;
            handler(Mapping{.strategy = Strategy::Ice,
                            .transport = request.transport,
                            .internal = way->internal,
                            .external = way->external,
                            .granted_at = net::now(),
                            .description = request.description,
                            .note = relayed ? "reachable through a relay, by a peer that is invited"
                                            : "reachable by a peer that is invited, as far as the "
                                              "NATs between allow",
                            .invitation = Invitation{way->reach, session_}});
        });
    }

    void unmap(const Mapping&, TimePoint, std::function<void(Result<void>)> handler) override {
        if (session_ && !session_->is_invited()) session_->close();
        loop_.post([alive = std::weak_ptr(alive_), handler = std::move(handler)] {
            if (alive.lock()) handler({});
        });
    }

    void list(TimePoint, std::function<void(Result<std::vector<ListedMapping>>)> handler) override {
        handler(no_gateway());
    }

    void external_address(TimePoint, std::function<void(Result<IpAddress>)> handler) override {
        handler(no_gateway());
    }

private:
    static Error no_gateway() {
        return {Errc::Unsupported, "a session with a peer is no gateway's"};
    }

    void begin() {
        if (session_ || fault_) return;
        // A stream is carried by a channel, whatever datagrams would be.
        if (transport_ == Transport::Tcp) options_.payload = PeerPayload::Channels;
        auto made = make_session(loop_, options_, {});
        if (!made) {
            fault_ = made.error();
            return;
        }
        session_ = *std::move(made);
        session_->gather([this, alive = std::weak_ptr(alive_)] {
            if (alive.lock()) look(false);
        });
    }

    void wait(TimePoint deadline, std::function<void(const Result<Way>&)> handler) {
        waiting_ = std::move(handler);
        timer_.start_at(deadline, [this] { look(true); });
        loop_.post([this, alive = std::weak_ptr(alive_)] {
            if (alive.lock()) look(false);
        });
    }

    // Answers when enough is known, or nothing more will be.
    void look(bool last_chance) {
        if (!waiting_) return;
        if (fault_) return answer(*fault_);
        // What becomes of a session that was taken is no matter of the opening's.
        if (way_ && session_->is_invited()) return answer(*way_);
        const auto info = session_->info();
        if (info.error) return answer(*info.error);
        const bool complete = last_chance || info.timings.gathered;
        const auto way = best_way(session_->candidates(), options_.relay_only);
        // A relay answers before a STUN server may have.
        const bool enough = way && (complete || way->reach == Reach::InvitedPeer);
        if (enough) return answer(*way);
        if (complete) answer(nothing(info));
    }

    [[nodiscard]] static Error nothing(const PeerInfo& info) {
        std::string message = "no STUN or TURN server showed an address that the outside could "
                              "send to";
        message += info.notes.empty() ? ": none is named" : ": " + info.notes.front();
        return {Errc::NotFound, std::move(message)};
    }

    void answer(const Result<Way>& way) {
        timer_.stop();
        if (way) way_ = *way;
        const auto handler = std::exchange(waiting_, nullptr);
        handler(way); // which may destroy this
    }

    Loop loop_;
    PeerOptions options_;
    Transport transport_;
    std::shared_ptr<Session> session_;
    std::optional<Error> fault_;
    std::optional<Way> way_;                          // as last answered
    std::function<void(const Result<Way>&)> waiting_; // one at a time: probe(), then map()
    net::Timer timer_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace

std::unique_ptr<Mapper> make_ice_mapper(const Loop& loop, PeerOptions options,
                                        const OpenRequest& request) {
    const auto& wanted = request.network;
    if (!wanted.interface.empty() || wanted.source) options.network = wanted;
    if (options.stun_servers.empty()) options.stun_servers = request.stun_servers;
    return std::make_unique<IceMapper>(loop, std::move(options), request.transport);
}

} // namespace natterjack::peer

namespace natterjack {

std::unique_ptr<Traversal> make_chain_with_ice(const Loop& loop, PeerOptions session,
                                               std::vector<Strategy> only) {
    auto strategies = available_strategies();
    strategies.push_back(Strategy::Ice);
    if (!only.empty()) {
        std::erase_if(strategies, [&](Strategy strategy) {
            return std::find(only.begin(), only.end(), strategy) == only.end();
        });
    }
    auto parts = ChainParts::real();
    parts.make_ice = [session = std::move(session)](const Loop& on, const OpenRequest& request) {
        return peer::make_ice_mapper(on, session, request);
    };
    return std::make_unique<Chain>(loop, std::move(strategies), std::move(parts));
}

} // namespace natterjack
