// SPDX-License-Identifier: MIT
#include "strategies/direct/direct_mapper.hpp"

#include <utility>

namespace natterjack {

namespace {

class DirectMapper final : public Mapper {
public:
    DirectMapper(Loop loop, Path path) : loop_(std::move(loop)), path_(std::move(path)) {}

    [[nodiscard]] Strategy strategy() const override { return Strategy::Direct; }

    void probe(TimePoint, std::function<void(Result<Service>)> handler) override {
        if (!path_.source.is_public()) return answer(std::move(handler), not_public());
        answer(std::move(handler), Service{.external = path_.source, .product = {}});
    }

    void map(const MappingRequest& request, TimePoint,
             std::function<void(Result<Mapping>)> handler) override {
        if (!path_.source.is_public()) return answer(std::move(handler), not_public());
        if (!request.only_from.empty()) {
            return answer(std::move(handler), cannot_restrict("this host's own public address"));
        }
        if (request.exact && request.external_port != request.internal.port) {
            return answer(std::move(handler),
                          Error{Errc::Conflict, "without a gateway the outside sees port " +
                                                    std::to_string(request.internal.port) +
                                                    " itself, not another"});
        }
        answer(std::move(handler),
               Mapping{.strategy = Strategy::Direct,
                       .transport = request.transport,
                       .internal = {path_.source, request.internal.port},
                       .external = {path_.source, request.internal.port},
                       .gateway = path_.gateway,
                       .description = request.description,
                       .note = "nothing was mapped: this host's own address is public, and whether "
                               "a firewall lets others in was not tested"});
    }

    void unmap(const Mapping&, TimePoint, std::function<void(Result<void>)> handler) override {
        answer(std::move(handler), Result<void>());
    }

    void list(TimePoint, std::function<void(Result<std::vector<ListedMapping>>)> handler) override {
        answer(std::move(handler),
               Error{Errc::Unsupported, "there is no gateway to list mappings"});
    }

    void external_address(TimePoint, std::function<void(Result<IpAddress>)> handler) override {
        answer(std::move(handler), path_.source);
    }

private:
    [[nodiscard]] Error not_public() const {
        return {Errc::NotFound, path_.source.to_string() + " is not a public address"};
    }

    // On the loop's next turn, and not at all once this is gone.
    template<class T, class Answer>
    void answer(std::function<void(Result<T>)> handler, Answer value) {
        loop_.post([alive = std::weak_ptr(alive_), handler = std::move(handler),
                    value = Result<T>(std::move(value))] {
            if (alive.lock()) handler(value);
        });
    }

    Loop loop_;
    Path path_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace

std::unique_ptr<Mapper> make_direct_mapper(const Loop& loop, const Path& path) {
    return std::make_unique<DirectMapper>(loop, path);
}

} // namespace natterjack
