// SPDX-License-Identifier: MIT
#include "strategies/igd/igd_mapper.hpp"

#include "strategies/igd/igd_map.hpp"
#include "strategies/igd/igd_questions.hpp"
#include "strategies/igd/igd_session.hpp"
#include "strategies/igd/igd_unmap.hpp"
#include "strategies/igd/pinhole_operations.hpp"

namespace natterjack {

namespace {

class IgdMapper final : public Mapper {
public:
    IgdMapper(const Loop& loop, const Path& path)
        : session_(std::make_shared<igd::Session>(loop, path)) {}
    ~IgdMapper() override { session_->shut(); }
    IgdMapper(const IgdMapper&) = delete;
    IgdMapper& operator=(const IgdMapper&) = delete;

    [[nodiscard]] Strategy strategy() const override { return Strategy::Igd; }

    void probe(TimePoint deadline, std::function<void(Result<Service>)> handler) override {
        run<igd::ProbeOperation>(deadline, std::move(handler));
    }
    void map(const MappingRequest& request, TimePoint deadline,
             std::function<void(Result<Mapping>)> handler) override {
        if (is_ipv6()) return run<igd::OpenPinhole>(request, deadline, std::move(handler));
        run<igd::MapOperation>(request, deadline, std::move(handler));
    }
    void check(const MappingRequest& request, TimePoint deadline,
               std::function<void(Result<Mapping>)> handler) override {
        const auto mapping = request.renew.value_or(Mapping{});
        if (is_ipv6()) return run<igd::CheckPinhole>(mapping, deadline, std::move(handler));
        run<igd::CheckOperation>(mapping, deadline, std::move(handler));
    }
    void unmap(const Mapping& mapping, TimePoint deadline,
               std::function<void(Result<void>)> handler) override {
        if (is_ipv6()) return run<igd::ClosePinhole>(mapping, deadline, std::move(handler));
        run<igd::UnmapOperation>(mapping, deadline, std::move(handler));
    }
    void list(TimePoint deadline,
              std::function<void(Result<std::vector<ListedMapping>>)> handler) override {
        if (is_ipv6()) return fail(std::move(handler), "an IPv6 firewall lists no pinholes");
        run<igd::ListOperation>(deadline, std::move(handler));
    }
    void external_address(TimePoint deadline,
                          std::function<void(Result<IpAddress>)> handler) override {
        if (is_ipv6()) return fail(std::move(handler), "there is no other address outside by IPv6");
        run<igd::AddressOperation>(deadline, std::move(handler));
    }

private:
    [[nodiscard]] bool is_ipv6() const { return !session_->path.source.is_v4(); }

    template<class T>
    void fail(std::function<void(Result<T>)> handler, const char* why) {
        session_->loop.post([weak = std::weak_ptr(alive_), handler = std::move(handler), why] {
            if (!weak.expired()) handler(Error{Errc::Unsupported, why});
        });
    }

    template<class Kind, class... Arguments>
    void run(Arguments&&... arguments) {
        session_->run(std::make_shared<Kind>(session_, std::forward<Arguments>(arguments)...));
    }

    std::shared_ptr<igd::Session> session_;
    std::shared_ptr<char> alive_ = std::make_shared<char>();
};

} // namespace

std::unique_ptr<Mapper> make_igd_mapper(const Loop& loop, const Path& path) {
    return std::make_unique<IgdMapper>(loop, path);
}

} // namespace natterjack
