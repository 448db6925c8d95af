// SPDX-License-Identifier: MIT
#include "traversal/proof_watch.hpp"

#include <utility>

#include "net/random.hpp"

namespace natterjack {

namespace {

// Refuting takes four seconds, and names may have to be looked up.
constexpr Duration kLimit{8000};

} // namespace

ProofWatch::ProofWatch(const Loop& loop, StartProof start, Duration check_interval, Handler handler)
    : start_(std::move(start)),
      handler_(std::move(handler)),
      schedule_(check_interval),
      timer_(loop) {
}

void ProofWatch::settled(const Path& path, const Mapping& mapping, Proof proof) {
    path_ = path;
    mapping_ = mapping;
    proof_.reset();
    schedule_.settled(net::now(), proof);
    wake();
}

void ProofWatch::suspect() {
    schedule_.suspect(net::now());
    wake();
}

void ProofWatch::remade() {
    schedule_.remade(net::now());
    wake();
}

void ProofWatch::wake() {
    if (const auto next = schedule_.deadline()) {
        timer_.start_at(*next, [this] { prove(); });
    } else {
        timer_.stop();
    }
}

void ProofWatch::prove() {
    schedule_.begun();
    proof_ = start_(path_, mapping_, net::now() + kLimit, [this](const ProofVerdict& verdict) {
        const auto ended = std::move(proof_); // it is calling
        judge(verdict);
    });
    if (!proof_) judge({});
}

void ProofWatch::judge(const ProofVerdict& verdict) {
    const auto step =
        schedule_.judged(net::now(), verdict.proof, net::random_between(0, 1000) / 1000.0);
    wake();
    const auto handler = handler_; // may destroy this
    handler(verdict, step);
}

} // namespace natterjack
