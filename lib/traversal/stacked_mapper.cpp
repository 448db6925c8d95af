// SPDX-License-Identifier: MIT
#include "traversal/stacked_mapper.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "traversal/paths.hpp"
#include "traversal/undo.hpp"

namespace natterjack {

namespace {

Lifetime shorter(Lifetime a, Lifetime b) {
    if (a.count() == 0 || b.count() == 0) return std::max(a, b); // 0: until it is deleted
    return std::min(a, b);
}

// What of \a mapping a gateway is responsible for.
const Mapping& hop_of(const Mapping& mapping, std::size_t hop) {
    return mapping.hops.empty() ? mapping : mapping.hops[hop];
}

// The mapping to renew was made when no public address lay between the two gateways.
bool was_private(const MappingRequest& request) {
    return request.renew && !request.renew->hops.empty() &&
           !request.renew->hops[1].internal.address.is_public();
}

} // namespace

Path path_beyond(const Path& path, const IpAddress& outer, const IpAddress& wan) {
    Path out = path;
    out.gateway = outer;
    out.seen_as = wan;
    out.prefix_length = kWholeAddress;
    out.multicast = false;
    out.memory = nullptr; // it is of another gateway
    return out;
}

Mapping stack(const Mapping& inner, const Mapping& outer) {
    Mapping out = inner;
    out.external = outer.external;
    out.lifetime = shorter(inner.lifetime, outer.lifetime);
    out.granted_at = std::min(inner.granted_at, outer.granted_at);
    if (!outer.note.empty()) {
        out.note += (out.note.empty() ? "" : "; ") + ("the outer gateway: " + outer.note);
    }
    out.hops = {inner, outer};
    return out;
}

/// One map() under way.
struct StackedMapper::Wish {
    MappingRequest request;
    TimePoint deadline;
    std::function<void(Result<Mapping>)> handler;
    std::optional<Mapping> inner; ///< Granted.
};

/// One unmap() under way.
struct StackedMapper::Removal {
    std::function<void(Result<void>)> handler;
    int open = 2;
    int missing = 0; ///< How many gateways had nothing to remove.
    std::optional<Error> error;

    void take(const Result<void>& answer) {
        if (!answer && answer.error().code == Errc::NotFound) {
            ++missing;
        } else if (!answer && !error) {
            error = answer.error();
        }
        if (--open > 0) return;
        if (error) return handler(*error);
        if (missing == 2) return handler(Error{Errc::NotFound, "neither gateway has the mapping"});
        handler({});
    }
};

StackedMapper::StackedMapper(Loop loop, MakeMapper make, Path path, std::unique_ptr<Mapper> inner,
                             OuterGateway outer)
    : MapperAround(std::move(inner)),
      loop_(std::move(loop)),
      make_(std::move(make)),
      path_(std::move(path)),
      gateway_(outer) {
}

// What the mappers have under way they take back themselves; what the first one has granted for a
// wish of which the second one's answer is still to come, nobody else would.
StackedMapper::~StackedMapper() {
    outer_.reset();
    for (const Wish& wish : wishes_) {
        if (wish.inner && !wish.request.renew) {
            remove_in_background(loop_, make_(wrapped().strategy(), loop_, path_), *wish.inner);
        }
    }
}

Mapper* StackedMapper::outer_for(const IpAddress& wan) {
    if (!outer_ || wan_ != wan) {
        wan_ = wan;
        outer_ = make_(gateway_.strategy, loop_, path_beyond(path_, gateway_.address, wan));
    }
    return outer_.get();
}

void StackedMapper::external_address(TimePoint deadline,
                                     std::function<void(Result<IpAddress>)> handler) {
    (outer_ ? *outer_ : wrapped()).external_address(deadline, std::move(handler));
}

void StackedMapper::map(const MappingRequest& request, TimePoint deadline,
                        std::function<void(Result<Mapping>)> handler) {
    wishes_.push_back({request, deadline, std::move(handler), {}});
    const auto wish = std::prev(wishes_.end());
    auto inner = request;
    inner.exact = false; // the port between the two routers is nobody's concern
    if (request.renew) {
        inner.renew = hop_of(*request.renew, 0);
        inner.external_port = inner.renew->external.port;
    }
    wrapped().map(inner, deadline,
                  [this, wish](Result<Mapping> answer) { handle_inner(wish, std::move(answer)); });
}

void StackedMapper::handle_inner(Wishes::iterator wish, Result<Mapping> answer) {
    if (!answer) return finish(wish, std::move(answer));
    wish->inner = *std::move(answer);
    const auto& between = wish->inner->external;
    if (between.address.is_unspecified()) {
        return give_back(wish, {Errc::NotFound, "the gateway does not tell its external address, "
                                                "to which the outer one would have to lead"});
    }
    if (between.address.is_public() && was_private(wish->request)) {
        return finish(wish, *wish->inner); // our gateway is on the internet itself by now
    }
    auto outer = wish->request;
    outer.internal = between;
    outer.only_from.clear(); // the inner gateway sees to that
    outer.renew.reset();
    if (const auto& before = wish->request.renew; before && !before->hops.empty()) {
        const Mapping& old = before->hops[1];
        outer.external_port = old.external.port;
        if (old.internal == between) {
            outer.renew = old;
        } else if (auto mapper = make_(gateway_.strategy, loop_,
                                       path_beyond(path_, old.gateway, old.internal.address))) {
            remove_in_background(loop_, std::move(mapper),
                                 old); // it leads where we are not any more
        }
    }
    auto* mapper = outer_for(between.address);
    if (!mapper) {
        return give_back(wish, {Errc::Unsupported, "this build lacks the protocol of the outer "
                                                   "gateway, " +
                                                       std::string(to_string(gateway_.strategy))});
    }
    mapper->map(outer, wish->deadline,
                [this, wish](Result<Mapping> granted) { handle_outer(wish, std::move(granted)); });
}

void StackedMapper::handle_outer(Wishes::iterator wish, Result<Mapping> answer) {
    if (answer) return finish(wish, stack(*wish->inner, *answer));
    auto error = answer.error();
    error.message = "the outer gateway " + gateway_.address.to_string() + ": " + error.message;
    give_back(wish, error);
}

void StackedMapper::finish(Wishes::iterator wish, Result<Mapping> answer) {
    const auto handler = std::move(wish->handler);
    wishes_.erase(wish);
    handler(std::move(answer)); // may destroy this
}

void StackedMapper::give_back(Wishes::iterator wish, const Error& why) {
    if (!wish->request.renew) {
        remove_in_background(loop_, make_(wrapped().strategy(), loop_, path_), *wish->inner);
    }
    finish(wish, why);
}

void StackedMapper::unmap(const Mapping& mapping, TimePoint deadline,
                          std::function<void(Result<void>)> handler) {
    auto* outer = mapping.hops.empty() ? nullptr : outer_for(mapping.hops[1].internal.address);
    if (!outer) {
        wrapped().unmap(hop_of(mapping, 0), deadline, std::move(handler));
        return;
    }
    const auto removal = std::make_shared<Removal>();
    removal->handler = std::move(handler);
    const auto take = [removal](const Result<void>& answer) { removal->take(answer); };
    outer->unmap(mapping.hops[1], deadline, take);
    wrapped().unmap(mapping.hops[0], deadline, take);
}

std::unique_ptr<Mapper> make_mapper_for(const Mapping& mapping, const MakeMapper& make,
                                        const Loop& loop, const Path& path) {
    auto inner = make(mapping.strategy, loop, path);
    if (!inner || mapping.hops.empty()) return inner;
    const Mapping& outer = mapping.hops[1];
    return std::make_unique<StackedMapper>(loop, make, path, std::move(inner),
                                           OuterGateway{outer.strategy, outer.gateway});
}

} // namespace natterjack
