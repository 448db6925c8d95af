// SPDX-License-Identifier: MIT
#include "proto/udp_proof.hpp"

#include <algorithm>
#include <utility>

namespace natterjack {

UdpProof::UdpProof(std::unique_ptr<Vantage> vantage,
                   std::function<stun::TransactionId()> new_transaction, Options options)
    : vantage_(std::move(vantage)),
      new_transaction_(std::move(new_transaction)),
      options_(std::move(options)) {
}

void UdpProof::start(TimePoint now) {
    asked_ = now;
    vantage_->start(now);
    advance(now);
}

// A knock may take two round trips: the server first wants to see that the asking address asks.
Duration UdpProof::patience(Duration least) const {
    return std::max(least, 2 * pace_ + least / 2);
}

void UdpProof::prove(TimePoint now, const Endpoint& external) {
    if (result_ || phase_ != Phase::Ready) return;
    external_ = external;
    if (external.address.is_unspecified()) external_.address = **vantage_->ready();
    if (**vantage_->ready() != external_.address) {
        inconclusive(vantage_->name() + " sees us as " + (*vantage_->ready())->to_string() +
                     ", not as " + external_.address.to_string() + ", and knocks nowhere else");
        return;
    }
    enter_knocks(now, Phase::First, external_, kKnockLimit);
}

void UdpProof::handle_datagram(TimePoint now, ProofSocket socket, const Endpoint& from,
                               ByteView payload) {
    if (result_) return;
    if (socket != ProofSocket::Asker) {
        if (const auto id = knock_id(payload)) take_knock(now, socket, from, *id);
    }
    if (socket != ProofSocket::Listener) vantage_->handle_datagram(now, socket, from, payload);
    advance(now);
}

void UdpProof::handle_timeout(TimePoint now) {
    if (result_) return;
    vantage_->handle_timeout(now);
    switch (timer_.expire(now)) {
    case RetransmitTimer::Verdict::Wait: break;
    case RetransmitTimer::Verdict::Resend: knock(now); break;
    case RetransmitTimer::Verdict::GiveUp: time_is_up(now); break;
    }
    advance(now);
}

// Follows what the vantage point has reached.
void UdpProof::advance(TimePoint now) {
    if (result_) return;
    if (phase_ == Phase::Preparing && vantage_->ready()) {
        const auto& ready = *vantage_->ready();
        pace_ = std::chrono::duration_cast<Duration>(now - asked_);
        if (!ready) {
            inconclusive(ready.error().message);
        } else if (options_.early_port != 0) {
            enter_knocks(now, Phase::Early, {*ready, options_.early_port}, kEarlyLimit);
        } else {
            phase_ = Phase::Ready;
        }
    } else if (phase_ == Phase::OpeningControl && vantage_->control()) {
        enter_knocks(now, Phase::Control, *vantage_->control(), kControlLimit);
    }
    if (!result_ && !vantage_->objection().empty()) inconclusive(vantage_->objection());
}

void UdpProof::enter_knocks(TimePoint now, Phase phase, const Endpoint& target, Duration limit) {
    phase_ = phase;
    target_ = target;
    from_elsewhere_ = new_transaction_();
    plain_ = new_transaction_();
    asked_ = now;
    timer_ = RetransmitTimer();
    timer_.start(now, now + patience(limit));
    knock(now);
}

// First from where nobody here has ever sent to: what a stranger would meet. The plain knock comes
// from the server itself, whom the asking port knows; it counts once it was seen to be sent at all.
void UdpProof::knock(TimePoint now) {
    if (phase_ == Phase::Early || phase_ == Phase::First) {
        vantage_->knock(now, target_, from_elsewhere_, true);
    }
    if (phase_ != Phase::First) vantage_->knock(now, target_, plain_, false);
}

void UdpProof::time_is_up(TimePoint now) {
    switch (phase_) {
    case Phase::Early: phase_ = Phase::Ready; return;
    case Phase::First:
        phase_ = Phase::OpeningControl;
        vantage_->open_control(now);
        return;
    case Phase::Control:
        inconclusive("nothing came, but " + vantage_->name() +
                     " could not be seen to reach any other port of ours either");
        return;
    case Phase::Second:
        finish({Proof::Refuted, ProofLevel::None,
                "nothing that " + vantage_->name() + " sent to " + external_.to_string() +
                    " arrived, twice, while what it sent to another port of ours did"});
        return;
    default: return;
    }
}

void UdpProof::take_knock(TimePoint now, ProofSocket socket, const Endpoint& from,
                          const KnockId& id) {
    if (id != from_elsewhere_ && id != plain_) return;
    if (socket == ProofSocket::Control) {
        if (phase_ != Phase::Control) return;
        enter_knocks(now, Phase::Second, external_, kKnockLimit);
        return;
    }
    if (phase_ == Phase::Early || phase_ == Phase::Ready) {
        early_from_ = from;
        phase_ = Phase::Ready; // no more of it is needed
        timer_.stop();
    } else if (phase_ == Phase::First || phase_ == Phase::Second) {
        proved(now, from);
    }
}

void UdpProof::proved(TimePoint now, const Endpoint& from) {
    if (early_from_) {
        inconclusive("a datagram from " + from.to_string() + " arrived, but so did one from " +
                     early_from_->to_string() +
                     " before there was this mapping: an older mapping let it in, or a hole that "
                     "earlier traffic of this port has left");
        return;
    }
    auto contacted = vantage_->contacted();
    if (options_.contacted) {
        contacted.insert(contacted.end(), options_.contacted->begin(), options_.contacted->end());
    }
    const bool rewritten = !vantage_->knocks_from(from.address);
    const auto level = rewritten ? ProofLevel::KnownEndpoint : level_of(from, contacted);
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(now - asked_);
    auto evidence = "a datagram that " + vantage_->name() + " sent arrived after " +
                    std::to_string(took.count()) + " ms";
    evidence += rewritten ? ", its source rewritten to " + from.to_string()
                          : " from " + from.to_string() + ", " + in_words(level);
    finish({Proof::Proved, level, std::move(evidence)});
}

void UdpProof::inconclusive(std::string why) {
    finish({Proof::Claimed, ProofLevel::None, std::move(why)});
}

void UdpProof::finish(ProofVerdict verdict) {
    verdict.external = external_;
    phase_ = Phase::Done;
    timer_.stop();
    vantage_->close();
    result_ = std::move(verdict);
}

void UdpProof::close() {
    if (!result_) vantage_->close();
}

std::optional<ProofDatagram> UdpProof::poll_transmit() {
    return vantage_->poll_transmit();
}

std::optional<TimePoint> UdpProof::deadline() const {
    if (result_) return std::nullopt;
    const auto own = timer_.deadline();
    const auto vantage = vantage_->deadline();
    if (!own || !vantage) return own ? own : vantage;
    return std::min(*own, *vantage);
}

} // namespace natterjack
