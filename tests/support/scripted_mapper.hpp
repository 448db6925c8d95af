// SPDX-License-Identifier: MIT
/// \file
/// \brief Mappers that answer when, and what, the test says: the chain without a network.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "net/network.hpp"
#include "traversal/chain.hpp"

namespace natterjack::test {

/// A house with one gateway, 192.168.1.1, and this host at 192.168.1.2. The test fires the answers.
class ScriptedHouse {
public:
    using Key = std::pair<Strategy, IpAddress>; // strategy and gateway

    /// What a mapper waits for. A handler that is empty was not asked, or is answered.
    struct Calls {
        std::function<void(Result<Service>)> probe;
        std::function<void(Result<Mapping>)> map;
        std::function<void(Result<void>)> unmap;
        std::function<void(Result<std::vector<ListedMapping>>)> list;
        std::function<void(Result<IpAddress>)> external;
        MappingRequest request; ///< Of the last map().
        int maps = 0;
        int unmaps = 0;
        int alive = 0; ///< Mappers that exist now.
    };

    [[nodiscard]] Calls& at(Strategy strategy, IpAddress gateway = kGateway) {
        return *calls_of(strategy, gateway);
    }

    [[nodiscard]] ChainParts parts(std::string journal_directory = {}) {
        return {.make_mapper = [this](Strategy strategy, const Loop&,
                                      const Path& path) -> std::unique_ptr<Mapper> {
                    return std::make_unique<ScriptedMapper>(strategy, path,
                                                            calls_of(strategy, path.gateway));
                },
                .read_network = [this]() -> Result<net::Network> { return network; },
                .read_servers = []() -> Result<Servers> { return Servers{}; },
                .journal = Journal(std::move(journal_directory)),
                .trace_hops = trace_hops,
                .keeper_of =
                    [this](const Loop& loop) {
                        if (!keeper) {
                            keeper = std::make_shared<LeaseKeeper>(loop, LeaseKeeper::Senses::Numb);
                        }
                        return keeper;
                    },
                .make_ice = [this](const Loop&, const OpenRequest&) -> std::unique_ptr<Mapper> {
                    return std::make_unique<ScriptedMapper>(Strategy::Ice, Path{},
                                                            calls_of(Strategy::Ice, {}));
                }};
    }

    /// The stage that no gateway answers for.
    [[nodiscard]] Calls& ice() { return at(Strategy::Ice, {}); }

    [[nodiscard]] Mapping invite(const char* external, Reach reach) {
        auto out = grant(Strategy::Ice, external, {});
        out.lifetime = Lifetime(0);
        out.invitation = Invitation{.reach = reach, .session = nullptr};
        return out;
    }

    /// Says yes to every removal that waits: for the end of a test.
    void confirm_removals() {
        for (auto& [key, calls] : calls_) {
            if (auto handler = std::exchange(calls->unmap, nullptr)) handler({});
        }
    }

    /// A mapping as the strategy would grant it, outside at \a external.
    [[nodiscard]] Mapping grant(Strategy strategy, const char* external,
                                IpAddress gateway = kGateway) {
        const auto& request = at(strategy, gateway).request;
        return {.strategy = strategy,
                .transport = request.transport,
                .internal = request.internal,
                .external = Endpoint::parse(external).value_or({}),
                .lifetime = request.lifetime,
                .granted_at = net::now(),
                .gateway = gateway,
                .description = request.description};
    }

    static constexpr IpAddress kGateway = IpAddress::v4(0xC0A80101);
    static constexpr IpAddress kHost = IpAddress::v4(0xC0A80102);

    net::Network network = home();
    TraceHops trace_hops;                ///< Empty: nobody looks beyond the gateway.
    std::shared_ptr<LeaseKeeper> keeper; ///< Of the loop that was used first.

private:
    class ScriptedMapper final : public Mapper {
    public:
        ScriptedMapper(Strategy strategy, Path path, std::shared_ptr<Calls> calls)
            : strategy_(strategy), path_(std::move(path)), calls_(std::move(calls)) {
            ++calls_->alive;
        }
        ~ScriptedMapper() override {
            if (--calls_->alive > 0) return;
            calls_->probe = nullptr;
            calls_->map = nullptr;
            calls_->unmap = nullptr;
            calls_->list = nullptr;
            calls_->external = nullptr;
        }
        [[nodiscard]] Strategy strategy() const override { return strategy_; }
        void probe(TimePoint, std::function<void(Result<Service>)> handler) override {
            calls_->probe = std::move(handler);
        }
        void map(const MappingRequest& request, TimePoint,
                 std::function<void(Result<Mapping>)> handler) override {
            calls_->request = request;
            calls_->map = std::move(handler);
            ++calls_->maps;
        }
        void unmap(const Mapping&, TimePoint, std::function<void(Result<void>)> handler) override {
            calls_->unmap = std::move(handler);
            ++calls_->unmaps;
        }
        void list(TimePoint,
                  std::function<void(Result<std::vector<ListedMapping>>)> handler) override {
            calls_->list = std::move(handler);
        }
        void external_address(TimePoint, std::function<void(Result<IpAddress>)> handler) override {
            calls_->external = std::move(handler);
        }

    private:
        Strategy strategy_;
        Path path_;
        std::shared_ptr<Calls> calls_; // mappers may outlive the house, on a loop that ends
    };

    static net::Network home() {
        net::Network out;
        out.interfaces.push_back({.index = 2,
                                  .name = "lan0",
                                  .up = true,
                                  .multicast = true,
                                  .addresses = {{.address = kHost, .prefix_length = 24}}});
        out.default_routes.push_back({.gateway = kGateway, .interface = 2, .source = kHost});
        return out;
    }

    [[nodiscard]] std::shared_ptr<Calls> calls_of(Strategy strategy, IpAddress gateway) {
        auto& calls = calls_[{strategy, gateway}];
        if (!calls) calls = std::make_shared<Calls>();
        return calls;
    }

    std::map<Key, std::shared_ptr<Calls>> calls_;
};

/// Answers a scripted call: the handler is taken out first, as a real mapper would.
template<class T, class Answer>
void fire(std::function<void(Result<T>)>& handler, Answer answer) {
    auto taken = std::exchange(handler, nullptr);
    taken(Result<T>(std::move(answer)));
}

} // namespace natterjack::test
