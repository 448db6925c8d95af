// SPDX-License-Identifier: MIT
#include "traversal/families_attempt.hpp"

#include <utility>

#include "traversal/paths.hpp"

namespace natterjack {

FamiliesAttempt::FamiliesAttempt(Loop loop, std::vector<Strategy> strategies, ChainParts parts,
                                 OpenRequest request, Traversal::Handler handler)
    : loop_(std::move(loop)),
      strategies_(std::move(strategies)),
      parts_(std::move(parts)),
      request_(std::move(request)),
      handler_(std::move(handler)) {
}

void FamiliesAttempt::start() {
    if (!handler_) return; // cancelled before it began
    const auto refuse = [this](const Error& error) {
        std::exchange(handler_, nullptr)(OpenFailure{error, {}});
    };
    if (const auto valid = validate(request_); !valid) return refuse(valid.error());
    const auto network = parts_.read_network();
    if (!network) return refuse(network.error());
    const auto paths = choose_ipv6_paths(*network, request_.network);
    const bool both = request_.families == Families::Both;
    if (!paths && !both) return refuse(paths.error());
    if (both) {
        auto ipv4 = request_;
        ipv4.families = Families::Ipv4;
        add(std::move(ipv4), {});
    }
    const auto pool = std::make_shared<AddressShare::Pool>(request_.network);
    for (const Path& path : paths.value_or({})) {
        auto ipv6 = request_;
        ipv6.families = Families::Ipv6;
        ipv6.network.source = path.source;
        add(std::move(ipv6), {.remote = {}, .share = AddressShare(pool, path.source)});
    }
    pending_ = attempts_.size();
    for (const auto& attempt : attempts_) attempt->start();
}

void FamiliesAttempt::add(OpenRequest request, ChainAttempt::Purpose purpose) {
    const auto index = attempts_.size();
    results_.emplace_back();
    // The attempts are this one's, and are cancelled before it goes.
    attempts_.push_back(std::make_shared<ChainAttempt>(
        loop_, strategies_, parts_, std::move(request),
        [this, index](Result<Opening, OpenFailure> result) {
            results_[index].emplace(std::move(result));
            if (--pending_ == 0) finish();
        },
        std::move(purpose)));
}

void FamiliesAttempt::finish() {
    const auto self = shared_from_this();
    std::vector<Opening> openings;
    std::optional<Error> error; // of the first
    Story missed;
    for (auto& result : results_) {
        if (*result) {
            openings.push_back(**std::move(result));
            continue;
        }
        const auto& failure = result->error();
        if (!error) error = failure.error;
        missed.insert(missed.end(), failure.story.begin(), failure.story.end());
    }
    auto handler = std::exchange(handler_, nullptr);
    if (!handler) return;
    if (openings.empty()) {
        handler(OpenFailure{*error, std::move(missed)});
        return;
    }
    Opening first = std::move(openings.front());
    openings.erase(openings.begin());
    handler(Opening(std::move(first), std::move(openings), std::move(missed)));
}

void FamiliesAttempt::cancel() {
    handler_ = nullptr;
    for (const auto& attempt : attempts_) attempt->cancel();
    results_.clear(); // what is open already is closed
}

} // namespace natterjack
