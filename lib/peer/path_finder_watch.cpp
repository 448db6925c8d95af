// SPDX-License-Identifier: MIT
// The path that was found: whether the peer is still there, a better one instead of a relay, and
// both in words.
#include <algorithm>
#include <utility>

#include "peer/path_finder.hpp"

namespace natterjack::peer {

namespace {

// Whether the peer is still there (RFC 7675 asks every 5 s; so that 12 s of silence are three
// questions and their repetitions).
constexpr Duration kWatchInterval{4000};
constexpr Duration kWatchLimit{1500};
const std::vector<Duration> kWatchRepeats = {Duration(300), Duration(800)};
// Three questions and their repetitions.
constexpr int kMaxPadded = 9;

// A relay is left as soon as there is a direct way: looked for at once, then ever more seldom.
constexpr Duration kFirstSeek{100};
constexpr Duration kLastSeek{30'000};
constexpr Duration kSeekLimit{1000};
constexpr std::size_t kMaxSought = 16; // of the peer's addresses in one go

constexpr unsigned kPeerReflexivePreference = 110; // RFC 8445 section 5.1.2.2

} // namespace

void PathFinder::take_pair(const ice::IceAgent::Pair& pair) {
    pair_ = pair;
    last_heard_ = net::now();
    answered_once_ = false;
    update_path();
    if (!watch_timer_.running() && !asking_) watch();
}

void PathFinder::update_path() {
    if (!pair_) return;
    PeerPath path;
    path.local_kind = kind_of(pair_->local_type, pair_->local, candidates_);
    auto signalled = remote_candidates_;
    signalled.insert(signalled.end(), remote_names_.begin(), remote_names_.end());
    path.remote_kind = kind_of(pair_->remote_type, pair_->remote, signalled);
    // Through the gateway's mapping, although the check did not say so: our socket is the mapped
    // one and the peer sends to the mapped address.
    path.local = pair_->local;
    path.remote = pair_->remote;
    path.kind = path_kind(path.local_kind, path.remote_kind);
    if (path.kind == PathKind::Relayed) path.note = why_relayed();
    if (path.kind == PathKind::Mapped && path.local_kind == CandidateKind::Mapped && mapped_) {
        path.note = "mapped by " + std::string(natterjack::to_string(mapped_->strategy));
    }
    if (path_ == path) return;
    path_ = path;
    if (path.kind == PathKind::Relayed) {
        seek_direct();
    } else {
        seek_timer_.stop();
    }
    if (handlers_.on_path) handlers_.on_path(path);
}

// With the first pair, libnice drops all checks that have not begun, better ones included (it
// knows no more than that the peer may ask). So the peer is asked from here: its own check comes
// back by the same way, and of that libnice makes a pair.
void PathFinder::seek_direct() {
    if (config_.relay_only) return;
    seek_pause_ = kFirstSeek;
    ask_directly();
}

void PathFinder::ask_directly() {
    std::size_t asked = 0;
    for (const auto& candidate : remote_candidates_) {
        if (candidate.type == sdp::CandidateType::Relayed || asked == kMaxSought) continue;
        ++asked;
        for (auto& socket : sockets_) {
            if (socket.local.address.is_v4() != candidate.address.is_v4() ||
                socket.local.address.is_loopback() != candidate.address.is_loopback()) {
                continue;
            }
            const auto* host = host_candidate(socket.local);
            socket.stun.ask({.to = {candidate.address, candidate.port},
                             .check = check_from(host != nullptr ? host->priority : 0),
                             .repeat = {},
                             .deadline = kSeekLimit},
                            [](const auto&) {}); // libnice tells what comes of it
        }
    }
    seek_timer_.start_after(seek_pause_, [this] { ask_directly(); });
    seek_pause_ = std::min(2 * seek_pause_, kLastSeek);
}

ice::IceCheck PathFinder::check_from(std::uint32_t local_priority) const {
    return {.username = remote_ufrag_ + ":" + ufrag_,
            .password = remote_password_,
            .priority = priority_of(kPeerReflexivePreference, local_priority >> 8U),
            .controlling = config_.controlling,
            .tie_breaker = tie_breaker_};
}

// The first question at once: it measures the round trip.
void PathFinder::watch() {
    asking_ = false;
    if (!answered_once_ && !rtt_) {
        ask_peer();
        return;
    }
    watch_timer_.start_after(kWatchInterval, [this] { ask_peer(); });
}

void PathFinder::ask_peer() {
    if (!pair_ || sockets_.empty()) return;
    const bool relayed = path_->local_kind == CandidateKind::Relayed;
    auto socket = std::find_if(sockets_.begin(), sockets_.end(),
                               [&](const Socket& each) { return each.local == pair_->base; });
    if (socket == sockets_.end()) {
        if (!relayed) return;
        socket = sockets_.begin();
    }
    ice::StunClient::Request request{.to = pair_->remote,
                                     .check = check_from(pair_->local_priority),
                                     .repeat = kWatchRepeats,
                                     .deadline = kWatchLimit};
    must_answer_ = !relayed;
    if (relayed) {
        request.send = [this](ByteView message) {
            agent_->send(message);
            // Answers that come by TCP go past us.
            if (handlers_.on_asking && handlers_.on_asking()) {
                must_answer_ = true;
            } else if (may_pad()) {
                agent_->send(ice::encode_padded({message.begin(), message.end()}));
            }
        };
    }
    asking_ = true;
    socket->stun.ask(std::move(request), [this, asked = net::now()](
                                             const Result<ice::StunClient::Answer>& answer) {
        asking_ = false;
        if (answer) {
            answered_once_ = true;
            last_heard_ = net::now();
            if (!answer->repeated) {
                // Smoothed as TCP does (RFC 6298 section 2.3).
                rtt_ = rtt_ ? *rtt_ * 7 / 8 + answer->round_trip / 8 : answer->round_trip;
                if (handlers_.on_round_trip) handlers_.on_round_trip();
            }
            watch();
            return;
        }
        // An error response (roles that changed meanwhile) is a sign of life, too.
        const bool heard = last_heard_ > asked || answer.error().code == Errc::Refused;
        if (heard || (!must_answer_ && !answered_once_)) {
            watch_timer_.start_after(kWatchInterval, [this] { ask_peer(); });
            return;
        }
        ask_peer();
        if (handlers_.on_quiet) handlers_.on_quiet();
    });
}

// Padded checks are for a peer of the same make. To another's application they would be strange
// data: it gets a few, and that it is gone is noticed by libnice alone, after 50 s.
bool PathFinder::may_pad() {
    const bool by_tcp = std::any_of(relays_.begin(), relays_.end(), [](const auto& each) {
        return each.transport == Transport::Tcp;
    });
    return by_tcp && (answered_once_ || padded_++ < kMaxPadded);
}

bool PathFinder::take_padded_check(ByteView datagram) {
    const auto check =
        ice::read_padded_check(datagram, ufrag_ + ":" + remote_ufrag_, password_, remote_password_);
    if (!check) return false;
    if (!check->question) {
        for (auto& socket : sockets_) socket.stun.take_answer(check->id);
    } else if (pair_) {
        agent_->send(
            ice::encode_padded(ice::encode_check_answer(check->id, pair_->remote, password_)));
    }
    return true;
}

std::string PathFinder::why_relayed() const {
    if (config_.relay_only) return "because only a relay was allowed";
    const auto has_public = [](const std::vector<sdp::Candidate>& candidates) {
        return std::any_of(candidates.begin(), candidates.end(), [](const sdp::Candidate& each) {
            return each.type != sdp::CandidateType::Relayed && each.address.is_public();
        });
    };
    if (!has_public(candidates_)) {
        return "because no address of ours that the outside could send to is known (UDP blocked?)";
    }
    if (!has_public(remote_candidates_)) {
        return "because the peer signalled no address that the outside could send to";
    }
    return "because checks between the NATs were not answered (both give every destination "
           "another port?)";
}

void PathFinder::describe(PeerInfo& info) const {
    for (const auto& socket : sockets_) {
        if (socket.reflexive) info.reflexive.push_back(*socket.reflexive);
    }
    if (mapped_) info.mapped = mapped_->external;
    for (const auto& each : candidates_) {
        if (each.type == sdp::CandidateType::Relayed) {
            info.relayed.push_back({each.address, each.port});
        }
    }
    info.path = path_;
    info.round_trip = rtt_;
    info.notes = notes_;
    if (cut_off_) {
        info.notes.push_back("the peer signals more addresses than any host has: no more than " +
                             std::to_string(kMaxRemoteCandidates) + ", and " +
                             std::to_string(kMaxRemoteNames) + " names, are looked at");
    }
}

std::string PathFinder::explain_failure() const {
    std::string out = "no way to the peer: " + std::to_string(candidates_.size()) +
                      " of our addresses and " + std::to_string(remote_candidates_.size()) +
                      " of the peer's were tried";
    const auto relayed = [](const std::vector<sdp::Candidate>& candidates) {
        return std::any_of(candidates.begin(), candidates.end(), [](const sdp::Candidate& each) {
            return each.type == sdp::CandidateType::Relayed;
        });
    };
    const bool blocked = !stun_servers_.empty() &&
                         std::none_of(sockets_.begin(), sockets_.end(),
                                      [](const auto& each) { return each.reflexive.has_value(); });
    if (remote_candidates_.empty()) {
        out += ": the peer signalled none that can be used";
    } else if (blocked) {
        out += ", and no STUN server answered: UDP seems to be blocked here";
    } else if (config_.stun.empty() && config_.turn.empty()) {
        out += "; no STUN server was named, so the outside's view of us is unknown";
    }
    if (relayed(candidates_) || relayed(remote_candidates_)) return out;
    if (config_.turn.empty()) return out + "; with a TURN server it would go by a relay";
    out += "; and no TURN server gave a relay";
    if (relay_answers_) out += ", although one answers: a wrong user or password?";
    return out;
}

} // namespace natterjack::peer
