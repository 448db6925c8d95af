// SPDX-License-Identifier: MIT
#include "traversal/pinhole_mapper.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace natterjack {

namespace {

constexpr Lifetime kShortest{1};
constexpr Lifetime kBriefly{60}; // is deleted at once
// Of asking by the other protocol. The router is there: who does not hear of it may find it busy.
constexpr int kAttempts = 2;

} // namespace

/// One unmap() under way, after the refusal.
struct PinholeMapper::Removal {
    Mapping mapping;
    TimePoint deadline;
    std::function<void(Result<void>)> handler;
    Error refusal;
    int attempts = 0; ///< By the second way.
};

PinholeMapper::PinholeMapper(Loop loop, MakeMapper make, Path path, std::unique_ptr<Mapper> mapper)
    : MapperAround(std::move(mapper)),
      loop_(std::move(loop)),
      make_(std::move(make)),
      path_(std::move(path)) {
}

void PinholeMapper::check(const MappingRequest& request, TimePoint deadline,
                          std::function<void(Result<Mapping>)> handler) {
    wrapped().check(request, deadline, std::move(handler));
}

void PinholeMapper::unmap(const Mapping& mapping, TimePoint deadline,
                          std::function<void(Result<void>)> handler) {
    remainder_.reset();
    wrapped().unmap(
        mapping,
        std::min(deadline, net::now() + kUndoLimit), // the rest of the time is for the rest
        [this, mapping, deadline, handler = std::move(handler)](const Result<void>& answer) {
            if (answer || answer.error().code != Errc::Refused || mapping.remote) {
                return handler(answer);
            }
            shorten(std::make_shared<Removal>(Removal{mapping, deadline, handler, answer.error()}));
        });
}

// Whatever comes of the rest, it does not stay for hours.
void PinholeMapper::shorten(const std::shared_ptr<Removal>& removal) {
    wrapped().map({.transport = removal->mapping.transport,
                   .internal = removal->mapping.internal,
                   .external_port = removal->mapping.external.port,
                   .lifetime = kShortest,
                   .only_from = removal->mapping.only_from,
                   .renew = removal->mapping},
                  removal->deadline, [this, removal](const Result<Mapping>& answer) {
                      if (answer) {
                          remainder_ = *answer;
                          removal->refusal.message += "; it ends by itself in " +
                                                      std::to_string(answer->lifetime.count()) +
                                                      " s";
                      }
                      ask_for_number(removal);
                  });
}

void PinholeMapper::ask_for_number(const std::shared_ptr<Removal>& removal) {
    if (!second_) second_ = make_(Strategy::Igd, loop_, path_);
    if (!second_) return removal->handler(removal->refusal); // not in this build
    ++removal->attempts;
    second_->map({.transport = removal->mapping.transport,
                  .internal = removal->mapping.internal,
                  .external_port = removal->mapping.external.port,
                  .lifetime = kBriefly,
                  .only_from = removal->mapping.only_from},
                 removal->deadline, [this, removal](const Result<Mapping>& same) {
                     if (same) return remove_by_number(removal, *same);
                     const bool silent = same.error().code == Errc::Timeout;
                     if (silent && removal->attempts < kAttempts &&
                         net::now() < removal->deadline) {
                         return ask_for_number(removal);
                     }
                     removal->handler(removal->refusal);
                 });
}

void PinholeMapper::remove_by_number(const std::shared_ptr<Removal>& removal, const Mapping& same) {
    second_->unmap(same, removal->deadline, [this, removal](const Result<void>& answer) {
        if (!answer) return removal->handler(removal->refusal);
        try_again(removal);
    });
}

// The two protocols need not have the same table.
void PinholeMapper::try_again(const std::shared_ptr<Removal>& removal) {
    wrapped().unmap(removal->mapping, removal->deadline, [removal](const Result<void>& answer) {
        const bool gone = answer || answer.error().code == Errc::NotFound;
        removal->handler(gone ? Result<void>() : removal->refusal);
    });
}

std::unique_ptr<Mapper> make_firm_mapper(Strategy strategy, const Loop& loop, const Path& path) {
    auto mapper = make_mapper(strategy, loop, path);
    const bool is_pinhole = strategy == Strategy::Pcp && !path.source.is_v4();
    if (!mapper || !is_pinhole) return mapper;
    return std::make_unique<PinholeMapper>(loop, make_mapper, path, std::move(mapper));
}

} // namespace natterjack
