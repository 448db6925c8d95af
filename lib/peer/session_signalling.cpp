// SPDX-License-Identifier: MIT
// What two sessions tell each other: JSEP's offers and answers (RFC 8829), as far as one m-line
// needs them.
#include <algorithm>
#include <utility>
#include <variant>

#include "peer/session.hpp"

namespace natterjack::peer {

namespace {

template<class... Cases>
struct Overloaded : Cases... {
    using Cases::operator()...;
};
template<class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

} // namespace

Result<void> Session::receive(std::string_view line) {
    auto message = signal::decode(line);
    if (!message) return message.error();
    if (const auto* description = std::get_if<signal::Description>(&*message)) {
        auto decoded = sdp::decode_description(description->sdp, description->kind);
        if (!decoded) return decoded.error();
        loop_.post([self = shared_from_this(), remote = *std::move(decoded)] {
            if (self->over()) return;
            if (remote.kind == sdp::Kind::Offer) {
                self->hear_offer(remote);
            } else {
                self->hear_answer(remote);
            }
        });
        return {};
    }
    const auto& candidate = std::get<signal::Candidate>(*message);
    if (!candidate.candidate.empty()) {
        const auto decoded = sdp::decode_candidate(candidate.candidate);
        // What another version of the protocol may bring is no error.
        if (!decoded && decoded.error().code == Errc::Unsupported) return {};
        if (!decoded) return decoded.error();
    }
    loop_.post([self = shared_from_this(), candidate] {
        if (!self->over()) self->hear_candidate(candidate);
    });
    return {};
}

void Session::hear_offer(const sdp::Description& offer) {
    if (!remote_ && options_.role == PeerRole::Offer) {
        fail({Errc::Mismatch, "both sides offer: start one of them as the answering side"});
        return;
    }
    if (remote_) {
        const auto known = [&](const auto& finder) {
            return finder && finder->has_remote() && finder->remote_ufrag() == offer.ufrag;
        };
        if (known(next_) || known(active_)) {
            if (!next_ || known(next_)) answer_again(offer);
            return;
        }
        if (!continues_dtls(offer)) return;
        // Both restart at once: the one that offered first of all insists (as in "perfect
        // negotiation", W3C WebRTC 10.7).
        if (offering_ && options_.role == PeerRole::Offer) return;
        if (next_ && next_->has_remote()) bury(std::exchange(next_, nullptr));
        if (!next_) {
            if (const auto begun = begin_round(); !begun) {
                network_note_ = "restart: " + begun.error().message;
                if (!active_) fail(begun.error()); // the round before was the only one
                return;
            }
            ++restarts_;
        }
        offering_ = false;
        described_ = false;
    }
    if (offer.ice_lite && !finder_config_.controlling) {
        // The full agent controls (RFC 8445 section 6.1.1), which libnice wants to know before it
        // gathers.
        finder_config_.controlling = true;
        bury(std::exchange(next_, nullptr));
        if (const auto begun = begin_round(); !begun) {
            fail(begun.error());
            return;
        }
    }
    trickling_ = options_.trickle && offer.trickle;
    answer_ = sdp::answer_to(offer);
    if (setup_ == sdp::Setup::ActPass) setup_ = answer_.setup;
    take_remote(offer);
    if (!over()) say_description();
}

// The path stays: the offer is about media that we do not have, or a replay, which has no new
// version. Whoever offers waits for an answer (RFC 8829 section 5.3.2).
void Session::answer_again(const sdp::Description& offer) {
    const bool newer = offer.session_id == remote_->session_id && offer.version > remote_->version;
    if (!newer || offering_ || (next_ && !described_) || !continues_dtls(offer)) return;
    answer_ = sdp::answer_to(offer);
    remote_ = offer;
    described_ = false;
    say_now();
}

void Session::hear_answer(const sdp::Description& answer) {
    if (options_.role == PeerRole::Answer && !remote_) {
        fail({Errc::Mismatch, "an answer came where an offer was awaited: both sides answer"});
        return;
    }
    if (!offering_ || !next_ || next_->has_remote()) return; // replayed
    if (active_ && active_->remote_ufrag() == answer.ufrag) return;
    if (remote_ && !continues_dtls(answer)) return;
    offering_ = false;
    if (setup_ == sdp::Setup::ActPass) {
        setup_ = answer.setup == sdp::Setup::Active ? sdp::Setup::Passive : sdp::Setup::Active;
    }
    take_remote(answer);
}

// The keys of a session stay, and so do the roles: what RFC 8842 section 3 counts as the wish for a
// new DTLS association is refused. But Firefox answers every "actpass" by "active", also where it
// is the server of the association that it keeps.
bool Session::continues_dtls(const sdp::Description& remote) {
    const bool other_certificate = remote.fingerprints != remote_->fingerprints;
    const bool same_role = remote.kind == sdp::Kind::Offer && remote.setup == setup_;
    if (!other_certificate && !same_role && remote.tls_id == remote_->tls_id) return true;
    network_note_ = other_certificate
                        ? "a description with another certificate was ignored"
                        : "a description that asks for another DTLS association was ignored";
    publish();
    return false;
}

void Session::hear_candidate(const signal::Candidate& message) {
    if (message.candidate.empty()) return; // the checks' own time-outs end the search
    const auto finder = next_ ? next_ : active_;
    if (!finder) return;
    if (!finder->has_remote()) {
        if (early_candidates_.size() < kMaxRemoteCandidates) {
            early_candidates_.push_back(message.candidate);
        } else {
            network_note_ =
                "the peer signalled more candidates before its description than are kept";
            publish();
        }
        return;
    }
    if (message.ufrag && *message.ufrag != finder->remote_ufrag()) return; // of another round
    if (const auto candidate = sdp::decode_candidate(message.candidate)) {
        finder->add_remote_candidate(*candidate);
    }
}

sdp::Description Session::local_description() const {
    const auto& finder = next_ ? next_ : active_;
    sdp::Description out;
    if (!offering_) out = answer_;
    out.kind = offering_ ? sdp::Kind::Offer : sdp::Kind::Answer;
    out.session_id = session_id_;
    out.version = version_;
    if (remote_ && offering_) {
        // As many m-lines as ever were, in their order (RFC 3264 section 8).
        if (!remote_->mid.empty()) out.mid = remote_->mid;
        out.bundle = remote_->bundle;
        out.protocol = remote_->protocol;
        out.line_index = remote_->line_index;
        out.other_media = remote_->other_media;
    }
    out.ufrag = finder->ufrag();
    out.password = finder->password();
    out.trickle = trickling_;
    if (offering_ || !remote_->tls_id.empty()) out.tls_id = tls_id_;
    out.fingerprints = {certificate_->fingerprint()};
    out.setup = offering_ ? sdp::Setup::ActPass : setup_;
    out.max_message_size = Channel::kMaxMessage;
    out.candidates.clear();
    for (const auto& candidate : finder->candidates()) {
        const bool hidden = options_.relay_only && candidate.type != sdp::CandidateType::Relayed;
        if (!hidden && out.candidates.size() < sdp::kMaxCandidates) {
            out.candidates.push_back(candidate);
        }
    }
    out.end_of_candidates = !trickling_ || finder->gathered();
    return out;
}

// Now, or when enough is known to be said.
void Session::say_description() {
    if (described_) return;
    const auto& finder = next_ ? next_ : active_;
    if (!trickling_ && !finder->gathered() && !describe_timer_.running()) {
        const auto round = round_;
        describe_timer_.start_after(options_.gathering_limit, [this, round] {
            if (round == round_) say_now();
        });
        return;
    }
    if (!trickling_ && !finder->gathered()) return;
    // An answering side gathers before it knows what to answer.
    if (!offering_ && !(remote_ && finder->has_remote())) return;
    say_now();
}

void Session::say_now() {
    if (described_ || over()) return;
    const auto self = shared_from_this();
    describe_timer_.stop();
    if (!offering_ && !remote_) return;
    described_ = true;
    ++version_;
    if (!timings_.described) timings_.described = elapsed();
    const auto description = local_description();
    said_end_ = description.end_of_candidates;
    say(signal::Description{description.kind, sdp::encode(description)});
}

void Session::say_candidate(const sdp::Candidate& candidate, const std::string& ufrag) {
    auto message = about_candidate(ufrag);
    message.candidate = sdp::encode(candidate);
    say(message);
}

void Session::say_end(const std::string& ufrag) {
    say(about_candidate(ufrag));
}

// By the name that the m-line has in both descriptions, if it has one, and by its place.
signal::Candidate Session::about_candidate(const std::string& ufrag) const {
    signal::Candidate out;
    if (!remote_) {
        out.mid = sdp::Description().mid;
    } else if (!remote_->mid.empty()) {
        out.mid = remote_->mid;
    }
    out.line_index = static_cast<std::uint16_t>(remote_ ? remote_->line_index : 0);
    out.ufrag = ufrag;
    return out;
}

// Posted: `send` never runs inside libnice's or the application's own calls.
void Session::say(const signal::Message& message) {
    loop_.post([self = shared_from_this(), line = signal::encode(message)] {
        if (self->over()) return;
        const auto handlers = self->handlers();
        if (handlers->send) handlers->send(line);
    });
}

} // namespace natterjack::peer
