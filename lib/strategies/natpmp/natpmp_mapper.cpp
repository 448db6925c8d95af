// SPDX-License-Identifier: MIT
#include "strategies/natpmp/natpmp_mapper.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "net/loop.hpp"
#include "strategies/natpmp/natpmp_request.hpp"
#include "strategies/request_mapper.hpp"

namespace natterjack {

namespace {

using MapHandler = std::function<void(Result<Mapping>)>;
using Answer = Result<NatPmpAnswer>;

/// How long a mapping may wait for the external address that belongs to it. A gateway that answers
/// the one question and not the other within this time will not.
constexpr Duration kAddressPatience{1000};

/// RFC 6886 section 3.4 wants the external port to be 0, and some gateways insist on it. The
/// internal port must never be: that would delete all mappings of this host.
natpmp::MapRequest delete_request(const Mapping& mapping) {
    return {.transport = mapping.transport,
            .internal_port = mapping.internal.port,
            .suggested_external_port = 0,
            .lifetime = Lifetime(0)};
}

class NatPmpMapper final
    : public RequestMapper<NatPmpRequest, NatPmpRequest::Question, NatPmpAnswer> {
public:
    NatPmpMapper(Loop loop, Path path) : RequestMapper(std::move(loop), std::move(path)) {}

    [[nodiscard]] Strategy strategy() const override { return Strategy::NatPmp; }
    void probe(TimePoint deadline, std::function<void(Result<Service>)> handler) override;
    void map(const MappingRequest& request, TimePoint deadline, MapHandler handler) override;
    void unmap(const Mapping& mapping, TimePoint deadline,
               std::function<void(Result<void>)> handler) override;
    void list(TimePoint deadline,
              std::function<void(Result<std::vector<ListedMapping>>)> handler) override;
    void external_address(TimePoint deadline,
                          std::function<void(Result<IpAddress>)> handler) override;

private:
    /// One map() under way: two questions, or one.
    struct Wish {
        MappingRequest request;
        Mapping mapping; ///< Filled in as the answers come.
        TimePoint deadline;
        MapHandler handler;
        std::uint16_t suggested = 0; ///< External port.
        bool granted = false;
        std::optional<std::uint64_t> address_request; ///< Under way.
    };

    [[nodiscard]] std::optional<Error> why_not() const;
    [[nodiscard]] std::optional<Error> why_not(const MappingRequest& request) const;
    /// Removes \a mapping without anybody waiting for it.
    [[nodiscard]] std::function<void()> undo(const Mapping& mapping) const;
    /// As undo(); does nothing to a mapping that is being renewed: its owner still has it.
    [[nodiscard]] std::function<void()> undo(const Wish& wish) const;

    void ask_for_address(const std::shared_ptr<Wish>& wish);
    void send_map(const std::shared_ptr<Wish>& wish);
    void handle_map_answer(const std::shared_ptr<Wish>& wish, const Answer& answer);
    void give_back(const std::shared_ptr<Wish>& wish);
    void drop_address_request(Wish& wish);

    IpAddress external_; ///< As last told; unspecified: not yet.
};

std::optional<Error> NatPmpMapper::why_not() const {
    if (!path_.gateway.is_v4() && !path_.gateway.is_unspecified()) {
        return Error{Errc::NotFound,
                     "NAT-PMP is for IPv4 gateways only, not for " + path_.gateway.to_string()};
    }
    return why_not_ask(path_, "NAT-PMP");
}

std::optional<Error> NatPmpMapper::why_not(const MappingRequest& request) const {
    if (auto error = why_not_map(request, "NAT-PMP")) return error;
    if (!request.only_from.empty()) return cannot_restrict("NAT-PMP");
    const auto& host = request.internal.address;
    if (!host.is_unspecified() && host != path_.client()) {
        return Error{Errc::InvalidArgument,
                     "NAT-PMP opens ports for the host that asks only, which is " +
                         path_.client().to_string() + " and not " + host.to_string() +
                         ": run this there, or use IGD"};
    }
    return why_not();
}

std::function<void()> NatPmpMapper::undo(const Mapping& mapping) const {
    return in_background(delete_request(mapping));
}

std::function<void()> NatPmpMapper::undo(const Wish& wish) const {
    if (wish.request.renew) return {};
    return undo(wish.mapping);
}

void NatPmpMapper::probe(TimePoint deadline, std::function<void(Result<Service>)> handler) {
    if (auto error = why_not()) {
        fail(std::move(handler), *std::move(error));
        return;
    }
    ask(natpmp::AddressRequest{}, deadline,
        [this, handler = std::move(handler)](const Answer& answer) {
            if (answer) {
                external_ = answer->external;
                handler(Service{external_, {}});
                return;
            }
            // Whoever refuses in NAT-PMP speaks NAT-PMP. Not knowing an address of its own, as a
            // gateway behind another NAT may say, is no reason not to map.
            const auto& error = answer.error();
            const bool speaks =
                error.detail > static_cast<int>(natpmp::ResultCode::NotAuthorized) &&
                (error.code == Errc::Refused || error.code == Errc::Unsupported);
            if (speaks)
                handler(Service{});
            else
                handler(error);
        });
}

void NatPmpMapper::map(const MappingRequest& request, TimePoint deadline, MapHandler handler) {
    if (auto error = why_not(request)) {
        fail(std::move(handler), *std::move(error));
        return;
    }
    auto wish = std::make_shared<Wish>();
    wish->request = request;
    wish->deadline = deadline;
    wish->handler = std::move(handler);
    wish->mapping.strategy = Strategy::NatPmp;
    wish->mapping.transport = request.transport;
    wish->mapping.internal = {path_.client(), request.internal.port};
    wish->mapping.gateway = path_.gateway;
    wish->mapping.description = request.description;

    wish->suggested = request.external_port;
    if (request.renew && !request.exact) wish->suggested = request.renew->external.port;
    // A renewal asks again, as the address may have changed.
    if (external_.is_unspecified() || request.renew) ask_for_address(wish);
    send_map(wish);
}

void NatPmpMapper::send_map(const std::shared_ptr<Wish>& wish) {
    const natpmp::MapRequest question{.transport = wish->request.transport,
                                      .internal_port = wish->request.internal.port,
                                      .suggested_external_port = wish->suggested,
                                      .lifetime = wish->request.lifetime};
    ask(
        question, wish->deadline,
        [this, wish](const Answer& answer) { handle_map_answer(wish, answer); }, undo(*wish));
}

void NatPmpMapper::ask_for_address(const std::shared_ptr<Wish>& wish) {
    const auto patience = std::min(wish->deadline, net::now() + kAddressPatience);
    const auto take_back = undo(wish->mapping);
    const auto on_abandoned = [wish, take_back] {
        const bool ours = wish->granted && !wish->request.renew;
        if (ours) take_back(); // not granted yet: the other question takes it back
    };
    wish->address_request = ask(
        natpmp::AddressRequest{}, patience,
        [this, wish](const Answer& answer) {
            wish->address_request.reset();
            if (answer) external_ = answer->external;
            if (!wish->granted) return;
            wish->mapping.external.address = external_;
            wish->handler(wish->mapping);
        },
        on_abandoned);
}

void NatPmpMapper::drop_address_request(Wish& wish) {
    if (const auto id = std::exchange(wish.address_request, std::nullopt)) drop(*id);
}

void NatPmpMapper::handle_map_answer(const std::shared_ptr<Wish>& wish, const Answer& answer) {
    // "Any" is 0 (RFC 6886 section 3.3), but RouterOS then allocates none at all.
    if (!answer && answer.error().code == Errc::Refused && wish->suggested == 0) {
        wish->suggested = wish->request.internal.port;
        return send_map(wish);
    }
    if (!answer) {
        drop_address_request(*wish);
        const auto take_back = undo(*wish);
        if (take_back && may_have_been_granted(answer.error())) take_back();
        wish->handler(answer.error());
        return;
    }
    auto& mapping = wish->mapping;
    mapping.external = {external_, answer->external_port};
    mapping.lifetime = answer->lifetime;
    mapping.granted_at = net::now();
    mapping.epoch = answer->epoch;
    const auto wanted = wish->request.external_port;
    if (wanted != 0 && mapping.external.port != wanted) {
        if (wish->request.exact) {
            give_back(wish);
            return;
        }
        mapping.note = note_of(wanted, mapping.external.port);
    }
    wish->granted = true;
    if (!wish->address_request) wish->handler(mapping);
}

// Waits for the deletion, so that the caller's next wish for this port does not meet it.
void NatPmpMapper::give_back(const std::shared_ptr<Wish>& wish) {
    drop_address_request(*wish);
    const auto conflict = conflict_of(wish->request.external_port, wish->mapping.external.port);
    const auto take_back = undo(wish->mapping);
    ask(
        delete_request(wish->mapping), wish->deadline,
        [wish, conflict, take_back](const Answer& answer) {
            if (!answer && answer.error().code == Errc::Timeout) take_back();
            wish->handler(conflict);
        },
        take_back);
}

void NatPmpMapper::unmap(const Mapping& mapping, TimePoint deadline,
                         std::function<void(Result<void>)> handler) {
    if (mapping.internal.port == 0) {
        fail(std::move(handler),
             Error{Errc::InvalidArgument, "NAT-PMP would delete every mapping of this host for "
                                          "internal port 0: name the port"});
        return;
    }
    if (auto error = why_not()) {
        fail(std::move(handler), *std::move(error));
        return;
    }
    ask(delete_request(mapping), deadline, [handler = std::move(handler)](const Answer& answer) {
        if (answer)
            handler({});
        else
            handler(answer.error());
    });
}

void NatPmpMapper::list(TimePoint /*deadline*/,
                        std::function<void(Result<std::vector<ListedMapping>>)> handler) {
    fail(std::move(handler), Error{Errc::Unsupported, "NAT-PMP cannot list mappings: ask by IGD"});
}

void NatPmpMapper::external_address(TimePoint deadline,
                                    std::function<void(Result<IpAddress>)> handler) {
    if (auto error = why_not()) {
        fail(std::move(handler), *std::move(error));
        return;
    }
    ask(natpmp::AddressRequest{}, deadline,
        [this, handler = std::move(handler)](const Answer& answer) {
            if (!answer) {
                handler(answer.error());
                return;
            }
            external_ = answer->external;
            handler(external_);
        });
}

} // namespace

std::unique_ptr<Mapper> make_natpmp_mapper(const Loop& loop, const Path& path) {
    return std::make_unique<NatPmpMapper>(loop, path);
}

} // namespace natterjack
